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

// Edit gathers changes to a disc; nothing is written before Plan or Rebuild.
type Edit struct {
	image    *Image
	noPrompt *bootChange
	steps    []editStep
}

// editStep adds a file, or removes what is at path when it has no source.
type editStep struct {
	path   string
	source Source
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

// AddFile adds the file at path, or replaces it; directories are made as needed.
// Names are found in any case, as Windows does; one that is replaced keeps its
// own.
func (e *Edit) AddFile(path string, s Source) error {
	if err := checkPath(path); err != nil {
		return err
	}
	if s == nil {
		return fmt.Errorf("%s: no content is given for it; use Remove to remove a file", path)
	}
	for element := range strings.SplitSeq(path, "/") {
		if why := NotForWindows(element); why != "" {
			return fmt.Errorf("%q %s", path, why)
		}
	}
	e.steps = append(e.steps, editStep{path, s})
	return nil
}

// checkPath refuses what is no path on a disc.
func checkPath(path string) error {
	if !fs.ValidPath(path) || path == "." {
		return &fs.PathError{Op: "edit", Path: path, Err: fs.ErrInvalid}
	}
	return nil
}

// AddDiscFile adds f as AddFile does.
func (e *Edit) AddDiscFile(f DiscFile) error {
	return e.AddFile(f.Path, &discSource{file: f})
}

// AddDiscFiles adds the files that WriteAnswerDisc takes, in the same places: for
// machines that have one drive. Setup looks for Autounattend.xml and
// $WinPEDriver$ at the root of the disc that it was started from as well.
func (e *Edit) AddDiscFiles(files []DiscFile) error {
	if err := checkDiscFiles(files); err != nil {
		return err
	}
	for _, f := range files {
		if err := e.AddDiscFile(f); err != nil {
			return err
		}
	}
	return nil
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
		return e.AddFile(path.Join(prefix, name), fsSource{f, name, info.Size()})
	})
}

// Remove removes a file, or a directory with all that it holds.
func (e *Edit) Remove(path string) error {
	if err := checkPath(path); err != nil {
		return err
	}
	e.steps = append(e.steps, editStep{path: path})
	return nil
}

// Options of a plan.
type Options struct{}

// Plan works the edit out. It refuses, with the reason (*RefusedError), discs
// that are not laid out as it knows them. Rebuild serves those of them whose UDF
// is sound and whose boot images are known. A file of the disc, edited or not,
// that runs past its end is a *TruncatedError: a download that was cut off.
func (e *Edit) Plan(_ Options) (*Plan, error) {
	if err := e.image.vol.Check(); err != nil {
		return nil, truncatedFile(err)
	}
	size := e.image.size
	var changes []change
	if b := e.noPrompt; b != nil && b.replacement != nil {
		changes = append(changes, b.change)
	}
	if len(e.steps) > 0 {
		patch, err := e.patch()
		if err != nil {
			return nil, err
		}
		for _, c := range patch.Changes {
			source, ok := c.Content.(Source)
			if !ok {
				source = io.NewSectionReader(c.Content, 0, c.Length)
			}
			changes = append(changes, change{c.Offset, source})
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
		return nil, refused("its structures overlap: %v", err)
	}
	return &Plan{edit: e, disc: o}, nil
}

// patch edits the tree.
func (e *Edit) patch() (*udf.Patch, error) {
	patch, err := e.patchTree()
	var refusal *udf.RefusedError
	if errors.As(err, &refusal) {
		return nil, &RefusedError{Reason: refusal.Reason}
	}
	return patch, err
}

func (e *Edit) patchTree() (*udf.Patch, error) {
	tree, err := e.image.vol.Editor()
	if err != nil {
		return nil, err
	}
	for _, s := range e.steps {
		if s.source == nil {
			err = tree.Remove(s.path)
		} else {
			err = tree.Add(s.path, s.source.Size(), s.source)
		}
		if err != nil {
			return nil, err
		}
	}
	return tree.Plan()
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
