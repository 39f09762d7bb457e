package udf

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
)

// Patch is what an edit changes.
type Patch struct {
	// Size is the new disc's length in bytes.
	Size int64
	// Changes don't overlap and are in the order of their offsets.
	Changes []Change
}

// Change is a run of bytes of the new disc.
type Change struct {
	Offset  int64
	Length  int64
	Content io.ReaderAt
}

// appendAlignment is where what is added begins: a cluster of an overlay, so
// that the old end needn't be copied into one.
const appendAlignment = 64 << 10

// planner lays an edit out behind the old end of the disc:
// entries and directories, contents, and the anchor in the last sector.
type planner struct {
	e *Editor
	// first is the block at which metadata begins.
	first    uint32
	metadata []byte
	// dataAt is the block at which the next content begins.
	dataAt  int64
	uniqueN uint64
	// sectors that are rewritten where they lie
	rewritten map[uint32][]byte
	contents  []Change
}

// Plan works the edit out. Only sectors of directories that change, and of the
// descriptors that count, are rewritten where they lie; all else is appended. A
// directory stays where it is as long as its blocks have room.
func (e *Editor) Plan() (*Patch, error) {
	if !e.dirty(e.root) {
		return &Patch{Size: e.v.size}, nil
	}
	p := e.v.sequence.partition
	start := (e.v.size + appendAlignment - 1) / appendAlignment * appendAlignment / SectorSize
	pl := &planner{e: e, first: uint32(start - int64(p.Start)), rewritten: map[uint32][]byte{}, uniqueN: max(16, le.Uint64(e.state.integrity[40:]))}
	blocks, err := pl.measure(e.root)
	if err != nil {
		return nil, err
	}
	pl.metadata = make([]byte, 0, blocks*SectorSize)
	pl.dataAt = int64(pl.first) + blocks
	if err := pl.place(e.root, e.v.rootICB, e.v.rootICB); err != nil {
		return nil, err
	}
	end, err := e.v.freeEnd(int64(p.Start) + pl.dataAt)
	if err != nil {
		return nil, err
	}
	if end >= math.MaxUint32 {
		return nil, fmt.Errorf("the disc would need %d sectors, more than UDF counts", end+1)
	}
	if int64(len(pl.metadata)) != blocks*SectorSize {
		return nil, fmt.Errorf("%d blocks were measured, %d bytes written", blocks, len(pl.metadata))
	}
	pl.descriptors(uint32(end))
	return pl.patch(end), nil
}

// dirty tells whether a directory, or one beneath it, changes.
func (e *Editor) dirty(d *editDir) bool {
	return d.dirty || slices.ContainsFunc(d.names, func(n *editName) bool { return n.child != nil && e.dirty(n.child) })
}

// room is how many bytes of names fit where the directory's names lie now; 0 for
// a new one. Blocks behind its names are not its room, even where its extents
// reach so far: nothing says that they are not another file's as well.
func (d *editDir) room() int64 {
	switch {
	case d.entry == nil:
		return 0
	case d.entry.isEmbed:
		return int64(d.entry.space())
	case len(d.entry.extents) > d.entry.slots():
		return 0 // they went on elsewhere, and one that is moved needs no more than one
	}
	var n int64
	left := d.entry.size
	for _, x := range d.entry.extents {
		if left > x.length && x.length%SectorSize != 0 {
			return 0 // not as it should be: better moved as a whole
		}
		n += blocksOf(min(max(left, 0), x.length)) * SectorSize
		left -= x.length
	}
	return n
}

// encodedSize is the length of a directory's names.
func (d *editDir) encodedSize() (int64, error) {
	n := int64(fidFixed + 2) // the parent's
	for _, x := range d.names {
		if x.raw != nil {
			n += int64(len(x.raw))
			continue
		}
		name, err := encodeCS0(x.name)
		if err != nil {
			return 0, err
		}
		n += int64((fidFixed + len(name) + 3) &^ 3)
	}
	if n > maxNames {
		return 0, fmt.Errorf("a directory of %d bytes of names; up to %d are read", n, maxNames)
	}
	return n, nil
}

// measure counts the blocks of metadata that an edit appends. It also orders new
// names, so that the same edit comes out the same in whatever order it was made.
func (pl *planner) measure(d *editDir) (int64, error) {
	slices.SortStableFunc(d.names, func(a, b *editName) int {
		if (a.raw != nil) != (b.raw != nil) {
			if a.raw != nil {
				return -1
			}
			return 1
		}
		if a.raw != nil {
			return 0
		}
		return cmp.Compare(a.name, b.name)
	})
	var blocks int64
	if d.entry == nil {
		blocks++
	}
	if d.dirty {
		size, err := d.encodedSize()
		if err != nil {
			return 0, err
		}
		if size > d.room() {
			if d.entry != nil && d.entry.slots() < 1 {
				return 0, refuse("the entry of the directory at block %d is full: its %d bytes of attributes leave no room for an allocation descriptor", d.entry.block, d.entry.attributes)
			}
			blocks += blocksOf(size)
		}
	}
	for _, n := range d.names {
		if n.file != nil {
			blocks++
		}
		if n.child != nil {
			more, err := pl.measure(n.child)
			if err != nil {
				return 0, err
			}
			blocks += more
		}
	}
	return blocks, nil
}

// appendBlocks takes n blocks of metadata and gives the first.
func (pl *planner) appendBlocks(n int64) uint32 {
	at := pl.first + uint32(len(pl.metadata)/SectorSize)
	pl.metadata = pl.metadata[:int64(len(pl.metadata))+n*SectorSize] // measured before
	return at
}

// put writes into blocks that appendBlocks gave.
func (pl *planner) put(block uint32, b []byte) {
	copy(pl.metadata[int64(block-pl.first)*SectorSize:], b)
}

// place lays the directory out whose entry lies, or shall lie, at block.
func (pl *planner) place(d *editDir, block, parent uint32) error {
	for _, n := range d.names {
		switch {
		case n.file != nil:
			n.icb = pl.placeFile(n.file)
		case n.child != nil && n.child.entry == nil:
			n.icb = pl.appendBlocks(1)
		}
	}
	if d.dirty {
		if err := pl.placeNames(d, block, parent); err != nil {
			return err
		}
	}
	for _, n := range d.names {
		if n.child != nil {
			if err := pl.place(n.child, n.icb, block); err != nil {
				return err
			}
		}
	}
	return nil
}

// placeFile writes a new file's entry and gives its block.
func (pl *planner) placeFile(f *newFile) uint32 {
	block := pl.appendBlocks(1)
	start := pl.dataAt
	if f.size > 0 {
		offset := (int64(pl.e.v.sequence.partition.Start) + start) * SectorSize
		pl.contents = append(pl.contents, Change{Offset: offset, Length: f.size, Content: f.content})
		pl.dataAt += blocksOf(f.size)
	}
	pl.put(block, pl.newEntry(block, entryFields{kind: typeFile, links: 1, size: f.size, start: uint32(min(start, math.MaxUint32))}))
	return block
}

// newEntry gives an entry with the owner, permissions and writer of the root's.
func (pl *planner) newEntry(block uint32, f entryFields) []byte {
	f.modified, f.uniqueID = pl.e.v.recorded, pl.uniqueN
	pl.uniqueN++
	b := fileEntry(block, f)
	root := pl.e.state.root
	copy(b[2:4], root[2:4])     // version: that of NSR02 or NSR03
	copy(b[6:8], root[6:8])     // serial number
	copy(b[36:48], root[36:48]) // owner, group, permissions
	implementation := 128
	if tagID(root) == tagExtendedFileEntry {
		implementation = 168
	}
	copy(b[128:160], root[implementation:implementation+32])
	resealTag(b, len(b)-tagSize, block)
	return b
}

// placeNames writes a directory's names, where they lie if there is room, and
// its entry.
func (pl *planner) placeNames(d *editDir, block, parent uint32) error {
	size, err := d.encodedSize()
	if err != nil {
		return err
	}
	if d.entry == nil {
		data := pl.appendBlocks(blocksOf(size))
		names, err := pl.names(d, parent, func(at int64) uint32 { return data + uint32(at/SectorSize) })
		if err != nil {
			return err
		}
		pl.put(data, names)
		links := 1
		for _, n := range d.names {
			if n.dir {
				links++
			}
		}
		pl.put(block, pl.newEntry(block, entryFields{kind: typeDirectory, links: uint16(links), size: size, start: data}))
		return nil
	}
	entryBlock, err := pl.e.v.block(block)
	if err != nil {
		return err
	}
	rewrite := entryRewrite{b: entryBlock, e: d.entry}
	rewrite.links(d.links)
	switch {
	case size > d.room():
		data := pl.appendBlocks(blocksOf(size))
		names, err := pl.names(d, parent, func(at int64) uint32 { return data + uint32(at/SectorSize) })
		if err != nil {
			return err
		}
		pl.put(data, names)
		rewrite.extents(size, []extent{{block: data, length: size}})
	case d.entry.isEmbed:
		names, err := pl.names(d, parent, func(int64) uint32 { return block })
		if err != nil {
			return err
		}
		rewrite.embed(names)
	default:
		names, err := pl.names(d, parent, d.entry.blockAt)
		if err != nil {
			return err
		}
		pl.rewriteInPlace(shrink(d.entry.extents, d.room()), names)
		rewrite.extents(size, shrink(d.entry.extents, size))
	}
	sector := pl.e.v.sequence.partition.Start + block
	pl.rewritten[sector] = rewrite.seal(block)
	return nil
}

// rewriteInPlace writes names over a directory's blocks.
func (pl *planner) rewriteInPlace(extents []extent, names []byte) {
	for _, x := range extents {
		for i := range uint32(blocksOf(x.length)) {
			b := make([]byte, SectorSize)
			names = names[copy(b, names):]
			pl.rewritten[pl.e.v.sequence.partition.Start+x.block+i] = b
		}
	}
}

// names encodes a directory; blockAt gives the block in which a byte will lie.
func (pl *planner) names(d *editDir, parent uint32, blockAt func(int64) uint32) ([]byte, error) {
	version, serial := pl.e.state.root[2:4], pl.e.state.root[6:8]
	var out []byte
	add := func(flags byte, icb uint32, name []byte) {
		at := blockAt(int64(len(out)))
		f := fileIdentifier(at, flags, icb, name)
		copy(f[2:4], version)
		copy(f[6:8], serial)
		resealTag(f, len(f)-tagSize, at)
		out = append(out, f...)
	}
	add(fidDirectory|fidParent, parent, nil)
	for _, n := range d.names {
		if n.raw == nil {
			name, err := encodeCS0(n.name)
			if err != nil {
				return nil, err
			}
			flags := byte(0)
			if n.dir {
				flags = fidDirectory
			}
			add(flags, n.icb, name)
			continue
		}
		f := bytes.Clone(n.raw)
		le.PutUint32(f[24:], n.icb)
		if n.file != nil {
			le.PutUint32(f[20:], SectorSize)
		}
		resealTag(f, len(f)-tagSize, blockAt(int64(len(out))))
		out = append(out, f...)
	}
	return out, nil
}

// descriptors rewrites what counts sectors and files.
func (pl *planner) descriptors(lastSector uint32) {
	s, p := pl.e.state, pl.e.v.sequence.partition
	length := lastSector - p.Start
	for sector, b := range s.partitions {
		b = bytes.Clone(b)
		le.PutUint32(b[192:], length)
		resealTag(b, int(le.Uint16(b[10:])), sector)
		pl.rewritten[sector] = b
	}
	b := bytes.Clone(s.integrity)
	le.PutUint64(b[40:], pl.uniqueN)
	le.PutUint32(b[84:], length)
	adjust := func(at int, by int64) {
		le.PutUint32(b[at:], uint32(max(0, int64(le.Uint32(b[at:]))+by)))
	}
	adjust(120, pl.e.files)
	adjust(124, pl.e.dirs)
	resealTag(b, int(le.Uint16(b[10:])), s.integrityN)
	pl.rewritten[s.integrityN] = b
}

// patch gathers the changes of a disc whose last sector is given.
func (pl *planner) patch(last int64) *Patch {
	out := &Patch{Size: (last + 1) * SectorSize}
	for _, sector := range slices.Sorted(maps.Keys(pl.rewritten)) {
		out.Changes = append(out.Changes, bytesChange(int64(sector), pl.rewritten[sector]))
	}
	first := int64(pl.e.v.sequence.partition.Start) + int64(pl.first)
	out.Changes = append(out.Changes, bytesChange(first, pl.metadata))
	out.Changes = append(out.Changes, pl.contents...)
	anchor := bytes.Clone(pl.e.state.anchorBytes)
	resealTag(anchor, int(le.Uint16(anchor[10:])), uint32(last))
	out.Changes = append(out.Changes, bytesChange(last, anchor))
	slices.SortFunc(out.Changes, func(a, b Change) int { return cmp.Compare(a.Offset, b.Offset) })
	return out
}

func bytesChange(sector int64, b []byte) Change {
	return Change{Offset: sector * SectorSize, Length: int64(len(b)), Content: bytes.NewReader(b)}
}
