// Package eltorito reads and writes the boot catalogue of a disc: the El Torito
// Bootable CD-ROM Format Specification 1.0, with the section entries that name
// an EFI image (UEFI specification, 13.3.2.1).
package eltorito

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

const sectorSize = 2048

// recordSector holds the boot record volume descriptor, which points at the
// catalogue.
const recordSector = 17

// entrySize is the length of every record of the catalogue.
const entrySize = 32

// Platform says which firmware an entry is for.
type Platform byte

// Platforms.
const (
	BIOS Platform = 0x00
	EFI  Platform = 0xef
)

// ErrNone says that the disc has no boot record: it doesn't boot.
var ErrNone = errors.New("no El Torito boot record")

var le = binary.LittleEndian

// Entry is one bootable image of the catalogue.
type Entry struct {
	Platform Platform
	// Bootable is false for an entry that is switched off.
	Bootable bool
	// Media is 0 for no emulation.
	Media byte
	// Count is in sectors of 512 bytes; 1 on an EFI entry means up to the end of
	// the disc.
	Count uint16
	// Sector is where the image starts, in sectors of 2048 bytes.
	Sector uint32
	// Offset is where this record lies on the disc, in bytes.
	Offset int64
}

// SectorOffset is where the record's Sector lies on the disc, in bytes. It is a
// little-endian word that no checksum covers.
func (e Entry) SectorOffset() int64 { return e.Offset + 8 }

// Catalog is a disc's boot catalogue.
type Catalog struct {
	// Sector is where it lies.
	Sector  uint32
	Entries []Entry
}

// Read reads the catalogue of the disc in r, size bytes long. The error is
// ErrNone when there is none.
func Read(r io.ReaderAt, size int64) (*Catalog, error) {
	record := make([]byte, sectorSize)
	if size < (recordSector+1)*sectorSize {
		return nil, ErrNone
	}
	if n, err := r.ReadAt(record, recordSector*sectorSize); n < len(record) {
		return nil, fmt.Errorf("reading the boot record: %w", err)
	}
	if record[0] != 0 || string(record[1:6]) != "CD001" || string(record[7:30]) != "EL TORITO SPECIFICATION" {
		return nil, ErrNone
	}
	c := &Catalog{Sector: le.Uint32(record[0x47:])}
	base := int64(c.Sector) * sectorSize
	if base+sectorSize > size {
		return nil, fmt.Errorf("the boot catalogue lies at sector %d, past the disc's end", c.Sector)
	}
	b := make([]byte, sectorSize)
	if n, err := r.ReadAt(b, base); n < len(b) {
		return nil, fmt.Errorf("reading the boot catalogue: %w", err)
	}
	return c, c.parse(b, base, size)
}

func (c *Catalog) parse(b []byte, base, size int64) error {
	if b[0] != 1 || b[30] != 0x55 || b[31] != 0xaa {
		return errors.New("the boot catalogue has no validation entry")
	}
	var sum uint16
	for i := 0; i < entrySize; i += 2 {
		sum += le.Uint16(b[i:])
	}
	if sum != 0 {
		return fmt.Errorf("the boot catalogue's checksum is %#04x, not 0", sum)
	}
	if err := c.add(b[entrySize:], Platform(b[1]), base+entrySize, size); err != nil {
		return err
	}
	for at := 2 * entrySize; at+entrySize <= len(b); {
		header := b[at]
		if header != 0x90 && header != 0x91 {
			return nil
		}
		platform, count := Platform(b[at+1]), int(le.Uint16(b[at+2:]))
		at += entrySize
		for range count {
			if at+entrySize > len(b) {
				return errors.New("the boot catalogue is longer than a sector")
			}
			if err := c.add(b[at:], platform, base+int64(at), size); err != nil {
				return err
			}
			more := b[at+9]&0x20 != 0
			at += entrySize
			for more && at+entrySize <= len(b) && b[at] == 0x44 { // extension records
				more = b[at+1]&0x20 != 0
				at += entrySize
			}
		}
		if header == 0x91 {
			return nil
		}
	}
	return nil
}

func (c *Catalog) add(b []byte, platform Platform, offset, size int64) error {
	e := Entry{Platform: platform, Bootable: b[0] == 0x88, Media: b[1] & 0x0f, Count: le.Uint16(b[6:]), Sector: le.Uint32(b[8:]), Offset: offset}
	if e.Bootable && int64(e.Sector)*sectorSize >= size {
		return fmt.Errorf("the boot catalogue names an image at sector %d, past the disc's end", e.Sector)
	}
	c.Entries = append(c.Entries, e)
	return nil
}

// Bootable gives the entries of a platform that are switched on.
func (c *Catalog) Bootable(p Platform) []Entry {
	var out []Entry
	for _, e := range c.Entries {
		if e.Platform == p && e.Bootable {
			out = append(out, e)
		}
	}
	return out
}

// UnmarkedEFI tells whether an image for UEFI may stand here under another
// platform: there is none for EFI, and more than one for BIOS. So genisoimage's
// -eltorito-boot writes a second image, which takes -e to be marked; EDK2 starts
// it all the same, as it does not look at the platform (PartitionDxe, ElTorito.c).
func (c *Catalog) UnmarkedEFI() bool {
	return len(c.Bootable(EFI)) == 0 && len(c.Bootable(BIOS)) > 1
}

// Record gives the boot record volume descriptor that points at a catalogue.
func Record(catalogSector uint32) []byte {
	b := make([]byte, sectorSize)
	copy(b[1:], "CD001\x01EL TORITO SPECIFICATION")
	le.PutUint32(b[0x47:], catalogSector)
	return b
}

// Encode gives the sector of a catalogue: the first BIOS entry, or the first of
// all, is the default one; each further entry has a section of its own, as
// oscdimg writes them.
func Encode(id string, entries []Entry) ([]byte, error) {
	if len(entries) == 0 || len(entries) > 16 {
		return nil, fmt.Errorf("a boot catalogue of %d entries", len(entries))
	}
	b := make([]byte, sectorSize)
	b[0], b[1], b[30], b[31] = 1, byte(entries[0].Platform), 0x55, 0xaa
	copy(b[4:28], id)
	var sum uint16
	for i := 0; i < entrySize; i += 2 {
		sum += le.Uint16(b[i:])
	}
	le.PutUint16(b[28:], -sum)
	putEntry(b[entrySize:], entries[0])
	at := 2 * entrySize
	for i, e := range entries[1:] {
		b[at] = 0x90
		if i == len(entries)-2 {
			b[at] = 0x91
		}
		b[at+1] = byte(e.Platform)
		le.PutUint16(b[at+2:], 1)
		putEntry(b[at+entrySize:], e)
		at += 2 * entrySize
	}
	return b, nil
}

func putEntry(b []byte, e Entry) {
	if e.Bootable {
		b[0] = 0x88
	}
	b[1] = e.Media
	le.PutUint16(b[6:], e.Count)
	le.PutUint32(b[8:], e.Sector)
}
