package console

import (
	"io/fs"
	"strings"
	"sync"
	"time"
)

// Memory is a FileSystem in memory.
type Memory struct {
	mu    sync.Mutex
	files map[string]*memoryFile // by lower-case path; folders too
}

type memoryFile struct {
	name string
	data []byte
	dir  bool
	when time.Time
}

// NewMemory returns an empty disk.
func NewMemory() *Memory { return &Memory{files: map[string]*memoryFile{}} }

func (m *Memory) find(path, op string) (*memoryFile, error) {
	if f := m.files[strings.ToLower(path)]; f != nil {
		return f, nil
	}
	return nil, &fs.PathError{Op: op, Path: path, Err: fs.ErrNotExist}
}

// ReadFile returns a copy of a file's bytes.
func (m *Memory) ReadFile(path string) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f, err := m.find(path, "read")
	if err != nil {
		return nil, err
	}
	if f.dir {
		return nil, &fs.PathError{Op: "read", Path: path, Err: fs.ErrInvalid}
	}
	return append([]byte(nil), f.data...), nil
}

// WriteFile makes or replaces a file.
func (m *Memory) WriteFile(path string, data []byte) error { return m.write(path, data, false) }

// AppendFile makes a file or adds to one.
func (m *Memory) AppendFile(path string, data []byte) error { return m.write(path, data, true) }

func (m *Memory) write(path string, data []byte, appending bool) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	key := strings.ToLower(path)
	f := m.files[key]
	if f == nil {
		m.mkdir(parent(path))
		f = &memoryFile{name: path}
		m.files[key] = f
	}
	if f.dir {
		return &fs.PathError{Op: "write", Path: path, Err: fs.ErrInvalid}
	}
	if !appending {
		f.data = nil
	}
	f.data = append(f.data, data...)
	f.when = time.Now()
	return nil
}

// Remove removes a file or an empty folder.
func (m *Memory) Remove(path string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, err := m.find(path, "remove"); err != nil {
		return err
	}
	delete(m.files, strings.ToLower(path))
	return nil
}

// Mkdir makes a folder and its parents.
func (m *Memory) Mkdir(path string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.mkdir(path)
	return nil
}

func (m *Memory) mkdir(path string) {
	for ; len(path) > 3; path = parent(path) {
		key := strings.ToLower(path)
		if m.files[key] == nil {
			m.files[key] = &memoryFile{name: path, dir: true, when: time.Now()}
		}
	}
}

func parent(path string) string {
	i := strings.LastIndexByte(path, '\\')
	if i <= 2 {
		return path[:3]
	}
	return path[:i]
}

// Stat describes a file or folder.
func (m *Memory) Stat(path string) (fs.FileInfo, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(path) == 3 {
		return memoryInfo{name: path, dir: true}, nil
	}
	f, err := m.find(path, "stat")
	if err != nil {
		return nil, err
	}
	return memoryInfo{name: f.name[strings.LastIndexByte(f.name, '\\')+1:], size: int64(len(f.data)), dir: f.dir, when: f.when}, nil
}

type memoryInfo struct {
	name string
	size int64
	dir  bool
	when time.Time
}

func (i memoryInfo) Name() string       { return i.name }
func (i memoryInfo) Size() int64        { return i.size }
func (i memoryInfo) ModTime() time.Time { return i.when }
func (i memoryInfo) IsDir() bool        { return i.dir }
func (i memoryInfo) Sys() any           { return nil }
func (i memoryInfo) Mode() fs.FileMode {
	if i.dir {
		return fs.ModeDir | 0o755
	}
	return 0o644
}
