package media

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/media/eltorito"
)

// Rebuild writes the edited disc anew to the file out, laid out as BuildDisc
// does it: for discs that Plan refuses. It copies every byte. The boot images
// are taken as they are, or as NoPromptUEFI has them.
func (e *Edit) Rebuild(ctx context.Context, out string) error {
	spec := DiscSpec{Label: cut(e.image.Label(), 32), Recorded: e.image.vol.Recorded()}
	var err error
	if spec.Files, err = e.files(); err != nil {
		return err
	}
	if err := e.bootImages(&spec); err != nil {
		return err
	}
	return BuildDisc(ctx, out, spec)
}

func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "")
}

// files are the disc's files after the edit's steps.
func (e *Edit) files() ([]DiscFile, error) {
	files := map[string]DiscFile{}
	tree := e.image.FS()
	err := fs.WalkDir(tree, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		files[strings.ToLower(path)] = DiscFile{Path: path, Size: info.Size(), Open: func() (io.ReadCloser, error) { return tree.Open(path) }}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, s := range e.steps {
		key := strings.ToLower(s.path)
		if s.source != nil {
			path := s.path
			if was, ok := files[key]; ok {
				path = was.Path
			}
			files[key] = sourceFile(path, s.source)
			continue
		}
		gone := 0
		for name := range files {
			if name == key || strings.HasPrefix(name, key+"/") {
				delete(files, name)
				gone++
			}
		}
		if gone == 0 {
			return nil, &fs.PathError{Op: "remove", Path: s.path, Err: fs.ErrNotExist}
		}
	}
	var out []DiscFile
	for _, key := range slices.Sorted(maps.Keys(files)) {
		out = append(out, files[key])
	}
	return out, nil
}

func sourceFile(path string, s Source) DiscFile {
	return DiscFile{Path: path, Size: s.Size(), Open: func() (io.ReadCloser, error) {
		return io.NopCloser(io.NewSectionReader(s, 0, s.Size())), nil
	}}
}

// bootImages finds the boot images that the new disc's catalogue is to name.
func (e *Edit) bootImages(spec *DiscSpec) error {
	catalog, err := eltorito.Read(e.image.r, e.image.size)
	if errors.Is(err, eltorito.ErrNone) {
		return nil
	}
	if err != nil {
		return err
	}
	if entries := catalog.Bootable(eltorito.BIOS); len(entries) > 0 {
		if err := e.image.biosImage(spec, entries[0]); err != nil {
			return err
		}
	}
	if len(catalog.Bootable(eltorito.EFI)) == 0 {
		return nil
	}
	boot, err := e.image.findBoot(catalog)
	if err != nil {
		return err
	}
	image := boot.current[0]
	if e.noPrompt != nil && e.noPrompt.replacement != nil {
		image = *e.noPrompt.replacement
	}
	file := sourceFile(image.path, image)
	spec.UEFI = &file
	return nil
}

// biosImage takes the image that BIOS starts: boot/etfsboot.com where it is
// that, else as many sectors as the catalogue has the BIOS load.
func (i *Image) biosImage(spec *DiscSpec, entry eltorito.Entry) error {
	if entry.Media != 0 {
		return refused("its BIOS boot image asks for emulation %d", entry.Media)
	}
	start := int64(entry.Sector) * sectorSize
	length := int64(entry.Count) * 512
	if f, err := i.FS().Open("boot/etfsboot.com"); err == nil {
		defer f.Close()
		s, ok := f.(Source)
		if ok && s.Size() <= 1<<20 && start+s.Size() <= i.size {
			same, err := equalSpans(io.NewSectionReader(i.r, start, s.Size()), s, []span{{0, s.Size()}})
			if err != nil {
				return err
			}
			if same {
				length = s.Size()
			}
		}
	}
	if length < 512 || start+length > i.size {
		return refused("its BIOS boot image at sector %d has %d bytes", entry.Sector, length)
	}
	b := make([]byte, length)
	if n, err := i.r.ReadAt(b, start); n < len(b) {
		return fmt.Errorf("reading the BIOS boot image: %w", err)
	}
	if length >= 64 && binary.LittleEndian.Uint32(b[8:]) == primarySector && binary.LittleEndian.Uint32(b[12:]) == entry.Sector {
		return refused("its BIOS boot image holds a table of where it lies, which Windows' images don't")
	}
	file := BytesFile("boot/etfsboot.com", b)
	spec.BIOS = &file
	return nil
}
