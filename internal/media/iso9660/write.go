package iso9660

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"time"
)

// Options of a disc.
type Options struct {
	// Label is the volume identifier: at most 16 characters of A-Z, 0-9 and _.
	Label string
	// Recorded stamps everything.
	Recorded time.Time
}

// padding is what mkisofs adds as well: drives that read ahead past the end of
// a disc fail otherwise.
const padding = 150

// Write writes a disc of files to w. The same input gives the same bytes.
func Write(ctx context.Context, w io.Writer, files []File, o Options) error {
	root, err := buildTree(files)
	if err != nil {
		return err
	}
	d := &disc{options: o, root: root}
	if err := d.layOut(); err != nil {
		return err
	}
	b := bufio.NewWriterSize(w, 1<<20)
	if err := d.write(ctx, b); err != nil {
		return err
	}
	return b.Flush()
}

// byteOrders are those of the two path tables, L and M.
var byteOrders = []binary.ByteOrder{binary.LittleEndian, binary.BigEndian}

type disc struct {
	options   Options
	root      *node
	dirs      [2][]*node
	tableSize [2]uint32
	tables    [2][2]uint32 // sector of the L and the M table of either tree
	files     []*node
	sectors   uint32
}

const firstFree = 19 // after the two volume descriptors and the terminator

func (d *disc) layOut() error {
	next := int64(firstFree)
	take := func(bytes int64) uint32 {
		at := next
		next += (bytes + sectorSize - 1) / sectorSize
		return uint32(at)
	}
	for tree := range d.dirs {
		d.dirs[tree] = d.root.directories(tree)
		if len(d.dirs[tree]) > math.MaxUint16 {
			return fmt.Errorf("%d directories, ISO 9660 holds %d", len(d.dirs[tree]), math.MaxUint16)
		}
		for _, dir := range d.dirs[tree] {
			d.tableSize[tree] += uint32(8 + evenLength(len(dir.tableID(tree))))
		}
		d.tables[tree][0] = take(int64(d.tableSize[tree]))
		d.tables[tree][1] = take(int64(d.tableSize[tree]))
	}
	for tree := range d.dirs {
		for _, dir := range d.dirs[tree] {
			dir.size[tree] = dir.extentSize(tree)
			dir.sector[tree] = take(int64(dir.size[tree]))
		}
	}
	for _, dir := range d.dirs[joliet] {
		for _, c := range dir.sorted(joliet, false) {
			if c.file == nil {
				continue
			}
			d.files = append(d.files, c)
			at := take(c.file.Size)
			c.sector = [2]uint32{at, at}
			c.size = [2]uint32{uint32(c.file.Size), uint32(c.file.Size)}
			if next > math.MaxUint32-padding {
				return fmt.Errorf("the disc is larger than ISO 9660 holds")
			}
		}
	}
	d.sectors = uint32(next) + padding
	return nil
}

// tableID is a directory's identifier in a path table; the root's is a zero.
func (n *node) tableID(tree int) []byte {
	if n.parent == n {
		return []byte{0}
	}
	return n.ids[tree]
}

func evenLength(n int) int { return n + n%2 }

func recordLength(id []byte) int { return evenLength(33 + len(id)) }

// extentSize is a directory's: its records don't cross sectors.
func (n *node) extentSize(tree int) uint32 {
	size := 2 * recordLength([]byte{0})
	for _, c := range n.sorted(tree, false) {
		length := recordLength(c.ids[tree])
		if left := sectorSize - size%sectorSize; length > left {
			size += left
		}
		size += length
	}
	return uint32((size + sectorSize - 1) / sectorSize * sectorSize)
}

func (d *disc) write(ctx context.Context, w io.Writer) error {
	head := make([]byte, firstFree*sectorSize)
	copy(head[16*sectorSize:], d.volumeDescriptor(plain))
	copy(head[17*sectorSize:], d.volumeDescriptor(joliet))
	copy(head[18*sectorSize:], "\xffCD001\x01")
	if _, err := w.Write(head); err != nil {
		return err
	}
	for tree := range d.dirs {
		for _, order := range byteOrders {
			if _, err := w.Write(d.pathTable(tree, order)); err != nil {
				return err
			}
		}
	}
	for tree := range d.dirs {
		for _, dir := range d.dirs[tree] {
			if _, err := w.Write(d.directory(dir, tree)); err != nil {
				return err
			}
		}
	}
	for _, n := range d.files {
		if err := writeFile(ctx, w, n.file); err != nil {
			return fmt.Errorf("%s: %w", n.file.Path, err)
		}
	}
	_, err := w.Write(make([]byte, padding*sectorSize))
	return err
}

func writeFile(ctx context.Context, w io.Writer, f *File) error {
	r, err := f.Open()
	if err != nil {
		return err
	}
	defer r.Close()
	const chunk = 1 << 20
	for left := f.Size; left > 0; {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := io.CopyN(w, r, min(chunk, left))
		left -= n
		if errors.Is(err, io.EOF) {
			return fmt.Errorf("it ends %d bytes before the %d that were announced: did it change?", left, f.Size)
		}
		if err != nil {
			return err
		}
	}
	if n, _ := io.ReadFull(r, make([]byte, 1)); n > 0 {
		return fmt.Errorf("it is longer than the %d bytes that were announced: did it change?", f.Size)
	}
	_, err = w.Write(make([]byte, (sectorSize-f.Size%sectorSize)%sectorSize))
	return err
}
