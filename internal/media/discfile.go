package media

import (
	"bytes"
	"io"
	"os"
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
		return io.NopCloser(bytes.NewReader(b)), nil
	}}
}

// LocalFile puts the regular file local at path.
func LocalFile(path, local string) (DiscFile, error) {
	info, err := os.Stat(local)
	if err != nil {
		return DiscFile{}, err
	}
	return DiscFile{Path: path, Size: info.Size(), Open: func() (io.ReadCloser, error) { return os.Open(local) }}, nil
}
