package udf

import (
	"io/fs"
	"path"
)

// Check reads the entries of all files and directories, and none of their
// content: an entry that can't be read, or a file that runs past the end of the
// disc, is an *fs.PathError that names it.
func (v *Volume) Check() error {
	return v.check(fid{block: v.rootICB, dir: true}, ".", 0, map[uint32]bool{})
}

// check goes by blocks and not by paths, and reads a file of several names once.
func (v *Volume) check(f fid, at string, depth int, seen map[uint32]bool) error {
	fail := func(err error) error { return &fs.PathError{Op: "check", Path: Printable(at), Err: err} }
	if seen[f.block] && !f.dir {
		return nil
	}
	seen[f.block] = true
	if _, err := v.namedEntry(f); err != nil {
		return fail(err)
	}
	if !f.dir {
		return nil
	}
	if depth > maxDepth {
		return fail(malformed("path", "deeper than %d", maxDepth))
	}
	d, err := v.readDirectory(f.block)
	if err != nil {
		return fail(err)
	}
	for _, child := range d.fids {
		if err := v.check(child, path.Join(at, child.name), depth+1, seen); err != nil {
			return err
		}
	}
	return nil
}
