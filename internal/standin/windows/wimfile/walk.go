package wimfile

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// directory is the attribute bit of a folder.
const directory = 0x10

// entrySize is the fixed part of a directory entry.
const entrySize = 0x66

// Visit is called for a folder (content nil) or a file of an image. Paths have
// slashes and no leading one.
type Visit func(path string, content *io.SectionReader) error

// Walk visits everything in the image of that index (from 1), folders before
// what they hold.
func (f *File) Walk(index int, visit Visit) error {
	if index < 1 || index > len(f.metadata) {
		return fmt.Errorf("the WIM has no image %d", index)
	}
	meta, err := f.read(f.metadata[index-1])
	if err != nil {
		return fmt.Errorf("metadata of image %d: %w", index, err)
	}
	if len(meta) < 8 {
		return errors.New("metadata of the image is too short")
	}
	// Security descriptors come first; their length field covers them.
	root := int64(max(binary.LittleEndian.Uint32(meta), 8)+7) &^ 7
	w := walker{file: f, meta: meta, visit: visit}
	entry, err := w.entry(root)
	if err != nil {
		return err
	}
	return w.folder("", entry.children, 0)
}

type walker struct {
	file  *File
	meta  []byte
	visit Visit
}

type entry struct {
	name     string
	folder   bool
	children int64
	hash     [20]byte
	next     int64 // offset of the next entry, 0 at the end of a folder
}

// entry decodes the directory entry at an offset; a zero length ends a folder.
func (w *walker) entry(at int64) (entry, error) {
	if at < 0 || at+8 > int64(len(w.meta)) {
		return entry{}, fmt.Errorf("directory entry at %d lies outside the metadata", at)
	}
	length := int64(binary.LittleEndian.Uint64(w.meta[at:]))
	if length == 0 {
		return entry{}, nil
	}
	if length < entrySize || at+length > int64(len(w.meta)) {
		return entry{}, fmt.Errorf("directory entry at %d has length %d", at, length)
	}
	b := w.meta[at : at+length]
	nameLen := int(binary.LittleEndian.Uint16(b[0x64:]))
	if entrySize+nameLen > len(b) {
		return entry{}, fmt.Errorf("name of the entry at %d is too long", at)
	}
	e := entry{
		name:     fromUTF16(b[entrySize : entrySize+nameLen]),
		folder:   binary.LittleEndian.Uint32(b[8:])&directory != 0,
		children: int64(binary.LittleEndian.Uint64(b[0x10:])),
		hash:     [20]byte(b[0x40:0x54]),
		next:     (at + length + 7) &^ 7,
	}
	for range binary.LittleEndian.Uint16(b[0x60:]) {
		stream, next, err := w.stream(e.next)
		if err != nil {
			return entry{}, err
		}
		if stream != nil {
			e.hash = *stream
		}
		e.next = next
	}
	return e, nil
}

// stream decodes an additional stream entry; it gives the hash of an unnamed
// one, which is where the content stands when a file has several.
func (w *walker) stream(at int64) (*[20]byte, int64, error) {
	const fixed = 38
	if at+fixed > int64(len(w.meta)) {
		return nil, 0, fmt.Errorf("stream entry at %d lies outside the metadata", at)
	}
	b := w.meta[at:]
	next := (at + int64(binary.LittleEndian.Uint64(b)) + 7) &^ 7
	if binary.LittleEndian.Uint16(b[36:]) != 0 {
		return nil, next, nil
	}
	hash := [20]byte(b[16:36])
	return &hash, next, nil
}

func (w *walker) folder(path string, at int64, depth int) error {
	if at == 0 {
		return nil
	}
	if depth > 64 {
		return fmt.Errorf("%s: folders nest too deeply", path)
	}
	for {
		e, err := w.entry(at)
		if err != nil || e.next == 0 {
			return err
		}
		at = e.next
		name := e.name
		if path != "" {
			name = path + "/" + e.name
		}
		if e.folder {
			if err := w.visit(name, nil); err != nil {
				return err
			}
			if err := w.folder(name, e.children, depth+1); err != nil {
				return err
			}
			continue
		}
		content, err := w.file.content(e.hash)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if err := w.visit(name, content); err != nil {
			return err
		}
	}
}
