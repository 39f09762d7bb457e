package media

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/media/udf"
)

const sectorSize = udf.SectorSize

// Image is an opened Windows installation disc. It is safe for concurrent use
// as far as the reader beneath it is.
type Image struct {
	r    io.ReaderAt
	size int64
	vol  *udf.Volume
	// confirm tells whether what r gave is of one and the same disc; nil where a
	// reader's own errors say so.
	confirm func() error
}

// Open reads the volume structures of the disc in r, which is size bytes long.
// A disc that is truncated, or that is not UDF, is refused with a
// *TruncatedError or a *NotWindowsError; other errors are the reader's.
func Open(r io.ReaderAt, size int64) (*Image, error) {
	vol, err := udf.Open(r, size)
	var truncated *udf.TruncatedError
	switch {
	case errors.Is(err, udf.ErrNotUDF):
		return nil, &NotWindowsError{Found: describe(r, size, "UDF")}
	case errors.As(err, &truncated):
		return nil, &TruncatedError{Size: size, Want: truncated.Want, End: truncated.Anchor}
	case err != nil:
		return nil, err
	}
	return &Image{r: r, size: size, vol: vol}, nil
}

// OpenFile opens the disc at path. The closer releases the file.
func OpenFile(path string) (*Image, io.Closer, error) {
	image, f, err := openFile(path)
	if err != nil {
		return nil, nil, err
	}
	return image, f, nil
}

func openFile(path string) (*Image, *os.File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	info, err := f.Stat()
	if err == nil && info.IsDir() {
		err = errors.New("it is a directory, not an ISO")
	}
	var image *Image
	if err == nil {
		image, err = Open(f, info.Size())
	}
	if err != nil {
		_ = f.Close()
		return nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	return image, f, nil
}

// FS gives the disc's tree. Names are looked up case-insensitively, as Windows
// does; ReadDir gives them as they are written on the disc. Files implement
// io.ReaderAt and io.Seeker.
func (i *Image) FS() fs.FS { return i.vol.FS() }

// Size is the disc's length in bytes.
func (i *Image) Size() int64 { return i.size }

// Confirm tells, once all is read, whether the disc stayed the same meanwhile, as
// far as its reader didn't tell with each read: a web server may give nothing by
// which a file's states can be told apart.
func (i *Image) Confirm() error {
	if i.confirm == nil {
		return nil
	}
	return i.confirm()
}

// Label is the volume's label.
func (i *Image) Label() string { return i.vol.Label() }

// describe says what a file is that has no volume of the wanted kind, "UDF" or
// "ISO 9660".
func describe(r io.ReaderAt, size int64, wanted string) string {
	head := make([]byte, 512)
	n, _ := r.ReadAt(head, 0)
	head = head[:n]
	text := bytes.ToLower(bytes.TrimLeft(head, "\ufeff \t\r\n"))
	switch {
	case size == 0:
		return "the file is empty"
	case bytes.HasPrefix(text, []byte("<!doctype html")), bytes.HasPrefix(text, []byte("<html")):
		return "it is a web page, so the download went wrong"
	case bytes.HasPrefix(head, []byte("QFI\xfb")):
		return "it is a qcow2 disk image"
	case bytes.HasPrefix(head, []byte("MSWIM\x00\x00\x00")):
		return "it is a WIM, not the ISO around it"
	case bytes.HasPrefix(head, []byte("PK\x03\x04")):
		return "it is a ZIP archive"
	}
	volume := make([]byte, sectorSize)
	if n, _ := r.ReadAt(volume, 16*sectorSize); n == len(volume) && string(volume[1:6]) == "CD001" {
		label := strings.TrimRight(string(volume[40:72]), " \x00")
		return fmt.Sprintf("it is an ISO 9660 disc labelled %q without UDF, which Windows' discs have", label)
	}
	return fmt.Sprintf("in its %d bytes is no %s volume", size, wanted)
}
