package udf

import (
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
)

// RefusedError says why a volume can't be edited.
type RefusedError struct{ Reason string }

// Error says the reason.
func (e *RefusedError) Error() string { return "this UDF volume can't be edited: " + e.Reason }

func refuse(format string, args ...any) error {
	return &RefusedError{Reason: fmt.Sprintf(format, args...)}
}

// Editor gathers files to add, replace and remove. It changes nothing: Plan
// works out the sectors that would.
type Editor struct {
	v     *Volume
	state *volumeState
	root  *editDir
	// files and dirs count what is added less what is removed
	files, dirs int64
}

// editDir is a directory that an edit has looked into, or that it makes.
type editDir struct {
	entry *entry // nil for a new one
	// names are in the order of the disc, new ones at the end.
	names []*editName
	// index has the names by Fold; more than one where they differ in case only.
	index map[string][]*editName
	dirty bool
	// links is added to the entry's link count.
	links int
}

// editName is a name in a directory: an existing one, or of a new file.
type editName struct {
	name string
	dir  bool
	icb  uint32 // of an existing one
	raw  []byte // the existing descriptor
	// child is a directory that was looked into or that is new.
	child *editDir
	file  *newFile
}

// newFile is a file's new content.
type newFile struct {
	size    int64
	content io.ReaderAt
}

// Editor starts an edit. A volume that is not laid out as it knows them is
// refused with a *RefusedError.
func (v *Volume) Editor() (*Editor, error) {
	state, err := v.editable()
	if err != nil {
		return nil, err
	}
	e := &Editor{v: v, state: state}
	e.root, err = e.load(v.rootICB)
	return e, err
}

// load reads a directory for editing.
func (e *Editor) load(block uint32) (*editDir, error) {
	d, err := e.v.readDirectory(block)
	if err != nil {
		return nil, err
	}
	out := &editDir{entry: d.entry}
	for _, f := range d.fids {
		out.insert(&editName{name: f.name, dir: f.dir, icb: f.block, raw: d.raw[f.offset : f.offset+f.length]})
	}
	return out, nil
}

// find finds a name in any case. Names that differ in their case only are one to
// Windows, which opens either: none of them is edited.
func (d *editDir) find(name string) (*editName, error) {
	switch found := d.index[Fold(name)]; len(found) {
	case 0:
		return nil, nil
	case 1:
		return found[0], nil
	default:
		return nil, refuse("%s and %s in one directory are the same name to Windows", Printable(found[0].name), Printable(found[1].name))
	}
}

// insert adds a name behind the others.
func (d *editDir) insert(n *editName) {
	if d.index == nil {
		d.index = map[string][]*editName{}
	}
	key := Fold(n.name)
	d.names, d.index[key] = append(d.names, n), append(d.index[key], n)
}

// remove takes a name that find gave out of the directory.
func (d *editDir) remove(n *editName) {
	d.names = slices.DeleteFunc(d.names, func(x *editName) bool { return x == n })
	delete(d.index, Fold(n.name))
}

// split checks a path and gives its elements.
func split(path string) ([]string, error) {
	if !fs.ValidPath(path) || path == "." {
		return nil, &fs.PathError{Op: "edit", Path: path, Err: fs.ErrInvalid}
	}
	elements := strings.Split(path, "/")
	if len(elements) > maxDepth {
		return nil, fmt.Errorf("%s: deeper than %d", path, maxDepth)
	}
	for _, name := range elements {
		if problem := badName(name); problem != "" {
			return nil, fmt.Errorf("%s: the name %q %s", path, name, problem)
		}
		if encoded, err := encodeCS0(name); err != nil || len(encoded) > 255 {
			return nil, fmt.Errorf("%s: UDF holds names of up to 254 characters, or 127 beyond Latin-1", path)
		}
	}
	return elements, nil
}

// descend opens, or makes, the directory of elements.
func (e *Editor) descend(path string, elements []string, makeIt bool) (*editDir, error) {
	at := e.root
	for _, name := range elements {
		n, err := at.find(name)
		switch {
		case err != nil:
			return nil, err
		case n == nil && !makeIt:
			return nil, &fs.PathError{Op: "edit", Path: path, Err: fs.ErrNotExist}
		case n == nil:
			n = &editName{name: name, dir: true, child: &editDir{dirty: true}}
			at.insert(n)
			at.dirty = true
			at.links++
			e.dirs++
		case !n.dir:
			return nil, &fs.PathError{Op: "edit", Path: path, Err: fmt.Errorf("%s is a file", n.name)}
		case n.child == nil:
			child, err := e.load(n.icb)
			if err != nil {
				return nil, err
			}
			n.child = child
		}
		at = n.child
	}
	return at, nil
}

// Add adds the file at path, or replaces its content; its name's case stays.
// Directories are made as needed.
func (e *Editor) Add(path string, size int64, content io.ReaderAt) error {
	elements, err := split(path)
	if err != nil {
		return err
	}
	if size < 0 || size > (SectorSize-entryFixed)/8*maxExtentLength {
		return fmt.Errorf("%s: %d bytes don't fit one file entry", path, size)
	}
	last := len(elements) - 1
	dir, err := e.descend(path, elements[:last], true)
	if err != nil {
		return err
	}
	n, err := dir.find(elements[last])
	switch {
	case err != nil:
		return err
	case n == nil:
		n = &editName{name: elements[last]}
		dir.insert(n)
		e.files++
	case n.dir:
		return &fs.PathError{Op: "add", Path: path, Err: fmt.Errorf("%s is a directory", n.name)}
	}
	n.file, dir.dirty = &newFile{size, content}, true
	return nil
}

// Remove removes the file or the directory at path, with all that it holds.
func (e *Editor) Remove(path string) error {
	elements, err := split(path)
	if err != nil {
		return err
	}
	last := len(elements) - 1
	dir, err := e.descend(path, elements[:last], false)
	if err != nil {
		return err
	}
	n, err := dir.find(elements[last])
	if err != nil {
		return err
	}
	if n == nil {
		return &fs.PathError{Op: "remove", Path: path, Err: fs.ErrNotExist}
	}
	if err := e.uncount(n, 0); err != nil {
		return err
	}
	if n.dir {
		dir.links--
	}
	dir.remove(n)
	dir.dirty = true
	return nil
}

// uncount takes a removed name, and all beneath it, out of the counts.
func (e *Editor) uncount(n *editName, depth int) error {
	if !n.dir {
		e.files--
		return nil
	}
	if depth > maxDepth {
		return malformed("directory "+n.name, "deeper than %d", maxDepth)
	}
	e.dirs--
	if n.child == nil {
		child, err := e.load(n.icb)
		if err != nil {
			return err
		}
		n.child = child
	}
	for _, c := range n.child.names {
		if err := e.uncount(c, depth+1); err != nil {
			return err
		}
	}
	return nil
}
