package media

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/media/eltorito"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/media/iso9660"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/media/udf"
)

// DiscSpec describes a disc that is written from scratch, laid out as
// Microsoft's own discs are: UDF 1.02 beside an ISO 9660 stub that holds only
// README.TXT; anchors at sector 256 and in the last one; the boot images as
// hidden copies that only the El Torito catalogue names.
type DiscSpec struct {
	// Label is the volume's label, e.g. SSS_X64FREEE_EN-US_DV9; at most 32
	// characters.
	Label string
	// Recorded is the time of every stamp on the disc; zero is 2021-05-08 UTC.
	Recorded time.Time
	// Files are the disc's files; directories are made as needed. A file of any
	// size is written; from 1 GiB on it has several extents.
	Files []DiscFile
	// Directories are made even when no file is in them.
	Directories []string
	// BIOS is boot/etfsboot.com's content: the no-emulation default entry of the
	// catalogue with a load size of 8 sectors of 512 bytes. nil: no such entry.
	BIOS *DiscFile
	// BIOSBootInfoTable writes a boot information table into bytes 8-63 of the
	// BIOS image's hidden copy, as isolinux and GRUB need it.
	BIOSBootInfoTable bool
	// UEFI is efi/microsoft/boot/efisys.bin's content: the catalogue's EFI
	// entry, with sector count 1. nil: no such entry.
	UEFI *DiscFile
}

// Sectors of the ISO 9660 side; UDF leaves 22-255 free.
const (
	primarySector    = 16
	bootRecordSector = 17
	terminatorSector = 18
	catalogSector    = 22
	stubSector       = 23
)

// stubText is what the ISO 9660 side says, in the words of Microsoft's discs.
const stubText = "This disc contains a \"UDF\" file system and requires an operating system\r\n" +
	"that supports the ISO-13346 \"UDF\" file system specification.\r\n"

// BuildDisc writes the disc to the file out: deterministic, runs of zeros left
// as holes. On an error no file is left at out.
func BuildDisc(ctx context.Context, out string, spec DiscSpec) error {
	return buildDisc(ctx, out, spec, 0o644)
}

func buildDisc(ctx context.Context, out string, spec DiscSpec, mode os.FileMode) error {
	segments, size, err := spec.segments()
	if err != nil {
		return err
	}
	return writeNew(out, func(f *os.File) error {
		if err := f.Truncate(size); err != nil {
			return err
		}
		buffer := make([]byte, 1<<20)
		for _, s := range segments {
			if err := writeSegment(ctx, f, s, buffer); err != nil {
				return err
			}
		}
		return f.Chmod(mode)
	})
}

// segments works the disc out.
func (s DiscSpec) segments() ([]udf.Segment, int64, error) {
	if s.Label == "" || len(s.Label) > 32 {
		return nil, 0, fmt.Errorf("label %q: 1 to 32 characters are allowed", s.Label)
	}
	if s.Recorded.IsZero() {
		s.Recorded = discTime
	}
	o := udf.LayoutOptions{Label: s.Label, Recorded: s.Recorded, Directories: s.Directories}
	var entries []eltorito.Entry
	if s.BIOS != nil {
		o.Hidden = append(o.Hidden, udf.Input(*s.BIOS))
		entries = append(entries, eltorito.Entry{Platform: eltorito.BIOS, Bootable: true, Count: 8})
	}
	if s.UEFI != nil {
		o.Hidden = append(o.Hidden, udf.Input(*s.UEFI))
		entries = append(entries, eltorito.Entry{Platform: eltorito.EFI, Bootable: true, Count: 1})
	}
	var files []udf.Input
	for _, f := range s.Files {
		files = append(files, udf.Input(f))
	}
	layout, err := udf.NewLayout(files, o)
	if err != nil {
		return nil, 0, err
	}
	for i := range entries {
		entries[i].Sector = layout.HiddenSectors[i]
	}
	head, err := s.head(entries, uint32(layout.Size/sectorSize))
	if err != nil {
		return nil, 0, err
	}
	segments := slices.Concat(head, layout.Segments)
	if s.BIOS != nil && s.BIOSBootInfoTable {
		table, err := bootInfoTable(*s.BIOS, layout.HiddenSectors[0])
		if err != nil {
			return nil, 0, err
		}
		segments = append(segments, udf.Segment{Offset: int64(layout.HiddenSectors[0])*sectorSize + 8, Bytes: table})
	}
	return segments, layout.Size, nil
}

// head gives the ISO 9660 side and the boot catalogue.
func (s DiscSpec) head(entries []eltorito.Entry, sectors uint32) ([]udf.Segment, error) {
	primary, tail, err := iso9660.Stub(strings.ToUpper(s.Label), s.Recorded, sectors, stubSector, "README.TXT", []byte(stubText))
	if err != nil {
		return nil, err
	}
	at := func(sector int64, b []byte) udf.Segment { return udf.Segment{Offset: sector * sectorSize, Bytes: b} }
	out := []udf.Segment{
		at(primarySector, primary),
		at(terminatorSector, []byte("\xffCD001\x01")),
		at(stubSector, tail),
	}
	if len(entries) == 0 {
		out = append(out, at(bootRecordSector, []byte("\xffCD001\x01")))
		return out, nil
	}
	catalog, err := eltorito.Encode("Microsoft Corporation", entries)
	if err != nil {
		return nil, err
	}
	return append(out, at(bootRecordSector, eltorito.Record(catalogSector)), at(catalogSector, catalog)), nil
}

// bootInfoTable is what mkisofs -boot-info-table writes at byte 8 of an image:
// the sectors of the volume descriptor and of the image, its length, and the sum
// of its words from byte 64 on.
func bootInfoTable(f DiscFile, sector uint32) ([]byte, error) {
	const limit = 64 << 20
	if f.Size < 64 || f.Size > limit {
		return nil, fmt.Errorf("%s: %d bytes; a boot information table needs 64 to %d", f.Path, f.Size, limit)
	}
	r, err := f.Open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	content := make([]byte, (f.Size+3)&^3)
	if _, err := io.ReadFull(r, content[:f.Size]); err != nil {
		return nil, fmt.Errorf("%s: %w", f.Path, err)
	}
	var sum uint32
	for i := 64; i < len(content); i += 4 {
		sum += binary.LittleEndian.Uint32(content[i:])
	}
	b := make([]byte, 56)
	for i, v := range []uint32{primarySector, sector, uint32(f.Size), sum} {
		binary.LittleEndian.PutUint32(b[i*4:], v)
	}
	return b, nil
}

// writeSegment writes a segment, and leaves out what is zero: the file is new.
func writeSegment(ctx context.Context, w io.WriterAt, s udf.Segment, buffer []byte) error {
	if s.File == nil {
		_, err := w.WriteAt(s.Bytes, s.Offset)
		return err
	}
	r, err := s.File.Open()
	if err != nil {
		return fmt.Errorf("%s: %w", s.File.Path, err)
	}
	defer r.Close()
	for done := int64(0); done < s.File.Size; {
		if err := ctx.Err(); err != nil {
			return err
		}
		b := buffer[:min(int64(len(buffer)), s.File.Size-done)]
		if _, err := io.ReadFull(r, b); err != nil {
			if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
				err = fmt.Errorf("it ends before the %d bytes that were announced: did it change?", s.File.Size)
			}
			return fmt.Errorf("%s: %w", s.File.Path, err)
		}
		if !allZero(b) {
			if _, err := w.WriteAt(b, s.Offset+done); err != nil {
				return err
			}
		}
		done += int64(len(b))
	}
	return nil
}

func allZero(b []byte) bool {
	for len(b) >= 8 {
		if binary.LittleEndian.Uint64(b) != 0 {
			return false
		}
		b = b[8:]
	}
	for _, x := range b {
		if x != 0 {
			return false
		}
	}
	return true
}
