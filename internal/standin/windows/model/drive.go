package model

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// drive is C: as a folder of Linux. Paths are below its root, with
// backslashes; their case does not matter, as on NTFS through Windows.
type drive struct{ root string }

// path finds the real spelling of a path; the part that does not exist keeps
// the spelling it was asked with.
func (d drive) path(name string) string {
	at := d.root
	for _, part := range strings.FieldsFunc(name, func(r rune) bool { return r == '\\' || r == '/' }) {
		if part == "." || part == ".." {
			part = "_" // no way out of the drive
		}
		next := filepath.Join(at, part)
		if _, err := os.Lstat(next); err != nil {
			if entries, err := os.ReadDir(at); err == nil {
				for _, e := range entries {
					if strings.EqualFold(e.Name(), part) {
						next = filepath.Join(at, e.Name())
						break
					}
				}
			}
		}
		at = next
	}
	return at
}

func (d drive) read(name string) ([]byte, error) { return os.ReadFile(d.path(name)) }

func (d drive) write(name string, data []byte) error {
	path := d.path(name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, data, 0o644)
}

func (d drive) mkdir(name string) error { return os.MkdirAll(d.path(name), 0o755) }

// remove deletes a file or a folder with all in it; what is not there is no
// error.
func (d drive) remove(name string) error { return os.RemoveAll(d.path(name)) }

func (d drive) rename(from, to string) error { return os.Rename(d.path(from), d.path(to)) }

func (d drive) exists(name string) bool {
	_, err := os.Stat(d.path(name))
	return !errors.Is(err, fs.ErrNotExist)
}

// size is 0 for a file that is not there.
func (d drive) size(name string) int64 {
	info, err := os.Stat(d.path(name))
	if err != nil {
		return 0
	}
	return info.Size()
}

// list gives the names in a folder.
func (d drive) list(name string) []string {
	entries, err := os.ReadDir(d.path(name))
	if err != nil {
		return nil
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name()
	}
	return names
}

// splitDrive takes C:\x\y apart.
func splitDrive(path string) (letter, rest string, ok bool) {
	if len(path) < 3 || path[1] != ':' || (path[2] != '\\' && path[2] != '/') {
		return "", "", false
	}
	return strings.ToUpper(path[:1]), path[3:], true
}
