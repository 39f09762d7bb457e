package iso9660

import (
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// Entry is a file or directory that was found.
type Entry struct {
	// Path is as it is written on the disc; "." is the root.
	Path string
	Dir  bool
	// Size is a file's, in bytes.
	Size int64

	record record
}

// Name is the last element of the path.
func (e Entry) Name() string { return path.Base(e.Path) }

// Find finds a path, whatever the case. An absent one is fs.ErrNotExist.
func (v *Volume) Find(name string) (Entry, error) {
	at := v.entry(".", v.root)
	if name == "." {
		return at, nil
	}
	fail := func(err error) (Entry, error) { return Entry{}, &fs.PathError{Op: "open", Path: name, Err: err} }
	elements := strings.Split(name, "/")
	if !fs.ValidPath(name) || len(elements) > maxDepth {
		return fail(fs.ErrInvalid)
	}
	for _, element := range elements {
		if !at.Dir {
			return fail(fs.ErrNotExist)
		}
		entries, err := v.List(at)
		if err != nil {
			return fail(err)
		}
		i := slices.IndexFunc(entries, func(e Entry) bool { return e.Name() == element })
		if i < 0 {
			i = slices.IndexFunc(entries, func(e Entry) bool { return strings.EqualFold(e.Name(), element) })
		}
		if i < 0 {
			return fail(fs.ErrNotExist)
		}
		at = entries[i]
	}
	return at, nil
}

// List gives a directory's entries, sorted by name.
func (v *Volume) List(dir Entry) ([]Entry, error) {
	records, err := v.list(dir.record)
	if err != nil {
		return nil, err
	}
	out := make([]Entry, 0, len(records))
	for _, r := range records {
		out = append(out, v.entry(path.Join(dir.Path, r.name), r))
	}
	slices.SortFunc(out, func(a, b Entry) int { return strings.Compare(a.Path, b.Path) })
	return out, nil
}

func (v *Volume) entry(at string, r record) Entry {
	return Entry{Path: at, Dir: r.dir, Size: int64(r.length), record: r}
}

// Open gives a file's content.
func (v *Volume) Open(e Entry) (*io.SectionReader, error) {
	r := e.record
	switch {
	case r.dir:
		return nil, &fs.PathError{Op: "open", Path: e.Path, Err: malformed("it is a directory")}
	case r.parts:
		return nil, &fs.PathError{Op: "open", Path: e.Path, Err: malformed("a file in several parts or interleaved")}
	case int64(r.sector)*sectorSize+int64(r.length) > v.size:
		return nil, &fs.PathError{Op: "open", Path: e.Path, Err: malformed("%d bytes at sector %d of a disc of %d bytes", r.length, r.sector, v.size)}
	}
	return io.NewSectionReader(v.r, int64(r.sector)*sectorSize, int64(r.length)), nil
}
