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

// overwrite writes a file over the one that is there, in its own clusters. It
// is as long afterwards as data.
func (d drive) overwrite(name string, data []byte) error {
	path := d.path(name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o644)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(data, 0)
	return errors.Join(err, f.Truncate(int64(len(data))), f.Sync(), f.Close())
}

// wipe overwrites a file, or every file of a folder, and deletes it: what is
// only deleted stays in free clusters. What is not there is no error.
func (d drive) wipe(name string) error {
	err := filepath.WalkDir(d.path(name), func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		info, err := e.Info()
		if err != nil || info.Size() > maxWiped {
			return err
		}
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		_, err = f.Write(make([]byte, info.Size()))
		return errors.Join(err, f.Sync(), f.Close())
	})
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return errors.Join(err, d.remove(name))
}

// maxWiped is seal.ps1's limit: larger files are installers.
const maxWiped = 16 << 20

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
