package udf

import (
	"fmt"
	"strings"
	"sync"
)

// maxNames bounds the names of a volume's directories together, in bytes: some
// 50,000 names, where a Windows disc has about a thousand. All directories that
// were read are kept: a bound on the names is one on the memory, and no path is
// so long that walking to it reads anything twice.
const maxNames = 4 << 20

// maxDirs bounds the number of directories of a volume.
const maxDirs = 1 << 14

// fid is a file identifier descriptor, 4/14.4.
type fid struct {
	name  string
	block uint32 // of the file's entry
	dir   bool
	// offset and length say where the descriptor lies in the directory.
	offset, length int
}

type directory struct {
	entry *entry
	fids  []fid // neither deleted nor the parent's
	raw   []byte

	indexOnce sync.Once
	exact     map[string]int
	folded    map[string]int // by Fold: the first of the names
}

// scanned is how many names are looked through one by one; of more an index is
// made, since a walk looks every name up.
const scanned = 64

// File characteristics of a FID, 4/14.4.3.
const (
	fidDirectory = 2
	fidDeleted   = 4
	fidParent    = 8
)

const fidFixed = 38

// lookup finds name in any case; an exact match is preferred, since UDF allows
// names that differ only in case.
func (d *directory) lookup(name string) (int, bool) {
	if len(d.fids) > scanned {
		d.indexOnce.Do(d.index)
		if i, ok := d.exact[name]; ok {
			return i, true
		}
		i, ok := d.folded[Fold(name)]
		return i, ok
	}
	found := -1
	for i := range d.fids {
		switch {
		case d.fids[i].name == name:
			return i, true
		case found < 0 && strings.EqualFold(d.fids[i].name, name):
			found = i
		}
	}
	return found, found >= 0
}

func (d *directory) index() {
	d.exact, d.folded = make(map[string]int, len(d.fids)), make(map[string]int, len(d.fids))
	for i := len(d.fids) - 1; i >= 0; i-- { // so that the first of equal names stays
		d.exact[d.fids[i].name], d.folded[Fold(d.fids[i].name)] = i, i
	}
}

// readDirectory reads the directory whose entry lies at block.
func (v *Volume) readDirectory(block uint32) (*directory, error) {
	v.mu.Lock()
	d := v.dirs[block]
	v.mu.Unlock()
	if d != nil {
		return d, nil
	}
	e, err := v.readEntry(block)
	if err != nil {
		return nil, err
	}
	object := fmt.Sprintf("directory at block %d", block)
	if !e.isDir() {
		return nil, malformed(object, "file type %d", e.kind)
	}
	for _, x := range e.extents {
		if x.hole {
			return nil, malformed(object, "an extent that is not recorded")
		}
	}
	if err := v.claimNames(e); err != nil {
		return nil, err
	}
	raw := make([]byte, e.size)
	if len(raw) > 0 {
		if n, err := v.content(e).ReadAt(raw, 0); n < len(raw) {
			return nil, err
		}
	}
	d = &directory{entry: e, raw: raw}
	if d.fids, err = parseFIDs(object, raw); err != nil {
		return nil, err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	for i := range d.fids {
		if err := v.own(block, i, d.fids[i]); err != nil {
			return nil, err
		}
	}
	if first := v.dirs[block]; first != nil {
		return first, nil // another goroutine was faster
	}
	v.dirs[block] = d
	return d, nil
}

// own notes that f, the i-th name of the directory at block parent, is where
// its directory belongs. The caller holds the lock.
func (v *Volume) own(parent uint32, i int, f fid) error {
	if !f.dir {
		return nil
	}
	mine := owner{parent: parent, entry: i}
	if o, seen := v.owners[f.block]; f.block == v.rootICB || seen && o != mine {
		return malformed(fmt.Sprintf("directory %q", f.name), "it is found at two places of the tree")
	}
	if len(v.owners) >= maxDirs {
		return malformed("volume", "more than %d directories", maxDirs)
	}
	v.owners[f.block] = mine
	return nil
}

// parseFIDs reads the names of a directory.
func parseFIDs(object string, raw []byte) ([]fid, error) {
	var out []fid
	for at := 0; at < len(raw); {
		b := raw[at:]
		where := fmt.Sprintf("name at byte %d of %s", at, object)
		if len(b) < fidFixed {
			return nil, malformed(where, "only %d bytes are left", len(b))
		}
		nameLength, use := int(b[19]), int(le.Uint16(b[36:]))
		length := (fidFixed + use + nameLength + 3) &^ 3
		if length > len(b) {
			return nil, malformed(where, "%d bytes long, %d are left", length, len(b))
		}
		flags := b[18]
		if flags&fidDeleted == 0 {
			// a deleted one may have lost its CRC (rufus#771 flips the flag alone)
			if err := checkTag(where, b[:length], tagFileIdentifier); err != nil {
				return nil, err
			}
			if flags&fidParent == 0 {
				name, err := decodeCS0(b[fidFixed+use : fidFixed+use+nameLength])
				if err != nil {
					return nil, malformed(where, "%v", err)
				}
				if problem := badName(name); problem != "" {
					return nil, malformed(where, "the name %q %s", name, problem)
				}
				if ref := le.Uint16(b[28:]); ref != 0 {
					return nil, malformed(where, "%q is in partition map %d of 1", name, ref)
				}
				out = append(out, fid{name: name, block: le.Uint32(b[24:]), dir: flags&fidDirectory != 0, offset: at, length: length})
			}
		}
		at += length
	}
	return out, nil
}

// badName says what makes name unfit to be a path's element.
func badName(name string) string {
	switch {
	case name == "":
		return "is empty"
	case name == "." || name == "..":
		return "is reserved"
	case strings.ContainsAny(name, "/\\\x00"):
		return "holds a separator"
	}
	return ""
}
