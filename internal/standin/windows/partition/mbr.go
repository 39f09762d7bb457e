package partition

import (
	"encoding/binary"
	"fmt"
	"io"
)

// WriteMBR clears the disk and writes a classic partition table of up to four
// primary partitions. boot is the loader: its first sector's code area goes
// before the table, the rest into the sectors after it.
func WriteMBR(w io.WriterAt, size int64, random io.Reader, boot []byte, entries []Entry) ([]Span, error) {
	if len(entries) > 4 {
		return nil, fmt.Errorf("%d primary partitions: a disk with an MBR has at most 4", len(entries))
	}
	if len(boot) > mib*SectorSize {
		return nil, fmt.Errorf("boot loader of %d bytes is longer than the gap before the first partition", len(boot))
	}
	spans, err := place(entries, min(uint64(size/SectorSize)-1, 0xffffffff))
	if err != nil {
		return nil, err
	}
	if err := wipe(w, size); err != nil {
		return nil, err
	}
	first := make([]byte, SectorSize)
	const codeArea = 440
	copy(first[:codeArea], boot)
	if _, err := io.ReadFull(random, first[codeArea:codeArea+4]); err != nil {
		return nil, err
	}
	for i, e := range entries {
		b := first[446+16*i:]
		if e.Active {
			b[0] = 0x80
		}
		copy(b[1:4], []byte{0xfe, 0xff, 0xff}) // CHS is of no use beyond 8 GB
		b[4] = e.Kind
		copy(b[5:8], []byte{0xfe, 0xff, 0xff})
		binary.LittleEndian.PutUint32(b[8:], uint32(e.first))
		binary.LittleEndian.PutUint32(b[12:], uint32(e.last-e.first+1))
	}
	first[510], first[511] = 0x55, 0xaa
	if _, err := w.WriteAt(first, 0); err != nil {
		return nil, err
	}
	if len(boot) > SectorSize {
		if _, err := w.WriteAt(boot[SectorSize:], SectorSize); err != nil {
			return nil, err
		}
	}
	return spans, nil
}
