package media

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/media/wim"
)

// wim reads the header and XML of the WIM at path.
func (i *Image) wim(path string) (*wim.Info, error) { return i.readWIM(path, wim.Read) }

func (i *Image) readWIM(path string, read func(io.ReaderAt, int64) (*wim.Info, error)) (*wim.Info, error) {
	file, err := i.FS().Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	at, ok := file.(Source)
	if !ok {
		return nil, fmt.Errorf("%s: it is a directory", path)
	}
	info, err := read(at, at.Size())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return info, nil
}

// checkParts wants the image file at path to be whole: Setup and DISM read it to
// the end only after the disk has been wiped. The parts of a split one are
// install.swm, install2.swm …, which is how DISM and Setup name them, and have
// one GUID ([MS-WIM]).
func (i *Image) checkParts(path string, first *wim.Info) error {
	if err := isPart(path, first, first, 1); err != nil {
		return err
	}
	stem, split := strings.CutSuffix(path, ".swm")
	if !split && first.TotalParts != 1 {
		return fmt.Errorf("%s is the first of %d parts of a split image, and Setup takes it for the whole: make it one file, or name the parts install.swm, install2.swm …", path, first.TotalParts)
	}
	for n := 2; n <= first.TotalParts; n++ {
		part := fmt.Sprintf("%s%d.swm", stem, n)
		info, err := i.readWIM(part, wim.ReadHeader)
		if errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%s has %d parts, and the disc no %s: %w", path, first.TotalParts, part, err)
		}
		if err != nil {
			return err
		}
		if err := isPart(part, info, first, n); err != nil {
			return err
		}
	}
	return nil
}

// isPart wants the file at path to be part n of the image whose first part's
// header is first.
func isPart(path string, part, first *wim.Info, n int) error {
	if part.PartNumber != n || part.TotalParts != first.TotalParts || part.TotalParts < 1 {
		return fmt.Errorf("%s is part %d of %d of a split image, and has the name of part %d of %d: put all its parts on the disc by their own names",
			path, part.PartNumber, part.TotalParts, n, max(1, first.TotalParts))
	}
	if part.GUID != first.GUID {
		return fmt.Errorf("%s is part %d of another image than the first part: put all parts of one image on the disc", path, n)
	}
	return nil
}
