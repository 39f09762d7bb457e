package console

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/winrm/script"
)

// store is the disk for this project's own deliveries.
type store struct{ files FileSystem }

func (s store) Create(path string) (script.File, error) {
	path, err := clean(path)
	if err != nil {
		return nil, err
	}
	if info, err := s.files.Stat(path); err == nil && info.IsDir() {
		return nil, fmt.Errorf("%s is a folder", path)
	}
	return &incoming{files: s.files, path: path}, nil
}

type incoming struct {
	files FileSystem
	path  string
	data  bytes.Buffer
}

func (f *incoming) Write(p []byte) (int, error) { return f.data.Write(p) }
func (f *incoming) Close() error                { return nil }
func (f *incoming) Commit() error               { return f.files.WriteFile(f.path, f.data.Bytes()) }

func (f *incoming) SHA256() (string, error) {
	sum := sha256.Sum256(f.data.Bytes())
	return hex.EncodeToString(sum[:]), nil
}
