package udf

import (
	"io/fs"
	"slices"
	"strings"
)

// dirEntry reads its file's entry only when Info asks, so that listing a
// directory over HTTP costs no request a name.
type dirEntry struct {
	v *Volume
	f fid
}

func (d dirEntry) Name() string { return d.f.name }
func (d dirEntry) IsDir() bool  { return d.f.dir }

func (d dirEntry) Type() fs.FileMode {
	if d.f.dir {
		return fs.ModeDir
	}
	return 0
}

func (d dirEntry) Info() (fs.FileInfo, error) {
	e, err := d.v.namedEntry(d.f)
	if err != nil {
		return nil, err
	}
	return fileInfo{d.f.name, e}, nil
}

func (d *directory) list(v *Volume) []fs.DirEntry {
	out := make([]fs.DirEntry, 0, len(d.fids))
	for _, f := range d.fids {
		out = append(out, dirEntry{v, f})
	}
	slices.SortFunc(out, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return out
}
