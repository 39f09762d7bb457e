package partition

import (
	"encoding/binary"
	"hash/crc32"
	"io"
	"unicode/utf16"
)

const (
	entryBytes   = 128
	entryCount   = 128
	tableSectors = entryBytes * entryCount / SectorSize
)

// WriteGPT clears the disk and writes a protective MBR and both GUID partition
// tables (UEFI specification 2.10, chapter 5). random gives the GUIDs.
func WriteGPT(w io.WriterAt, size int64, random io.Reader, entries []Entry) ([]Span, error) {
	last := uint64(size/SectorSize) - 1
	spans, err := place(entries, lastUsable(last))
	if err != nil {
		return nil, err
	}
	disk, err := newGUID(random)
	if err != nil {
		return nil, err
	}
	table := make([]byte, entryBytes*entryCount)
	for i, e := range entries {
		b := table[i*entryBytes:]
		unique, err := newGUID(random)
		if err != nil {
			return nil, err
		}
		copy(b, e.Type[:])
		copy(b[16:], unique[:])
		binary.LittleEndian.PutUint64(b[32:], e.first)
		binary.LittleEndian.PutUint64(b[40:], e.last)
		for j, unit := range utf16.Encode([]rune(e.Name)) {
			if j < 36 {
				binary.LittleEndian.PutUint16(b[56+2*j:], unit)
			}
		}
	}
	if err := wipe(w, size); err != nil {
		return nil, err
	}
	return spans, writeGPT(w, last, disk, table)
}

// writeGPT writes the protective MBR, and header and entries at both ends of
// the disk.
func writeGPT(w io.WriterAt, last uint64, disk GUID, table []byte) error {
	header := func(at, other, tableAt uint64) []byte {
		h := make([]byte, SectorSize)
		copy(h, "EFI PART")
		binary.LittleEndian.PutUint32(h[8:], 0x00010000)
		binary.LittleEndian.PutUint32(h[12:], 92)
		binary.LittleEndian.PutUint64(h[24:], at)
		binary.LittleEndian.PutUint64(h[32:], other)
		binary.LittleEndian.PutUint64(h[40:], 2+tableSectors)
		binary.LittleEndian.PutUint64(h[48:], lastUsable(last))
		copy(h[56:], disk[:])
		binary.LittleEndian.PutUint64(h[72:], tableAt)
		binary.LittleEndian.PutUint32(h[80:], entryCount)
		binary.LittleEndian.PutUint32(h[84:], entryBytes)
		binary.LittleEndian.PutUint32(h[88:], crc32.ChecksumIEEE(table))
		binary.LittleEndian.PutUint32(h[16:], crc32.ChecksumIEEE(h[:92]))
		return h
	}
	for _, part := range []struct {
		at   uint64
		data []byte
	}{
		{0, protectiveMBR(last)},
		{1, header(1, last, 2)},
		{2, table},
		{last - tableSectors, table},
		{last, header(last, 1, last-tableSectors)},
	} {
		if _, err := w.WriteAt(part.data, int64(part.at)*SectorSize); err != nil {
			return err
		}
	}
	return nil
}

// lastUsable is the last sector before the backup table.
func lastUsable(last uint64) uint64 { return last - tableSectors - 1 }

func newGUID(random io.Reader) (GUID, error) {
	var g GUID
	if _, err := io.ReadFull(random, g[:]); err != nil {
		return g, err
	}
	g[7] = g[7]&0x0f | 0x40
	g[8] = g[8]&0x3f | 0x80
	return g, nil
}

func protectiveMBR(last uint64) []byte {
	mbr := make([]byte, SectorSize)
	e := mbr[446:]
	e[2] = 2 // CHS of the first sector, as the specification has it
	e[4] = 0xee
	e[5], e[6], e[7] = 0xff, 0xff, 0xff
	binary.LittleEndian.PutUint32(e[8:], 1)
	binary.LittleEndian.PutUint32(e[12:], uint32(min(last, 0xffffffff)))
	mbr[510], mbr[511] = 0x55, 0xaa
	return mbr
}
