package media

import (
	"errors"
	"io"
	"io/fs"
)

// Image is an opened Windows installation disc. It is safe for concurrent use
// as far as the reader beneath it is.
type Image struct {
	r    io.ReaderAt
	size int64
}

// Open reads the volume structures of the disc in r, which is size bytes long.
// A disc that is truncated, or that is not UDF, is refused with a
// *NotWindowsError or *TruncatedError.
func Open(r io.ReaderAt, size int64) (*Image, error) { return nil, errors.New("not yet") }

// OpenFile opens the disc at path. The closer releases the file.
func OpenFile(path string) (*Image, io.Closer, error) { return nil, nil, errors.New("not yet") }

// FS gives the disc's tree. Names are looked up case-insensitively, as Windows
// does; ReadDir gives them as they are written on the disc.
func (i *Image) FS() fs.FS { return nil }

// Size is the disc's length in bytes.
func (i *Image) Size() int64 { return i.size }

// Inspect reads what the disc installs: the XML of install.wim (or .esd, .swm),
// ei.cfg, lang.ini and the boot catalogue. It reads well under 1 MB.
func (i *Image) Inspect() (*Facts, error) { return nil, errors.New("not yet") }
