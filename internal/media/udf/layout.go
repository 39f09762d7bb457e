package udf

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"time"
)

// Where a layout puts things: as Microsoft's discs have them.
const (
	recognitionSector = 19
	anchorSector      = 256
	mainSequence      = 257
	integritySector   = 273
	reserveSequence   = 275
	partitionStart    = 291
	sequenceSectors   = 16
)

// Input is a file of a new volume.
type Input struct {
	// Path is relative, with slashes.
	Path string
	// Size is in bytes.
	Size int64
	Open func() (io.ReadCloser, error)
}

// LayoutOptions say how a new volume is laid out.
type LayoutOptions struct {
	Label    string
	Recorded time.Time
	// Hidden are contents that lie in the volume without a name: the copies of
	// the boot images that the El Torito catalogue points at.
	Hidden []Input
	// Directories are made even when no file is in them.
	Directories []string
}

// Layout is a new volume, worked out sector for sector. It has nothing in
// sectors 0-18, which belong to ISO 9660 and the boot record, and nothing in
// sectors 22-255.
type Layout struct {
	// Segments are in the order of their offsets; what lies between is zero.
	Segments []Segment
	// Size is the disc's length in bytes.
	Size int64
	// HiddenSectors are where Options.Hidden lie, in their order.
	HiddenSectors []uint32
}

// Segment is a run of bytes of a layout.
type Segment struct {
	Offset int64
	// Bytes is the content, or nil when it is File's.
	Bytes []byte
	File  *Input
}

// Length is the segment's, in bytes.
func (s Segment) Length() int64 {
	if s.File != nil {
		return s.File.Size
	}
	return int64(len(s.Bytes))
}

// treeNode is a file or a directory of a new volume.
type treeNode struct {
	name     string
	children []*treeNode
	index    map[string]*treeNode // by Fold of the name
	file     *Input
	icb      uint32 // block
	data     uint32 // block
	size     int64
	unique   uint64
}

// NewLayout lays out a volume of files. Directories are made as needed.
func NewLayout(files []Input, o LayoutOptions) (*Layout, error) {
	root, err := newTree(files, o.Directories)
	if err != nil {
		return nil, err
	}
	l := &layouter{o: o, root: root}
	return l.layOut()
}

func newTree(files []Input, dirs []string) (*treeNode, error) {
	root := &treeNode{index: map[string]*treeNode{}}
	for _, path := range dirs {
		at := root
		for name := range strings.SplitSeq(path, "/") {
			if problem := badName(name); problem != "" {
				return nil, fmt.Errorf("%s: the name %q %s", Printable(path), name, problem)
			}
			at = at.child(name)
		}
	}
	for i := range files {
		at := root
		elements := strings.Split(files[i].Path, "/")
		for k, name := range elements {
			if problem := badName(name); problem != "" {
				return nil, fmt.Errorf("%s: the name %q %s", Printable(files[i].Path), name, problem)
			}
			last := k == len(elements)-1
			if found := at.index[Fold(name)]; found != nil && (last || found.file != nil) {
				return nil, fmt.Errorf("%s: there are two files of that name", Printable(files[i].Path))
			}
			found := at.child(name)
			if last {
				found.file, found.size = &files[i], files[i].Size
			}
			at = found
		}
	}
	return root, nil
}

// child finds the node's child, or makes it.
func (n *treeNode) child(name string) *treeNode {
	found := n.index[Fold(name)]
	if found == nil {
		found = &treeNode{name: name, index: map[string]*treeNode{}}
		n.index[Fold(name)] = found
		n.children = append(n.children, found)
	}
	return found
}

type layouter struct {
	o         LayoutOptions
	root      *treeNode
	next      int64 // block
	unique    uint64
	dirs      []*treeNode
	parents   map[*treeNode]*treeNode
	fileNodes []*treeNode
	out       Layout
	metadata  []byte // the partition's blocks before the contents
}

func (l *layouter) take(size int64) uint32 {
	at := l.next
	l.next += blocksOf(size)
	return uint32(min(at, math.MaxUint32))
}

func (l *layouter) layOut() (*Layout, error) {
	l.next = 2 // the file set descriptor and its terminator
	l.unique = 16
	l.parents = map[*treeNode]*treeNode{l.root: l.root}
	if err := l.visit(l.root); err != nil {
		return nil, err
	}
	for _, n := range l.dirs {
		n.icb = l.take(SectorSize)
	}
	for _, n := range l.fileNodes {
		n.icb = l.take(SectorSize)
	}
	for _, n := range l.dirs {
		n.data = l.take(n.size)
	}
	metadataBlocks := l.next
	if metadataBlocks > 1<<20 {
		return nil, fmt.Errorf("%d files and directories: too many for a disc", len(l.dirs)+len(l.fileNodes))
	}
	hidden := make([]uint32, len(l.o.Hidden))
	for i := range l.o.Hidden {
		hidden[i] = l.take(l.o.Hidden[i].Size)
	}
	for _, n := range l.fileNodes {
		n.data = l.take(n.size)
	}
	if l.next > math.MaxUint32-partitionStart-1 {
		return nil, fmt.Errorf("the disc needs %d sectors, more than UDF counts", l.next)
	}
	l.metadata = make([]byte, metadataBlocks*SectorSize)
	if err := l.writeMetadata(); err != nil {
		return nil, err
	}
	l.assemble(hidden)
	return &l.out, nil
}

// visit sorts the tree and gathers its nodes, directories before their files.
func (l *layouter) visit(n *treeNode) error {
	slices.SortFunc(n.children, func(a, b *treeNode) int { return cmp.Compare(a.name, b.name) })
	l.dirs = append(l.dirs, n)
	n.size = fidFixed + 2 // the parent's
	for _, c := range n.children {
		name, err := encodeCS0(c.name)
		if err != nil || len(name) > 255 {
			return fmt.Errorf("%q: UDF holds names of up to 254 characters, or 127 beyond Latin-1", c.name)
		}
		n.size += int64((fidFixed + len(name) + 3) &^ 3)
		l.parents[c] = n
		c.unique = l.unique
		l.unique++
		if c.file != nil {
			if c.size < 0 || c.size > (SectorSize-entryFixed)/8*maxExtentLength {
				return fmt.Errorf("%s: %d bytes don't fit one file entry", c.file.Path, c.size)
			}
			l.fileNodes = append(l.fileNodes, c)
			continue
		}
		if err := l.visit(c); err != nil {
			return err
		}
	}
	return nil
}

func (l *layouter) put(block uint32, b []byte) { copy(l.metadata[int64(block)*SectorSize:], b) }

func (l *layouter) writeMetadata() error {
	l.put(0, fileSetDescriptor(0, l.o.Label, l.o.Recorded, l.root.icb))
	l.put(1, terminator(1))
	for _, n := range l.dirs {
		links := uint16(1)
		at, content := n.data, []byte(nil)
		add := func(flags byte, icb uint32, name []byte) {
			content = append(content, fileIdentifier(at+uint32(len(content)/SectorSize), flags, icb, name)...)
		}
		add(fidDirectory|fidParent, l.parents[n].icb, nil)
		for _, c := range n.children {
			name, err := encodeCS0(c.name)
			if err != nil {
				return err
			}
			flags := byte(0)
			if c.file == nil {
				flags = fidDirectory
				links++ // its parent entry
			}
			add(flags, c.icb, name)
		}
		l.put(n.data, content)
		l.put(n.icb, fileEntry(n.icb, entryFields{kind: typeDirectory, links: links, size: n.size, modified: l.o.Recorded, uniqueID: n.unique, start: n.data}))
	}
	for _, n := range l.fileNodes {
		l.put(n.icb, fileEntry(n.icb, entryFields{kind: typeFile, links: 1, size: n.size, modified: l.o.Recorded, uniqueID: n.unique, start: n.data}))
	}
	return nil
}

// assemble makes the segments of the disc.
func (l *layouter) assemble(hidden []uint32) {
	partition := Partition{Start: partitionStart, Length: uint32(l.next)}
	last := partition.Start + partition.Length
	l.out.Size = (int64(last) + 1) * SectorSize
	bytes := func(sector uint32, b []byte) {
		l.out.Segments = append(l.out.Segments, Segment{Offset: int64(sector) * SectorSize, Bytes: b})
	}
	file := func(block uint32, f *Input) {
		if f.Size > 0 {
			l.out.Segments = append(l.out.Segments, Segment{Offset: (int64(partition.Start) + int64(block)) * SectorSize, File: f})
		}
	}
	for i, id := range []string{"BEA01", "NSR02", "TEA01"} {
		bytes(recognitionSector+uint32(i), append([]byte{0}, id+"\x01"...))
	}
	main := extentAD{sequenceSectors * SectorSize, mainSequence}
	reserve := extentAD{sequenceSectors * SectorSize, reserveSequence}
	fields := volumeFields{label: l.o.Label, recorded: l.o.Recorded, partition: partition, integrity: extentAD{2 * SectorSize, integritySector}}
	bytes(anchorSector, anchorDescriptor(anchorSector, main, reserve))
	for i, d := range fields.sequenceAt(mainSequence) {
		bytes(mainSequence+uint32(i), d)
	}
	bytes(integritySector, integrityDescriptor(integritySector, l.o.Recorded, l.unique, partition.Length, uint32(len(l.fileNodes)), uint32(len(l.dirs))))
	bytes(integritySector+1, terminator(integritySector+1))
	for i, d := range fields.sequenceAt(reserveSequence) {
		bytes(reserveSequence+uint32(i), d)
	}
	bytes(partition.Start, l.metadata)
	for i := range hidden {
		l.out.HiddenSectors = append(l.out.HiddenSectors, partition.Start+hidden[i])
		file(hidden[i], &l.o.Hidden[i])
	}
	for _, n := range l.fileNodes {
		file(n.data, n.file)
	}
	bytes(last, anchorDescriptor(last, main, reserve))
}
