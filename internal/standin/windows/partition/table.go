package partition

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
)

// RecoveryKind is the MBR type of a Windows RE partition.
const RecoveryKind = 0x27

// RecoveryAttributes are what Windows gives a recovery partition on GPT:
// required by the platform, and no drive letter (Microsoft, "UEFI/GPT-based
// hard drive partitions": gpt attributes=0x8000000000000001).
const RecoveryAttributes = 0x8000000000000001

// Partition is one partition of a table that is on a disk.
type Partition struct {
	Number int // from 1; Linux counts as the table does
	Span
	Type       GUID   // GPT only
	Attributes uint64 // GPT only
	Kind       byte   // MBR only
	Active     bool   // MBR only
}

// Recovery says that the partition is of Windows RE's type.
func (p Partition) Recovery() bool { return p.Type == Recovery || p.Kind == RecoveryKind }

// Table is the partition table of a disk, to be changed and written back.
type Table struct {
	// Partitions are in the order of their place on the disk.
	Partitions []Partition
	// GPT or else MBR.
	GPT bool

	first   []byte // the first sector
	entries []byte // GPT
	disk    GUID   // GPT
	last    uint64 // sector of the disk
}

// Read reads the table that WriteGPT or WriteMBR has written to a disk of that
// size.
func Read(r io.ReaderAt, size int64) (*Table, error) {
	t := &Table{first: make([]byte, SectorSize), last: uint64(size/SectorSize) - 1}
	if _, err := r.ReadAt(t.first, 0); err != nil {
		return nil, err
	}
	if t.first[510] != 0x55 || t.first[511] != 0xaa {
		return nil, errors.New("the disk has no partition table")
	}
	if t.GPT = t.first[446+4] == 0xee; t.GPT {
		header := make([]byte, SectorSize)
		t.entries = make([]byte, entryBytes*entryCount)
		if _, err := r.ReadAt(header, SectorSize); err != nil {
			return nil, err
		}
		if _, err := r.ReadAt(t.entries, 2*SectorSize); err != nil {
			return nil, err
		}
		copy(t.disk[:], header[56:])
	}
	t.list()
	return t, nil
}

// list reads Partitions from the entries.
func (t *Table) list() {
	t.Partitions = nil
	for n := 1; n <= t.count(); n++ {
		e := t.entry(n)
		var p Partition
		if t.GPT {
			p = Partition{Type: GUID(e[:16]), Attributes: binary.LittleEndian.Uint64(e[48:])}
			first, last := binary.LittleEndian.Uint64(e[32:]), binary.LittleEndian.Uint64(e[40:])
			p.Span = Span{int64(first) * SectorSize, int64(last-first+1) * SectorSize}
			if p.Type == (GUID{}) {
				continue
			}
		} else {
			p = Partition{Kind: e[4], Active: e[0] == 0x80}
			p.Span = Span{int64(binary.LittleEndian.Uint32(e[8:])) * SectorSize, int64(binary.LittleEndian.Uint32(e[12:])) * SectorSize}
			if p.Kind == 0 {
				continue
			}
		}
		p.Number = n
		t.Partitions = append(t.Partitions, p)
	}
	slices.SortFunc(t.Partitions, func(a, b Partition) int { return int((a.Offset - b.Offset) >> 9) })
}

func (t *Table) count() int {
	if t.GPT {
		return entryCount
	}
	return 4
}

func (t *Table) entry(number int) []byte {
	if t.GPT {
		return t.entries[(number-1)*entryBytes:][:entryBytes]
	}
	return t.first[446+16*(number-1):][:16]
}

func (t *Table) find(number int) (Partition, error) {
	for _, p := range t.Partitions {
		if p.Number == number {
			return p, nil
		}
	}
	return Partition{}, fmt.Errorf("the disk has no partition %d", number)
}

// Room is how large a partition could be: up to the next one, or to the end of
// the disk, in whole MiB.
func (t *Table) Room(number int) (int64, error) {
	p, err := t.find(number)
	if err != nil {
		return 0, err
	}
	end := int64(t.last+1) * SectorSize
	if t.GPT {
		end = int64(lastUsable(t.last)+1) * SectorSize
	}
	for _, other := range t.Partitions {
		if other.Offset > p.Offset {
			end = other.Offset
			break
		}
	}
	return (end - p.Offset) >> 20 << 20, nil
}

// Resize moves a partition's end.
func (t *Table) Resize(number int, size int64) error {
	room, err := t.Room(number)
	if err != nil {
		return err
	}
	if size <= 0 || size > room {
		return fmt.Errorf("partition %d cannot have %d bytes: there are %d", number, size, room)
	}
	e := t.entry(number)
	if t.GPT {
		binary.LittleEndian.PutUint64(e[40:], binary.LittleEndian.Uint64(e[32:])+uint64(size/SectorSize)-1)
	} else {
		binary.LittleEndian.PutUint32(e[12:], uint32(size/SectorSize))
	}
	t.list()
	return nil
}

// Remove takes a partition out of the table.
func (t *Table) Remove(number int) error {
	if _, err := t.find(number); err != nil {
		return err
	}
	clear(t.entry(number))
	t.list()
	return nil
}

// AddRecovery puts a recovery partition behind another one, into all the space
// there, and gives its number.
func (t *Table) AddRecovery(behind int, random io.Reader) (int, error) {
	p, err := t.find(behind)
	if err != nil {
		return 0, err
	}
	room, err := t.Room(behind)
	if err != nil {
		return 0, err
	}
	start, size := p.Offset+p.Size, room-p.Size
	if size <= 0 {
		return 0, fmt.Errorf("there is no space behind partition %d", behind)
	}
	number := 0
	for n := t.count(); n > 0; n-- {
		if _, err := t.find(n); err != nil {
			number = n
		}
	}
	if number == 0 {
		return 0, fmt.Errorf("the table has %d partitions: no more fit", t.count())
	}
	e := t.entry(number)
	if !t.GPT {
		copy(e, []byte{0, 0xfe, 0xff, 0xff, RecoveryKind, 0xfe, 0xff, 0xff})
		binary.LittleEndian.PutUint32(e[8:], uint32(start/SectorSize))
		binary.LittleEndian.PutUint32(e[12:], uint32(size/SectorSize))
		t.list()
		return number, nil
	}
	unique, err := newGUID(random)
	if err != nil {
		return 0, err
	}
	copy(e, Recovery[:])
	copy(e[16:], unique[:])
	binary.LittleEndian.PutUint64(e[32:], uint64(start/SectorSize))
	binary.LittleEndian.PutUint64(e[40:], uint64((start+size)/SectorSize)-1)
	binary.LittleEndian.PutUint64(e[48:], RecoveryAttributes)
	t.list()
	return number, nil
}

// Write writes the table to its disk; what is between the partitions stays.
func (t *Table) Write(w io.WriterAt) error {
	if t.GPT {
		return writeGPT(w, t.last, t.disk, t.entries)
	}
	_, err := w.WriteAt(t.first, 0)
	return err
}
