package media

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/media/eltorito"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/media/udf"
)

// Verify opens the patched disc anew, walks it and compares it with the
// original: files that the edit doesn't name must be what they were, those that
// it adds must be what was added, those that it removes must be gone.
func (p *Plan) Verify() error {
	if err := p.verify(); err != nil {
		return fmt.Errorf("verifying the patched disc: %w", err)
	}
	return nil
}

func (p *Plan) verify() error {
	now, err := Open(p, p.Size())
	if err != nil {
		return err
	}
	before, e := p.edit.image, p.edit.outcome()
	err = fs.WalkDir(before.FS(), ".", func(path string, d fs.DirEntry, err error) error {
		key := udf.Fold(path)
		switch {
		case err != nil:
			return err
		case e.added[key] != nil:
			return nil
		case e.isRemoved(key) && d.IsDir():
			return fs.SkipDir
		case e.isRemoved(key):
			return nil
		}
		return sameFile(before, now, path, d.IsDir())
	})
	if err != nil {
		return err
	}
	// every file of the new disc is either added or was there before
	err = fs.WalkDir(now.FS(), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || e.added[udf.Fold(path)] != nil {
			return err
		}
		if e.isRemoved(udf.Fold(path)) {
			return fmt.Errorf("%q: it was removed and is still there", path)
		}
		_, err = fs.Stat(before.FS(), path)
		return err
	})
	if err != nil {
		return err
	}
	for path, want := range e.added {
		if err := sameContent(now, path, want); err != nil {
			return err
		}
	}
	return p.verifyBoot()
}

// outcome is what an edit's steps come to, by folded paths.
type outcome struct {
	added   map[string]Source
	removed []string
}

func (e *Edit) outcome() outcome {
	o := outcome{added: map[string]Source{}}
	for _, s := range e.steps {
		key := udf.Fold(s.path)
		if s.source != nil {
			o.added[key] = s.source
			continue
		}
		o.removed = append(o.removed, key)
		for name := range o.added {
			if name == key || strings.HasPrefix(name, key+"/") {
				delete(o.added, name)
			}
		}
	}
	return o
}

// isRemoved tells whether a folded path is removed or lies beneath one
// that is.
func (o outcome) isRemoved(key string) bool {
	return slices.ContainsFunc(o.removed, func(r string) bool { return key == r || strings.HasPrefix(key, r+"/") })
}

// sameContent compares a file of the disc with a source, to the last byte.
func sameContent(now *Image, path string, want Source) error {
	f, err := now.FS().Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	got, ok := f.(Source)
	if !ok || got.Size() != want.Size() {
		return fmt.Errorf("%q: it doesn't have the %d bytes that were added", path, want.Size())
	}
	same, err := equalSpans(got, want, []span{{0, want.Size()}})
	if err == nil && !same {
		err = errors.New("it is not what was added")
	}
	if err != nil {
		return fmt.Errorf("%q: %w", path, err)
	}
	return nil
}

// sameFile compares a file's sizes and places; its content where it moved.
func sameFile(before, now *Image, path string, dir bool) error {
	if dir {
		info, err := fs.Stat(now.FS(), path)
		if err == nil && !info.IsDir() {
			err = errors.New("it is no directory any more")
		}
		return err
	}
	a, err := before.FS().Open(path)
	if err != nil {
		return err
	}
	defer a.Close()
	b, err := now.FS().Open(path)
	if err != nil {
		return err
	}
	defer b.Close()
	x, isFile := a.(Source)
	y, stillFile := b.(Source)
	if !isFile || !stillFile {
		return fmt.Errorf("%q: it is listed as a file and opens as something else", path)
	}
	if x.Size() != y.Size() {
		return fmt.Errorf("%q: %d bytes, was %d", path, y.Size(), x.Size())
	}
	// small files whole; of large ones the start, the middle and the end
	const whole = 64 << 10
	for _, at := range []int64{0, x.Size() / 2, max(0, x.Size()-whole)} {
		n := min(whole, x.Size()-at)
		same, err := equalSpans(x, y, []span{{at, n}})
		if err != nil {
			return fmt.Errorf("%q: %w", path, err)
		}
		if !same {
			return fmt.Errorf("%q: its content changed at byte %d", path, at)
		}
	}
	return nil
}

// verifyBoot proves that the catalogue names the image that was wished for.
func (p *Plan) verifyBoot() error {
	b := p.edit.noPrompt
	if b == nil || b.replacement == nil {
		return nil
	}
	catalog, err := eltorito.Read(p, p.Size())
	if err != nil {
		return err
	}
	entries := catalog.Bootable(eltorito.EFI)
	if len(entries) != 1 {
		return fmt.Errorf("the patched disc has %d EFI boot entries", len(entries))
	}
	want, got := make([]byte, b.replacement.Size()), make([]byte, b.replacement.Size())
	if n, err := b.replacement.ReadAt(want, 0); n < len(want) {
		return err
	}
	if _, err := io.ReadFull(io.NewSectionReader(p, int64(entries[0].Sector)*sectorSize, int64(len(got))), got); err != nil {
		return err
	}
	if !bytes.Equal(want, got) {
		return fmt.Errorf("the patched disc's EFI boot image is not %s", b.replacement.path)
	}
	return nil
}
