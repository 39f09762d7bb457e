package guest

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// drive is C: for Packer's own commands: a folder of Linux whose names are
// found in any case. It is a console.FileSystem.
type drive struct{ root string }

// path finds the Linux path of a Windows path on C:. What does not exist keeps
// the spelling it was asked with.
func (d drive) path(name string) (string, error) {
	rest, ok := strings.CutPrefix(strings.ToUpper(name[:min(3, len(name))]), `C:\`)
	if !ok || rest != "" {
		return "", &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	at := d.root
	for _, part := range strings.Split(name[3:], `\`) {
		if part == "" || part == "." || part == ".." {
			continue
		}
		at = filepath.Join(at, spelling(at, part))
	}
	return at, nil
}

// spelling is how a name is written in a folder.
func spelling(folder, name string) string {
	if _, err := os.Lstat(filepath.Join(folder, name)); err == nil {
		return name
	}
	entries, _ := os.ReadDir(folder)
	for _, e := range entries {
		if strings.EqualFold(e.Name(), name) {
			return e.Name()
		}
	}
	return name
}

// ReadFile reads a file.
func (d drive) ReadFile(name string) ([]byte, error) {
	path, err := d.path(name)
	if err != nil {
		return nil, err
	}
	return os.ReadFile(path)
}

// WriteFile writes a file and makes its folder.
func (d drive) WriteFile(name string, data []byte) error {
	return d.write(name, data, os.O_TRUNC)
}

// AppendFile appends to a file, and makes it and its folder.
func (d drive) AppendFile(name string, data []byte) error {
	return d.write(name, data, os.O_APPEND)
}

func (d drive) write(name string, data []byte, how int) error {
	path, err := d.path(name)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|how, 0o644)
	if err != nil {
		return err
	}
	if _, err := f.Write(data); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}

// Remove deletes a file.
func (d drive) Remove(name string) error {
	path, err := d.path(name)
	if err != nil {
		return err
	}
	return os.Remove(path)
}

// Mkdir makes a folder and those above it.
func (d drive) Mkdir(name string) error {
	path, err := d.path(name)
	if err != nil {
		return err
	}
	return os.MkdirAll(path, 0o755)
}

// Stat describes a file.
func (d drive) Stat(name string) (fs.FileInfo, error) {
	path, err := d.path(name)
	if err != nil {
		return nil, err
	}
	return os.Stat(path)
}
