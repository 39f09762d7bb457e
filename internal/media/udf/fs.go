package udf

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"
	"time"
)

var errNegative = errors.New("negative offset")

// maxDepth bounds the depth of a path.
const maxDepth = 64

// FS gives the volume's tree. Names are found in any case; files implement
// io.ReaderAt and io.Seeker. Symbolic links and the like are refused.
func (v *Volume) FS() FS { return FS{v} }

// FS is a volume as an fs.FS.
type FS struct{ v *Volume }

var (
	_ fs.StatFS    = FS{}
	_ fs.ReadDirFS = FS{}
)

// find walks to name and returns the name as it is written on the disc.
func (f FS) find(op, name string) (*entry, string, error) {
	fail := func(err error) (*entry, string, error) {
		return nil, "", &fs.PathError{Op: op, Path: Printable(name), Err: err}
	}
	if !fs.ValidPath(name) {
		return fail(fs.ErrInvalid)
	}
	block, written, isDir := f.v.rootICB, ".", true
	if name != "." {
		elements := strings.Split(name, "/")
		if len(elements) > maxDepth {
			return fail(malformed("path", "deeper than %d", maxDepth))
		}
		for _, element := range elements {
			if !isDir {
				return fail(fs.ErrNotExist)
			}
			d, err := f.v.readDirectory(block)
			if err != nil {
				return fail(err)
			}
			i, ok := d.lookup(element)
			if !ok {
				return fail(fs.ErrNotExist)
			}
			block, written, isDir = d.fids[i].block, d.fids[i].name, d.fids[i].dir
		}
	}
	e, err := f.v.namedEntry(fid{name: written, block: block, dir: isDir})
	if err != nil {
		return fail(err)
	}
	return e, written, nil
}

// namedEntry reads the entry that a name belongs to.
func (v *Volume) namedEntry(f fid) (*entry, error) {
	e, err := v.readEntry(f.block)
	if err != nil {
		return nil, err
	}
	return e, f.agrees(e)
}

// agrees tells whether a name and its entry say the same of what it is: else a
// walk, which goes by the name, and Open would see two different trees.
func (f fid) agrees(e *entry) error {
	if e.kind != typeDirectory && e.kind != typeFile {
		return malformed("file entry", "file type %d", e.kind)
	}
	if e.isDir() != f.dir {
		return malformed(fmt.Sprintf("name %q", f.name), "says directory: %t, its file entry has type %d", f.dir, e.kind)
	}
	return nil
}

// Open implements fs.FS.
func (f FS) Open(name string) (fs.File, error) {
	e, written, err := f.find("open", name)
	if err != nil {
		return nil, err
	}
	info := fileInfo{written, e}
	if e.isDir() {
		return &openDir{fsys: f, path: name, info: info}, nil
	}
	return &File{SectionReader: io.NewSectionReader(f.v.content(e), 0, e.size), info: info, partition: f.v.Partition()}, nil
}

// Stat implements fs.StatFS.
func (f FS) Stat(name string) (fs.FileInfo, error) {
	e, written, err := f.find("stat", name)
	if err != nil {
		return nil, err
	}
	return fileInfo{written, e}, nil
}

// ReadDir implements fs.ReadDirFS: the names of a directory, sorted.
func (f FS) ReadDir(name string) ([]fs.DirEntry, error) {
	e, _, err := f.find("readdir", name)
	if err != nil {
		return nil, err
	}
	if !e.isDir() {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: errors.New("not a directory")}
	}
	d, err := f.v.readDirectory(e.block)
	if err != nil {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: err}
	}
	return d.list(f.v), nil
}

// File is an open file. It implements io.ReaderAt, io.Seeker and Size.
type File struct {
	*io.SectionReader
	info      fileInfo
	partition Partition
}

// Run gives the sector from which on the whole file lies in one run of sectors;
// false when it lies in several, or in its entry.
func (f *File) Run() (uint32, bool) {
	e := f.info.e
	if e.isEmbed || len(e.extents) == 0 {
		return 0, false
	}
	next := e.extents[0].block
	for _, x := range e.extents {
		if x.hole || x.block != next {
			return 0, false
		}
		next += uint32(blocksOf(x.length))
	}
	return f.partition.Start + e.extents[0].block, true
}

// Stat implements fs.File.
func (f *File) Stat() (fs.FileInfo, error) { return f.info, nil }

// Close implements fs.File.
func (f *File) Close() error { return nil }

type openDir struct {
	fsys FS
	path string
	info fileInfo
	rest []fs.DirEntry
	read bool
}

func (d *openDir) Stat() (fs.FileInfo, error) { return d.info, nil }
func (d *openDir) Close() error               { return nil }
func (d *openDir) Read([]byte) (int, error) {
	return 0, &fs.PathError{Op: "read", Path: d.path, Err: errors.New("is a directory")}
}

func (d *openDir) ReadDir(n int) ([]fs.DirEntry, error) {
	if !d.read {
		all, err := d.fsys.ReadDir(d.path)
		if err != nil {
			return nil, err
		}
		d.rest, d.read = all, true
	}
	if n <= 0 {
		out := d.rest
		d.rest = nil
		return out, nil
	}
	if len(d.rest) == 0 {
		return nil, io.EOF
	}
	n = min(n, len(d.rest))
	out := d.rest[:n]
	d.rest = d.rest[n:]
	return out, nil
}

type fileInfo struct {
	name string
	e    *entry
}

func (i fileInfo) Name() string       { return path.Base(i.name) }
func (i fileInfo) Size() int64        { return i.e.size }
func (i fileInfo) ModTime() time.Time { return i.e.modified }
func (i fileInfo) IsDir() bool        { return i.e.isDir() }
func (i fileInfo) Sys() any           { return nil }
func (i fileInfo) Mode() fs.FileMode {
	if i.e.isDir() {
		return fs.ModeDir | 0o555
	}
	return 0o444
}
