package media

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/diskfs/go-diskfs/backend/file"
	"github.com/diskfs/go-diskfs/filesystem/iso9660"
)

// isoTree is an ISO 9660 disc with Rock Ridge or Joliet names, by go-diskfs.
// virtio-win's ISO is of level 4 with Rock Ridge and without Joliet: without
// the Rock Ridge names its folders would read NETKVM, 2K22.
type isoTree struct {
	path string
	// mu: the library's directory reader is not said to be safe for concurrent use
	mu   sync.Mutex
	disc *iso9660.FileSystem
}

func openISO(p string) (*isoTree, io.Closer, error) {
	f, err := os.Open(p)
	if err != nil {
		return nil, nil, err
	}
	info, err := f.Stat()
	if err == nil {
		err = checkISO(f, info.Size())
	}
	t := &isoTree{path: p}
	if err == nil {
		err = guard(func() error {
			t.disc, err = iso9660.Read(file.New(f, true), info.Size(), 0, 0)
			return err
		})
	}
	if err != nil {
		_ = f.Close()
		return nil, nil, fmt.Errorf("%s: %w", p, err)
	}
	return t, f, nil
}

// checkISO refuses what the library would trip over.
func checkISO(r io.ReaderAt, size int64) error {
	b := make([]byte, sectorSize)
	if n, _ := r.ReadAt(b, 16*sectorSize); n < len(b) || string(b[1:6]) != "CD001" {
		return fmt.Errorf("not an ISO 9660 disc: %s", describe(r, size))
	}
	volume := int64(le32(b[80:])) * sectorSize
	if volume > size {
		return &TruncatedError{Size: size, Want: volume}
	}
	if table := int64(le32(b[132:])); table > 16<<20 || int64(le32(b[140:]))*sectorSize+table > size {
		return errors.New("the ISO 9660 path table lies past the disc's end")
	}
	return nil
}

func le32(b []byte) uint32 {
	return uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16 | uint32(b[3])<<24
}

// guard turns a panic of the library on a malformed disc into an error.
func guard(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("malformed ISO 9660 disc: %v", p)
		}
	}()
	return f()
}

func (t *isoTree) label() string { return strings.TrimRight(t.disc.Label(), " \x00") }

// list gives a directory's entries; "." is the root.
func (t *isoTree) list(dir string) ([]fs.DirEntry, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	var out []fs.DirEntry
	err := guard(func() error {
		var err error
		out, err = t.disc.ReadDir(dir)
		return err
	})
	return out, err
}

// find gives the path of name as it is written on the disc, whatever the case.
func (t *isoTree) find(name string) (string, fs.DirEntry, error) {
	if !fs.ValidPath(name) || name == "." {
		return "", nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrInvalid}
	}
	at := "."
	var found fs.DirEntry
	for element := range strings.SplitSeq(name, "/") {
		if found != nil && !found.IsDir() {
			return "", nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
		}
		entries, err := t.list(at)
		if err != nil {
			return "", nil, err
		}
		i := slices.IndexFunc(entries, func(e fs.DirEntry) bool { return strings.EqualFold(e.Name(), element) })
		if i < 0 {
			return "", nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
		}
		found, at = entries[i], path.Join(at, entries[i].Name())
	}
	return at, found, nil
}

// open gives the file at an exact path, through a file handle of its own, so
// that it outlives the tree.
func (t *isoTree) open(name string) (io.ReadCloser, error) {
	own, f, err := openISO(t.path)
	if err != nil {
		return nil, err
	}
	var content fs.File
	err = guard(func() error {
		var err error
		content, err = own.disc.Open(name)
		return err
	})
	if err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("%s: %s: %w", t.path, name, err)
	}
	return &isoFile{content: content, disc: f}, nil
}

type isoFile struct {
	content io.Reader
	disc    io.Closer
}

func (f *isoFile) Read(b []byte) (n int, err error) {
	panicked := guard(func() error {
		n, err = f.content.Read(b)
		return nil
	})
	if panicked != nil {
		return 0, panicked
	}
	return n, err
}

func (f *isoFile) Close() error { return f.disc.Close() }

// discFile is the file at an exact path as one for another disc.
func (t *isoTree) discFile(at, exact string, e fs.DirEntry) (DiscFile, error) {
	info, err := e.Info()
	if err != nil {
		return DiscFile{}, err
	}
	return DiscFile{Path: at, Size: info.Size(), Open: func() (io.ReadCloser, error) { return t.open(exact) }}, nil
}
