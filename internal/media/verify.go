package media

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/media/eltorito"
)

// Verify opens the patched disc anew, walks it and compares it with the
// original: files that the edit doesn't name must be what they were.
func (p *Plan) Verify() error {
	now, err := Open(p, p.Size())
	if err != nil {
		return fmt.Errorf("verifying the patched disc: %w", err)
	}
	before := p.edit.image
	err = fs.WalkDir(before.FS(), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return sameFile(before, now, path, d.IsDir())
	})
	if err != nil {
		return fmt.Errorf("verifying the patched disc: %w", err)
	}
	return p.verifyBoot(now)
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
	x, y := a.(Source), b.(Source)
	if x.Size() != y.Size() {
		return fmt.Errorf("%s: %d bytes, was %d", path, y.Size(), x.Size())
	}
	// first and last sector: the map between is one run of extents
	for _, at := range []int64{0, max(0, x.Size()-sectorSize)} {
		n := min(sectorSize, x.Size()-at)
		same, err := equalSpans(x, y, []span{{at, n}})
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		if !same {
			return fmt.Errorf("%s: its content changed at byte %d", path, at)
		}
	}
	return nil
}

// verifyBoot proves that the catalogue names the image that was wished for.
func (p *Plan) verifyBoot(now *Image) error {
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
