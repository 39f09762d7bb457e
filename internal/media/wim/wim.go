// Package wim reads the header and the XML of Windows imaging files: .wim, .esd
// and the first part of a split .swm. The XML is never compressed, not even in
// an ESD, so an edition list costs a few reads, whatever the file's size. The
// format is [MS-WIM].
package wim

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Magic starts every WIM.
const Magic = "MSWIM\x00\x00\x00"

// HeaderSize is the length of the header in bytes.
const HeaderSize = 208

// Versions of the format.
const (
	VersionDefault = 0x10d00
	VersionSolid   = 0xe00
)

// maxXML bounds the XML, in bytes of UTF-16; that of an ISO with eleven editions
// has some 40 KB.
const maxXML = 2 << 20

// maxImages bounds the images; Microsoft's fullest ISOs hold some dozen.
const maxImages = 1000

// ErrNotWIM says that the file doesn't start as a WIM does.
var ErrNotWIM = errors.New("not a WIM: it doesn't start with MSWIM")

// Info is what a WIM says of itself.
type Info struct {
	Version uint32
	Flags   uint32
	// GUID is the same in all parts of a split WIM.
	GUID [16]byte
	// PartNumber counts from 1 to TotalParts; both are 1 unless split.
	PartNumber, TotalParts int
	// BootIndex is the image that starts, in a boot.wim; 0 for none.
	BootIndex int
	// Images are in the XML's order.
	Images []Image
}

// Resource flags.
const (
	resourceCompressed = 0x04
	resourceSpanned    = 0x08
	resourceSolid      = 0x10
)

// Read reads the header and the XML of the WIM in r, size bytes long.
func Read(r io.ReaderAt, size int64) (*Info, error) {
	le := binary.LittleEndian
	info, b, err := readHeader(r, size)
	if err != nil {
		return nil, err
	}
	count := int(le.Uint32(b[0x2c:]))
	word := le.Uint64(b[0x48:])
	length, flags := int64(word&(1<<56-1)), byte(word>>56)
	offset := le.Uint64(b[0x50:])
	switch {
	case flags&(resourceCompressed|resourceSpanned|resourceSolid) != 0:
		return nil, fmt.Errorf("the WIM's XML has resource flags %#02x, it must be plain", flags)
	case length > maxXML:
		return nil, fmt.Errorf("the WIM's XML is %d bytes long, more than %d", length, maxXML)
	case length == 0:
		return nil, errors.New("the WIM has no XML: it was not finished")
	case offset > uint64(size) || uint64(length) > uint64(size)-offset:
		return nil, fmt.Errorf("the WIM's XML lies at %d, %d bytes long; the file ends at %d", offset, length, size)
	}
	text := make([]byte, length)
	if n, err := r.ReadAt(text, int64(offset)); n < len(text) {
		return nil, fmt.Errorf("reading the WIM's XML: %w", err)
	}
	if info.Images, err = parseXML(text); err != nil {
		return nil, err
	}
	if len(info.Images) != count {
		return nil, fmt.Errorf("the WIM's header counts %d images, its XML %d; the file is damaged", count, len(info.Images))
	}
	return info, checkIndexes(info.Images)
}

// ReadHeader reads the header alone, which is all that is asked of the second and
// further parts of a split WIM: Images is empty.
func ReadHeader(r io.ReaderAt, size int64) (*Info, error) {
	info, _, err := readHeader(r, size)
	return info, err
}

func readHeader(r io.ReaderAt, size int64) (*Info, []byte, error) {
	le := binary.LittleEndian
	b := make([]byte, HeaderSize)
	if size < HeaderSize {
		return nil, nil, ErrNotWIM
	}
	if n, err := r.ReadAt(b, 0); n < len(b) {
		return nil, nil, fmt.Errorf("reading the WIM's header: %w", err)
	}
	if string(b[:8]) != Magic {
		return nil, nil, ErrNotWIM
	}
	if n := le.Uint32(b[8:]); n != HeaderSize {
		return nil, nil, fmt.Errorf("WIM header of %d bytes, known is %d", n, HeaderSize)
	}
	return &Info{
		Version:    le.Uint32(b[0x0c:]),
		Flags:      le.Uint32(b[0x10:]),
		GUID:       [16]byte(b[0x18:]),
		PartNumber: int(le.Uint16(b[0x28:])),
		TotalParts: int(le.Uint16(b[0x2a:])),
		BootIndex:  int(le.Uint32(b[0x78:])),
	}, b, nil
}

// checkIndexes wants each index from 1 to the number of images once: Setup picks
// an image by its index, so an XML that is vague about it picks another.
func checkIndexes(images []Image) error {
	seen := make(map[int]bool, len(images))
	for _, x := range images {
		switch {
		case x.Index > len(images):
			return fmt.Errorf("the WIM's XML: image %q has index %d of %d; the file is damaged", x.Name, x.Index, len(images))
		case seen[x.Index]:
			return fmt.Errorf("the WIM's XML: two images have index %d, one is %q; the file is damaged", x.Index, x.Name)
		}
		seen[x.Index] = true
	}
	return nil
}
