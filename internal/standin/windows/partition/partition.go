// Package partition writes partition tables as Windows Setup does: GPT on
// UEFI machines, MBR on BIOS ones, on boundaries of 1 MiB.
package partition

import (
	"fmt"
	"io"
)

// SectorSize is the only logical sector size written here.
const SectorSize = 512

// mib in sectors: partitions start on its multiples, as Windows' do.
const mib = 1 << 20 / SectorSize

// GUID is a GUID in the mixed-endian form that GPT stores.
type GUID [16]byte

// Partition types of GPT.
var (
	EFISystem        = GUID{0x28, 0x73, 0x2a, 0xc1, 0x1f, 0xf8, 0xd2, 0x11, 0xba, 0x4b, 0x00, 0xa0, 0xc9, 0x3e, 0xc9, 0x3b}
	MicrosoftReserve = GUID{0x16, 0xe3, 0xc9, 0xe3, 0x5c, 0x0b, 0xb8, 0x4d, 0x81, 0x7d, 0xf9, 0x2d, 0xf0, 0x02, 0x15, 0xae}
	BasicData        = GUID{0xa2, 0xa0, 0xd0, 0xeb, 0xe5, 0xb9, 0x33, 0x44, 0x87, 0xc0, 0x68, 0xb6, 0xb7, 0x26, 0x99, 0xc7}
	Recovery         = GUID{0xa4, 0xbb, 0x94, 0xde, 0xd1, 0x06, 0x40, 0x4d, 0xa1, 0x6a, 0xbf, 0xd5, 0x01, 0x79, 0xd6, 0xac}
)

// Entry is a partition to write.
type Entry struct {
	MiB    int64 // size; 0 takes what is left
	Type   GUID  // GPT only
	Name   string
	Active bool // MBR only
	Kind   byte // MBR type byte: 0x07 NTFS, 0x0c FAT32, 0x27 recovery

	first, last uint64 // sectors, set by place
}

// Span is where a partition was put, in bytes.
type Span struct{ Offset, Size int64 }

// place gives the entries their sectors, up to and with the last usable one.
func place(entries []Entry, lastUsable uint64) ([]Span, error) {
	next := uint64(mib)
	spans := make([]Span, len(entries))
	for i := range entries {
		e := &entries[i]
		sectors := uint64(e.MiB) * mib
		if e.MiB == 0 {
			if i != len(entries)-1 {
				return nil, fmt.Errorf("partition %d takes all that is left, but others follow", i+1)
			}
			if next+mib <= lastUsable {
				sectors = (lastUsable + 1 - next) / mib * mib
			}
		}
		if sectors == 0 || next+sectors-1 > lastUsable {
			return nil, fmt.Errorf("partition %d of %d MiB does not fit: %d MiB are left", i+1, e.MiB, (int64(lastUsable)+1-int64(next))/mib)
		}
		e.first, e.last = next, next+sectors-1
		spans[i] = Span{int64(e.first) * SectorSize, int64(sectors) * SectorSize}
		next += sectors
	}
	return spans, nil
}

// wipe clears the start and the end of a disk, where partition tables and
// file systems leave their marks.
func wipe(w io.WriterAt, size int64) error {
	zeros := make([]byte, 1<<20)
	if _, err := w.WriteAt(zeros, 0); err != nil {
		return err
	}
	_, err := w.WriteAt(zeros, size-int64(len(zeros)))
	return err
}
