package diskcheck

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"unicode/utf16"
)

const sector = 512

// partition is one partition, in bytes.
type partition struct {
	number int
	start  int64
	size   int64
	kind   string // what it is for: efi, msr, basic, recovery, or a type in hex
	active bool   // MBR
	name   string // GPT
}

func (p partition) String() string {
	return fmt.Sprintf("partition %d (%s, %d MiB)", p.number, p.kind, p.size>>20)
}

// table is the disk's partition table.
type table struct {
	scheme     string // gpt or mbr
	partitions []partition
	// faults are what is wrong with the table though it can be read.
	faults []string
}

// Partition types: as GUIDs in the order of their bytes on the disk, and as
// MBR types.
var gptTypes = map[[16]byte]string{
	{0x28, 0x73, 0x2a, 0xc1, 0x1f, 0xf8, 0xd2, 0x11, 0xba, 0x4b, 0x00, 0xa0, 0xc9, 0x3e, 0xc9, 0x3b}: "efi",
	{0x16, 0xe3, 0xc9, 0xe3, 0x5c, 0x0b, 0xb8, 0x4d, 0x81, 0x7d, 0xf9, 0x2d, 0xf0, 0x02, 0x15, 0xae}: "msr",
	{0xa2, 0xa0, 0xd0, 0xeb, 0xe5, 0xb9, 0x33, 0x44, 0x87, 0xc0, 0x68, 0xb6, 0xb7, 0x26, 0x99, 0xc7}: "basic",
	{0xa4, 0xbb, 0x94, 0xde, 0xd1, 0x06, 0x40, 0x4d, 0xa1, 0x6a, 0xbf, 0xd5, 0x01, 0x79, 0xd6, 0xac}: "recovery",
}

var mbrTypes = map[byte]string{0x07: "basic", 0x27: "recovery", 0xef: "efi", 0xee: "protective"}

// readTable reads the partition table of a disk with 512-byte sectors. A GPT is
// one whose protective MBR says so.
func readTable(r io.ReaderAt, size int64) (*table, error) {
	mbr := make([]byte, sector)
	if _, err := r.ReadAt(mbr, 0); err != nil {
		return nil, err
	}
	if mbr[510] != 0x55 || mbr[511] != 0xaa {
		return nil, errors.New("the first sector has no boot signature: the disk has no partition table")
	}
	t, protective := readMBR(mbr, size)
	if !protective {
		return t, nil
	}
	primary, err := readGPT(r, size, 1)
	if err != nil {
		return nil, fmt.Errorf("the MBR announces a GPT, but: %w", err)
	}
	g := &table{scheme: "gpt", partitions: primary.partitions, faults: primary.faults}
	if len(t.partitions) > 1 {
		g.faults = append(g.faults, "the protective MBR has other partitions too: a hybrid disk")
	}
	if backup, err := readGPT(r, size, size/sector-1); err != nil {
		g.faults = append(g.faults, fmt.Sprintf("the backup GPT at the end of the disk: %v", err))
	} else if backup.entriesCRC != primary.entriesCRC {
		g.faults = append(g.faults, "the backup GPT lists other partitions than the primary one")
	}
	return g, nil
}

func readMBR(mbr []byte, size int64) (t *table, protective bool) {
	t = &table{scheme: "mbr"}
	for i := range 4 {
		e := mbr[446+16*i:]
		if e[4] == 0 {
			continue
		}
		p := partition{
			number: i + 1, active: e[0] == 0x80, kind: mbrTypes[e[4]],
			start: int64(binary.LittleEndian.Uint32(e[8:])) * sector, size: int64(binary.LittleEndian.Uint32(e[12:])) * sector,
		}
		if p.kind == "" {
			p.kind = fmt.Sprintf("type %#02x", e[4])
		}
		protective = protective || e[4] == 0xee
		if e[4] != 0xee && (p.start < sector || p.size <= 0 || p.start+p.size > size) {
			t.faults = append(t.faults, fmt.Sprintf("%s lies outside of the disk", p))
			continue
		}
		t.partitions = append(t.partitions, p)
	}
	return t, protective
}

type gpt struct {
	partitions []partition
	entriesCRC uint32
	faults     []string
}

func readGPT(r io.ReaderAt, size, lba int64) (*gpt, error) {
	h := make([]byte, sector)
	if _, err := r.ReadAt(h, lba*sector); err != nil {
		return nil, err
	}
	le := binary.LittleEndian
	if string(h[:8]) != "EFI PART" {
		return nil, errors.New("no GPT header there")
	}
	length := le.Uint32(h[12:])
	if length < 92 || length > sector {
		return nil, fmt.Errorf("a GPT header of %d bytes", length)
	}
	sum := le.Uint32(h[16:])
	clear(h[16:20])
	if crc32.ChecksumIEEE(h[:length]) != sum {
		return nil, errors.New("the GPT header's checksum is wrong")
	}
	if got := le.Uint64(h[24:]); got != uint64(lba) {
		return nil, fmt.Errorf("the GPT header says that it lies at sector %d, it lies at %d", got, lba)
	}
	at, count, entry := le.Uint64(h[72:]), le.Uint32(h[80:]), le.Uint32(h[84:])
	if count == 0 || count > 1024 || entry < 128 || entry > 4096 || at > uint64(size)/sector {
		return nil, fmt.Errorf("a GPT of %d entries of %d bytes at sector %d", count, entry, at)
	}
	entries := make([]byte, int(count)*int(entry))
	if _, err := r.ReadAt(entries, int64(at)*sector); err != nil {
		return nil, err
	}
	g := &gpt{entriesCRC: le.Uint32(h[88:])}
	if crc32.ChecksumIEEE(entries) != g.entriesCRC {
		return nil, errors.New("the GPT entries' checksum is wrong")
	}
	for i := range int(count) {
		e := entries[i*int(entry):]
		kind := [16]byte(e[:16])
		if kind == [16]byte{} {
			continue
		}
		first, last := le.Uint64(e[32:]), le.Uint64(e[40:])
		p := partition{number: i + 1, kind: gptTypes[kind], name: utf16Name(e[56:128])}
		if p.kind == "" {
			p.kind = fmt.Sprintf("type %x", kind)
		}
		if first < 2 || last < first || last >= uint64(size)/sector {
			g.faults = append(g.faults, fmt.Sprintf("partition %d lies outside of the disk", p.number))
			continue
		}
		p.start, p.size = int64(first)*sector, int64(last-first+1)*sector
		g.partitions = append(g.partitions, p)
	}
	return g, nil
}

func utf16Name(b []byte) string {
	var units []uint16
	for i := 0; i+1 < len(b); i += 2 {
		u := binary.LittleEndian.Uint16(b[i:])
		if u == 0 {
			break
		}
		units = append(units, u)
	}
	return string(utf16.Decode(units))
}
