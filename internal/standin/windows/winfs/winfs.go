// Package winfs looks files up as Windows does: without regard to case.
package winfs

import (
	"io/fs"
	"path"
	"strings"
)

// FS is a file system whose names are found in any case. An exact match wins
// over another.
type FS struct{ inner fs.FS }

// New wraps a file system.
func New(inner fs.FS) FS { return FS{inner} }

// Open opens a file by a name in any case.
func (f FS) Open(name string) (fs.File, error) {
	real, err := f.resolve("open", name)
	if err != nil {
		return nil, err
	}
	return f.inner.Open(real)
}

// ReadDir lists a folder by a name in any case.
func (f FS) ReadDir(name string) ([]fs.DirEntry, error) {
	real, err := f.resolve("readdir", name)
	if err != nil {
		return nil, err
	}
	return fs.ReadDir(f.inner, real)
}

// ReadFile reads a file by a name in any case.
func (f FS) ReadFile(name string) ([]byte, error) {
	real, err := f.resolve("readfile", name)
	if err != nil {
		return nil, err
	}
	return fs.ReadFile(f.inner, real)
}

// Stat describes a file by a name in any case.
func (f FS) Stat(name string) (fs.FileInfo, error) {
	real, err := f.resolve("stat", name)
	if err != nil {
		return nil, err
	}
	return fs.Stat(f.inner, real)
}

// Name is the name with the case in which it stands on the disc.
func (f FS) Name(name string) (string, error) { return f.resolve("stat", name) }

func (f FS) resolve(op, name string) (string, error) {
	if !fs.ValidPath(name) {
		return "", &fs.PathError{Op: op, Path: name, Err: fs.ErrInvalid}
	}
	if name == "." {
		return name, nil
	}
	if _, err := fs.Stat(f.inner, name); err == nil {
		return name, nil
	}
	at := "."
	for _, part := range strings.Split(name, "/") {
		entries, err := fs.ReadDir(f.inner, at)
		if err != nil {
			return "", &fs.PathError{Op: op, Path: name, Err: fs.ErrNotExist}
		}
		found := ""
		for _, e := range entries {
			if e.Name() == part || found == "" && strings.EqualFold(e.Name(), part) {
				found = e.Name()
			}
		}
		if found == "" {
			return "", &fs.PathError{Op: op, Path: name, Err: fs.ErrNotExist}
		}
		at = path.Join(at, found)
	}
	return at, nil
}
