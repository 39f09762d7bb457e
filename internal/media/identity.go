package media

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"time"
)

// Identity tells whether a file is still the one that it was: its size, its
// modification time and a hash over samples of its content. Owner and ctime are
// no part of it: libvirt changes the owner of the discs that it opens
// (cockpit#20431).
type Identity struct {
	Path     string
	Size     int64
	Modified time.Time
	// Sample is the hex SHA-256 over samples of the content.
	Sample string
}

// Identify takes the identity of the file at path.
func Identify(path string) (Identity, error) {
	f, err := os.Open(path)
	if err != nil {
		return Identity{}, err
	}
	defer f.Close()
	return identify(path, f)
}

// identify takes the identity of the open file f, which was opened at path.
func identify(path string, f *os.File) (Identity, error) {
	info, err := f.Stat()
	if err != nil {
		return Identity{}, err
	}
	sample, err := sampleHash(f, info.Size())
	if err != nil {
		return Identity{}, fmt.Errorf("%s: %w", path, err)
	}
	return Identity{Path: path, Size: info.Size(), Modified: info.ModTime(), Sample: sample}, nil
}

// OpenIdentified opens the disc at path as OpenFile does, and takes the identity
// of the very file that the image is read from: whatever happens to path from
// then on, Check tells.
func OpenIdentified(path string) (*Image, Identity, io.Closer, error) {
	image, f, err := openFile(path)
	if err != nil {
		return nil, Identity{}, nil, err
	}
	id, err := identify(path, f)
	if err != nil {
		_ = f.Close()
		return nil, Identity{}, nil, err
	}
	return image, id, f, nil
}

// Check tells whether the file is still the same; the error says what changed.
func (i Identity) Check() error {
	now, err := Identify(i.Path)
	if err != nil {
		return err
	}
	return i.Same(now)
}

// Same tells whether now, taken later, is the same file; the error says what
// changed. The path is not compared.
func (i Identity) Same(now Identity) error {
	const advice = "the build, and an overlay over it, go by what it was; leave the ISO alone during the build and start again"
	switch {
	case now.Size != i.Size:
		return fmt.Errorf("%s changed: it had %d bytes and has %d; %s", i.Path, i.Size, now.Size, advice)
	case now.Sample != i.Sample:
		return fmt.Errorf("%s changed: its content is another; %s", i.Path, advice)
	case !now.Modified.Equal(i.Modified):
		return fmt.Errorf("%s changed: it was written at %s; %s", i.Path, now.Modified.UTC().Format(time.RFC3339), advice)
	}
	return nil
}

// sampleHash hashes the start of a disc, where its structures are, its end, and
// places spread between.
func sampleHash(r io.ReaderAt, size int64) (string, error) {
	spans := []span{{0, min(size, 512<<10)}}
	const places, length = 32, 4 << 10
	for k := int64(1); k <= places; k++ {
		at := size / (places + 1) * k &^ (sectorSize - 1)
		spans = append(spans, span{at, min(length, size-at)})
	}
	spans = append(spans, span{max(0, size-64<<10), min(size, 64<<10)})
	h := sha256.New()
	fmt.Fprintf(h, "%d\n", size)
	for _, s := range spans {
		if n, err := io.Copy(h, io.NewSectionReader(r, s.at, s.length)); err != nil {
			return "", err
		} else if n < s.length {
			return "", fmt.Errorf("reading %d bytes at %d: %w", s.length, s.at, io.ErrUnexpectedEOF)
		}
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
