package media

import (
	"errors"
	"io"
	"io/fs"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/media/eltorito"
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
}

// bootChange is what NoPromptUEFI does: put replacement in the place of the
// image at sector; nothing when the disc's image has no prompt already.
type bootChange struct {
	sector      uint32
	replacement *variant
}

// Edit starts an edit of the disc.
func (i *Image) Edit() *Edit { return &Edit{image: i} }

// NoPromptUEFI replaces the UEFI boot image that waits for a key by the disc's
// own image that does not. Having no prompt already is fine. A disc whose boot
// image is not one of its own efisys files, or that has none without a prompt
// by the same signer, is refused with a *RefusedError.
//
// The image's bytes are overwritten where they lie: the catalogue is unchanged,
// and so is what firmware computes from it for a sector count of 1.
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
	e.noPrompt = &bootChange{sector: boot.entry.Sector, replacement: replacement}
	return nil
}

// AddFile adds the file at path, or replaces it; directories are made as needed.
func (e *Edit) AddFile(path string, s Source) error { return errors.New("not yet") }

// AddFS adds every file of f beneath prefix.
func (e *Edit) AddFS(prefix string, f fs.FS) error { return errors.New("not yet") }

// Remove removes a file, or a directory with all that it holds.
func (e *Edit) Remove(path string) error { return errors.New("not yet") }

// Options of a plan.
type Options struct{}

// Plan works the edit out. It refuses, with the reason (*RefusedError), discs
// that are not laid out as it knows them.
func (e *Edit) Plan(_ Options) (*Plan, error) {
	var changes []change
	if b := e.noPrompt; b != nil && b.replacement != nil {
		changes = append(changes, change{int64(b.sector) * sectorSize, b.replacement})
	}
	o, err := newOverlaid(e.image.r, e.image.size, e.image.size, changes)
	if err != nil {
		return nil, err
	}
	return &Plan{edit: e, disc: o}, nil
}
