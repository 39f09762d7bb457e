package media

import (
	"encoding/binary"
	"fmt"
	"io"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/media/eltorito"
)

// maxBIOSImage bounds the image that BIOS starts; Microsoft's has 4096 bytes.
const maxBIOSImage = 1 << 20

// biosImage takes the image that BIOS starts from the disc: as long as the table
// in it says, where it holds one of where it lies (mkisofs -boot-info-table);
// boot/etfsboot.com where it is that; else as many sectors as the catalogue has
// the BIOS load.
func (i *Image) biosImage(spec *DiscSpec, entry eltorito.Entry) error {
	if entry.Media != 0 {
		return refused("its BIOS boot image asks for emulation %d", entry.Media)
	}
	start := int64(entry.Sector) * sectorSize
	length, table := i.bootInfoLength(entry.Sector)
	if !table {
		length = int64(entry.Count) * 512
		same, size, err := i.isBootFile(start)
		if err != nil {
			return err
		}
		if same {
			length = size
		}
	}
	if length < 512 || length > maxBIOSImage || start+length > i.size {
		return refused("its BIOS boot image at sector %d has %d bytes", entry.Sector, length)
	}
	b := make([]byte, length)
	if n, err := i.r.ReadAt(b, start); n < len(b) {
		return fmt.Errorf("reading the BIOS boot image: %w", err)
	}
	file := BytesFile(biosFile, b)
	spec.BIOS, spec.BIOSBootInfoTable = &file, table
	return nil
}

// biosFile is the image that BIOS starts on Microsoft's discs.
const biosFile = "boot/etfsboot.com"

// isBootFile tells whether the image at an offset of the disc is boot/etfsboot.com,
// and that file's length.
func (i *Image) isBootFile(start int64) (same bool, size int64, err error) {
	f, err := i.FS().Open(biosFile)
	if err != nil {
		return false, 0, nil
	}
	defer f.Close()
	s, ok := f.(Source)
	if !ok || s.Size() > maxBIOSImage || start+s.Size() > i.size {
		return false, 0, nil
	}
	same, err = equalSpans(io.NewSectionReader(i.r, start, s.Size()), s, []span{{0, s.Size()}})
	return same, s.Size(), err
}

// bootInfoLength reads the boot information table of the image at sector: it
// must name the volume descriptor's sector and the image's own.
func (i *Image) bootInfoLength(sector uint32) (length int64, found bool) {
	b := make([]byte, 64)
	if n, _ := i.r.ReadAt(b, int64(sector)*sectorSize); n < len(b) {
		return 0, false
	}
	le := binary.LittleEndian
	if le.Uint32(b[8:]) != primarySector || le.Uint32(b[12:]) != sector {
		return 0, false
	}
	return int64(le.Uint32(b[16:])), true
}
