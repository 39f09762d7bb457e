// Package wimfile reads and applies uncompressed WIM files, which is what the
// stand-in's installation medium holds. The format is that of Microsoft's
// "Windows Imaging File Format (WIM)" paper and of wimlib's header files. It
// shares no code with the plugin's reader, so that the one cannot excuse the
// other's mistakes.
package wimfile

import (
	"bytes"
	"encoding/binary"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf16"
)

// File is an open WIM.
type File struct {
	Images   []Image
	r        io.ReaderAt
	blobs    map[[20]byte]resource
	metadata []resource
}

// Image is one image's entry in the WIM's XML.
type Image struct {
	Index            int      `xml:"INDEX,attr"`
	Name             string   `xml:"NAME"`
	Description      string   `xml:"DESCRIPTION"`
	DisplayName      string   `xml:"DISPLAYNAME"`
	Flags            string   `xml:"FLAGS"`
	TotalBytes       int64    `xml:"TOTALBYTES"`
	Arch             int      `xml:"WINDOWS>ARCH"`
	ProductName      string   `xml:"WINDOWS>PRODUCTNAME"`
	EditionID        string   `xml:"WINDOWS>EDITIONID"`
	InstallationType string   `xml:"WINDOWS>INSTALLATIONTYPE"`
	Languages        []string `xml:"WINDOWS>LANGUAGES>LANGUAGE"`
	DefaultLanguage  string   `xml:"WINDOWS>LANGUAGES>DEFAULT"`
	Build            int      `xml:"WINDOWS>VERSION>BUILD"`
}

// resource says where in the file something lies.
type resource struct {
	size, offset int64
	flags        byte
}

// Header flags and resource flags that matter here.
const (
	headerSize       = 208
	headerCompressed = 0x2
	resourceMetadata = 0x2
	resourcePacked   = 0x4 | 0x10 // compressed, solid
)

// Open reads the WIM's header, tables and XML.
func Open(r io.ReaderAt) (*File, error) {
	head := make([]byte, headerSize)
	if _, err := r.ReadAt(head, 0); err != nil {
		return nil, fmt.Errorf("WIM header: %w", err)
	}
	if string(head[:8]) != "MSWIM\x00\x00\x00" {
		return nil, errors.New("not a WIM file")
	}
	if binary.LittleEndian.Uint32(head[0x10:])&headerCompressed != 0 {
		return nil, errors.New("a compressed WIM: the stand-in applies uncompressed ones only")
	}
	f := &File{r: r, blobs: map[[20]byte]resource{}}
	if err := f.readTable(parseResource(head[0x30:])); err != nil {
		return nil, err
	}
	if err := f.readXML(parseResource(head[0x48:])); err != nil {
		return nil, err
	}
	if len(f.Images) != len(f.metadata) {
		return nil, fmt.Errorf("the WIM's XML names %d images, its table holds %d", len(f.Images), len(f.metadata))
	}
	return f, nil
}

func parseResource(b []byte) resource {
	packed := binary.LittleEndian.Uint64(b)
	return resource{
		size:   int64(packed & (1<<56 - 1)),
		flags:  byte(packed >> 56),
		offset: int64(binary.LittleEndian.Uint64(b[8:])),
	}
}

func (f *File) read(res resource) ([]byte, error) {
	if res.flags&resourcePacked != 0 {
		return nil, errors.New("compressed resource in an uncompressed WIM")
	}
	const limit = 1 << 30
	if res.size > limit {
		return nil, fmt.Errorf("resource of %d bytes", res.size)
	}
	data := make([]byte, res.size)
	_, err := f.r.ReadAt(data, res.offset)
	return data, err
}

const tableEntry = 50

func (f *File) readTable(res resource) error {
	table, err := f.read(res)
	if err != nil {
		return fmt.Errorf("WIM lookup table: %w", err)
	}
	for ; len(table) >= tableEntry; table = table[tableEntry:] {
		blob := parseResource(table)
		if blob.flags&resourceMetadata != 0 {
			f.metadata = append(f.metadata, blob)
			continue
		}
		f.blobs[[20]byte(table[30:50])] = blob
	}
	return nil
}

func (f *File) readXML(res resource) error {
	raw, err := f.read(res)
	if err != nil {
		return fmt.Errorf("WIM XML: %w", err)
	}
	var doc struct {
		Images []Image `xml:"IMAGE"`
	}
	text := strings.TrimPrefix(fromUTF16(raw), "\ufeff")
	if err := xml.Unmarshal([]byte(text), &doc); err != nil {
		return fmt.Errorf("WIM XML: %w", err)
	}
	f.Images = doc.Images
	return nil
}

func fromUTF16(b []byte) string {
	units := make([]uint16, len(b)/2)
	for i := range units {
		units[i] = binary.LittleEndian.Uint16(b[2*i:])
	}
	return string(utf16.Decode(units))
}

// Content is a file's content.
func (f *File) content(hash [20]byte) (*io.SectionReader, error) {
	if hash == [20]byte{} {
		return io.NewSectionReader(bytes.NewReader(nil), 0, 0), nil
	}
	blob, ok := f.blobs[hash]
	if !ok {
		return nil, fmt.Errorf("no blob %x in the WIM", hash)
	}
	if blob.flags&resourcePacked != 0 {
		return nil, fmt.Errorf("blob %x is compressed", hash)
	}
	return io.NewSectionReader(f.r, blob.offset, blob.size), nil
}
