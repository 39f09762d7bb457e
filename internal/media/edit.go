package media

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/media/eltorito"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/media/udf"
)

// Source is the content of a file that an Edit adds. *bytes.Reader and
// *io.SectionReader are sources.
type Source interface {
	io.ReaderAt
	Size() int64
}

// Edit gathers changes to a disc; nothing is written before Plan.
type Edit struct {
	image    *Image
	noPrompt *bootChange
	tree     *udf.Editor
	// added and removed are by lower-case path, for Verify
	added   map[string]Source
	removed []string
}

// bootChange is what NoPromptUEFI does. Nothing when the disc's image has no
// prompt already.
type bootChange struct {
	replacement *variant
	change      change
}

// Edit starts an edit of the disc.
func (i *Image) Edit() *Edit { return &Edit{image: i} }

// NoPromptUEFI replaces the UEFI boot image that waits for a key by the disc's
// own image that does not. Having no prompt already is fine. A disc whose boot
// image is not one of its own efisys files, or that has none without a prompt
// by the same signer, is refused with a *RefusedError.
//
// Microsoft's discs boot a hidden copy, whose bytes are overwritten where they
// lie: the catalogue is unchanged, and so is what firmware computes from it for
// a sector count of 1. Where the catalogue names the file's own sectors, as
// mkisofs has it, the entry is made to name those of the other file.
func (e *Edit) NoPromptUEFI() error {
	catalog, err := eltorito.Read(e.image.r, e.image.size)
	if errors.Is(err, eltorito.ErrNone) {
		return refused("it has no boot catalogue")
	}
	if err != nil {
		return err
	}
	boot, err := e.image.findBoot(catalog)
	if err != nil {
		return err
	}
	replacement, err := boot.replacement(e.image)
	if err != nil {
		return err
	}
	e.noPrompt = &bootChange{replacement: replacement}
	if replacement != nil {
		e.noPrompt.change, err = boot.change(*replacement)
	}
	return err
}

// editor starts the edit of the tree. A disc that is not laid out as it knows
// them is refused.
func (e *Edit) editor() (*udf.Editor, error) {
	if e.tree != nil {
		return e.tree, nil
	}
	tree, err := e.image.vol.Editor()
	var refusal *udf.RefusedError
	if errors.As(err, &refusal) {
		return nil, &RefusedError{Reason: refusal.Reason}
	}
	if err != nil {
		return nil, err
	}
	e.tree, e.added = tree, map[string]Source{}
	return tree, nil
}

// AddFile adds the file at path, or replaces it; directories are made as needed.
// Names are found in any case, as Windows does; one that is replaced keeps its
// own.
func (e *Edit) AddFile(path string, s Source) error {
	tree, err := e.editor()
	if err != nil {
		return err
	}
	if strings.ContainsAny(path, `*:?"<>|`) {
		return fmt.Errorf("%s: a name with a character that Windows doesn't allow", path)
	}
	if err := tree.Add(path, s.Size(), s); err != nil {
		return err
	}
	e.added[strings.ToLower(path)] = s
	return nil
}

// AddDiscFile adds f as AddFile does.
func (e *Edit) AddDiscFile(f DiscFile) error {
	return e.AddFile(f.Path, &discSource{file: f})
}

// AddFS adds every regular file of f beneath prefix; "." is the root.
func (e *Edit) AddFS(prefix string, f fs.FS) error {
	return fs.WalkDir(f, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if !info.Mode().IsRegular() {
			return fmt.Errorf("%s: not a regular file", name)
		}
		return e.AddDiscFile(DiscFile{Path: path.Join(prefix, name), Size: info.Size(), Open: func() (io.ReadCloser, error) { return f.Open(name) }})
	})
}

// Remove removes a file, or a directory with all that it holds.
func (e *Edit) Remove(path string) error {
	tree, err := e.editor()
	if err != nil {
		return err
	}
	if err := tree.Remove(path); err != nil {
		return err
	}
	key := strings.ToLower(path)
	for name := range e.added {
		if name == key || strings.HasPrefix(name, key+"/") {
			delete(e.added, name)
		}
	}
	e.removed = append(e.removed, key)
	return nil
}

// Options of a plan.
type Options struct{}

// Plan works the edit out. It refuses, with the reason (*RefusedError), discs
// that are not laid out as it knows them.
func (e *Edit) Plan(_ Options) (*Plan, error) {
	size := e.image.size
	var changes []change
	if b := e.noPrompt; b != nil && b.replacement != nil {
		changes = append(changes, b.change)
	}
	if e.tree != nil {
		patch, err := e.tree.Plan()
		if err != nil {
			return nil, err
		}
		for _, c := range patch.Changes {
			changes = append(changes, change{c.Offset, io.NewSectionReader(c.Content, 0, c.Length)})
		}
		if patch.Size != size {
			iso, err := e.image.growISO(patch.Size)
			if err != nil {
				return nil, err
			}
			changes = append(changes, iso...)
			size = patch.Size
		}
	}
	o, err := newOverlaid(e.image.r, e.image.size, size, changes)
	if err != nil {
		return nil, err
	}
	return &Plan{edit: e, disc: o}, nil
}

// growISO tells the ISO 9660 side of the disc's new length, where it knew the
// old one: for an EFI boot image with a sector count of 1, firmware takes the
// image to end where that volume does.
func (i *Image) growISO(size int64) ([]change, error) {
	const sizeField = 80
	var out []change
	for sector := int64(16); sector < 32; sector++ {
		b := make([]byte, sectorSize)
		if n, err := i.r.ReadAt(b, sector*sectorSize); n < len(b) {
			return nil, err
		}
		kind := b[0]
		if string(b[1:6]) != "CD001" || kind == 255 {
			break
		}
		// padding at the end may be left out of the volume, as mkisofs does
		const padding = 512
		known := int64(binary.LittleEndian.Uint32(b[sizeField:]))
		if old := i.size / sectorSize; (kind == 1 || kind == 2) && known <= old && known+padding >= old {
			field := make([]byte, 8)
			binary.LittleEndian.PutUint32(field, uint32(size/sectorSize))
			binary.BigEndian.PutUint32(field[4:], uint32(size/sectorSize))
			out = append(out, change{sector*sectorSize + sizeField, bytes.NewReader(field)})
		}
	}
	return out, nil
}
