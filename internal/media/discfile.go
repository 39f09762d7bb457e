package media

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
)

// DiscFile is a file that is to be put on a disc.
type DiscFile struct {
	// Path is its place on the disc: slashes, no leading slash.
	Path string
	// Size is its length in bytes; Open must give exactly as many.
	Size int64
	// Open opens its content from the start.
	Open func() (io.ReadCloser, error)
}

// BytesFile puts b at path.
func BytesFile(path string, b []byte) DiscFile {
	return DiscFile{Path: path, Size: int64(len(b)), Open: func() (io.ReadCloser, error) {
		return unowned{bytes.NewReader(b)}, nil
	}}
}

// unowned is a reader with nothing to close; unlike io.NopCloser's it can seek.
type unowned struct{ io.ReadSeeker }

// Close implements io.Closer.
func (unowned) Close() error { return nil }

// LocalFile puts the regular file local at path.
func LocalFile(path, local string) (DiscFile, error) {
	info, err := os.Stat(local)
	if err != nil {
		return DiscFile{}, err
	}
	if !info.Mode().IsRegular() {
		return DiscFile{}, fmt.Errorf("%s: not a regular file", local)
	}
	return DiscFile{Path: path, Size: info.Size(), Open: func() (io.ReadCloser, error) { return os.Open(local) }}, nil
}

// discSource reads a DiscFile at any place. One that can seek is opened for each
// read and closed after it, so that a plan of many files keeps none of them open.
// Of others, reading on from where the last read ended costs no new Open, which is
// how overlays and streams read.
type discSource struct {
	file DiscFile

	mu   sync.Mutex
	open io.ReadCloser
	at   int64
}

// Size implements Source.
func (s *discSource) Size() int64 { return s.file.Size }

// ReadAt implements Source.
func (s *discSource) ReadAt(b []byte, off int64) (int, error) {
	if off < 0 {
		return 0, errors.New("negative offset")
	}
	if off >= s.file.Size {
		return 0, io.EOF
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.seek(off); err != nil {
		return 0, fmt.Errorf("%s: %w", s.file.Path, err)
	}
	want := b[:min(int64(len(b)), s.file.Size-off)]
	n, err := io.ReadFull(s.open, want)
	s.at += int64(n)
	switch {
	case err != nil:
		s.close()
		return n, fmt.Errorf("%s: it has not the %d bytes that were announced: %w", s.file.Path, s.file.Size, err)
	case s.at == s.file.Size || s.seekable():
		s.close()
	}
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

// seek opens the file, or another time when it is past off.
func (s *discSource) seek(off int64) error {
	if s.open != nil && s.at > off {
		s.close()
	}
	if s.open == nil {
		r, err := s.file.Open()
		if err != nil {
			return err
		}
		s.open, s.at = r, 0
	}
	if seeker, ok := s.open.(io.Seeker); ok && s.at != off {
		at, err := seeker.Seek(off, io.SeekStart)
		s.at = at
		return err
	}
	n, err := io.CopyN(io.Discard, s.open, off-s.at)
	s.at += n
	return err
}

func (s *discSource) seekable() bool {
	_, ok := s.open.(io.Seeker)
	return ok
}

func (s *discSource) close() {
	_ = s.open.Close()
	s.open, s.at = nil, 0
}
