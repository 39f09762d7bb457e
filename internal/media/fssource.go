package media

import (
	"fmt"
	"io"
	"io/fs"
)

// fsSource reads a file of an fs.FS at any place. It opens it for each read, so
// that a thousand files to add are not a thousand open files.
type fsSource struct {
	fsys fs.FS
	name string
	size int64
}

// Size implements Source.
func (s fsSource) Size() int64 { return s.size }

// ReadAt implements Source.
func (s fsSource) ReadAt(b []byte, off int64) (int, error) {
	if off >= s.size {
		return 0, io.EOF
	}
	f, err := s.fsys.Open(s.name)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	want := b[:min(int64(len(b)), s.size-off)]
	var n int
	if at, ok := f.(io.ReaderAt); ok {
		n, err = at.ReadAt(want, off)
	} else if _, err = io.CopyN(io.Discard, f, off); err == nil {
		n, err = io.ReadFull(f, want)
	}
	switch {
	case n == len(want) && n == len(b):
		return n, nil
	case n == len(want):
		return n, io.EOF
	}
	return n, fmt.Errorf("%s: it has not the %d bytes that were announced: %w", s.name, s.size, err)
}
