package iso9660

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"unicode/utf16"
)

func both16(b []byte, n uint16) {
	binary.LittleEndian.PutUint16(b, n)
	binary.BigEndian.PutUint16(b[2:], n)
}

func both32(b []byte, n uint32) {
	binary.LittleEndian.PutUint32(b, n)
	binary.BigEndian.PutUint32(b[4:], n)
}

// volumeDescriptor is the primary one, 8.4, or Joliet's supplementary one, 8.5.
func (d *disc) volumeDescriptor(tree int) []byte {
	b := make([]byte, sectorSize)
	b[0] = 1
	text := func(from, to int, s string) {
		field := b[from:to]
		if tree == plain {
			copy(field, bytes.Repeat([]byte{' '}, len(field)))
			copy(field, s)
			return
		}
		for i := 0; i+1 < len(field); i += 2 {
			field[i+1] = ' '
		}
		for i, x := range utf16.Encode([]rune(s)) {
			if 2*i+1 < len(field) {
				field[2*i], field[2*i+1] = byte(x>>8), byte(x)
			}
		}
	}
	copy(b[1:], "CD001\x01")
	text(8, 40, "")
	text(40, 72, d.options.Label)
	both32(b[80:], d.sectors)
	if tree == joliet {
		b[0] = 2
		copy(b[88:], "%/E") // UCS-2 level 3
	}
	both16(b[120:], 1)
	both16(b[124:], 1)
	both16(b[128:], sectorSize)
	both32(b[132:], d.tableSize[tree])
	binary.LittleEndian.PutUint32(b[140:], d.tables[tree][0])
	binary.BigEndian.PutUint32(b[148:], d.tables[tree][1])
	copy(b[156:190], d.record(d.root, []byte{0}, tree))
	text(190, 318, "")
	text(318, 446, "")
	text(446, 574, "")
	text(574, 702, "")
	text(702, 739, "")
	text(739, 776, "")
	text(776, 813, "")
	t := d.options.Recorded.UTC()
	stamp := fmt.Sprintf("%04d%02d%02d%02d%02d%02d%02d", t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond()/10_000_000)
	copy(b[813:], stamp+"\x00"+stamp+"\x00"+"0000000000000000\x00"+"0000000000000000\x00")
	b[881] = 1
	return b
}

// pathTable is one of a tree's two, 9.4.
func (d *disc) pathTable(tree int, order binary.ByteOrder) []byte {
	var out []byte
	for _, dir := range d.dirs[tree] {
		id := dir.tableID(tree)
		b := make([]byte, 8+evenLength(len(id)))
		b[0] = byte(len(id))
		order.PutUint32(b[2:], dir.sector[tree])
		order.PutUint16(b[6:], dir.parent.number[tree])
		copy(b[8:], id)
		out = append(out, b...)
	}
	return append(out, make([]byte, (sectorSize-len(out)%sectorSize)%sectorSize)...)
}

// directory is a directory's extent, 6.8.
func (d *disc) directory(dir *node, tree int) []byte {
	out := make([]byte, 0, dir.size[tree])
	out = append(out, d.record(dir, []byte{0}, tree)...)
	out = append(out, d.record(dir.parent, []byte{1}, tree)...)
	for _, c := range dir.sorted(tree, false) {
		r := d.record(c, c.ids[tree], tree)
		if left := sectorSize - len(out)%sectorSize; len(r) > left {
			out = append(out, make([]byte, left)...)
		}
		out = append(out, r...)
	}
	return append(out, make([]byte, int(dir.size[tree])-len(out))...)
}

// record is a directory record, 9.1.
func (d *disc) record(n *node, id []byte, tree int) []byte {
	b := make([]byte, recordLength(id))
	b[0] = byte(len(b))
	both32(b[2:], n.sector[tree])
	both32(b[10:], n.size[tree])
	t := d.options.Recorded.UTC()
	b[18], b[19], b[20] = byte(t.Year()-1900), byte(t.Month()), byte(t.Day())
	b[21], b[22], b[23] = byte(t.Hour()), byte(t.Minute()), byte(t.Second())
	if n.file == nil {
		b[25] = 2
	}
	both16(b[28:], 1)
	b[32] = byte(len(id))
	copy(b[33:], id)
	return b
}
