package media

import (
	"context"
	"errors"
	"time"
)

// DiscSpec describes a disc that is written from scratch, laid out as
// Microsoft's own discs are: UDF 1.02 beside an ISO 9660 stub that holds only
// README.TXT; anchors at sector 256 and in the last one; the boot images as
// hidden copies that only the El Torito catalogue names.
type DiscSpec struct {
	// Label is the volume's label, e.g. SSS_X64FREEE_EN-US_DV9.
	Label string
	// Recorded is the time of every stamp on the disc; zero is 2021-05-08 UTC.
	Recorded time.Time
	// Files are the disc's files; directories are made as needed. A file of any
	// size is written; from 1 GiB on it has several extents.
	Files []DiscFile
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

// BuildDisc writes the disc to the file out: deterministic, runs of zeros left
// as holes. On an error no file is left at out.
func BuildDisc(ctx context.Context, out string, spec DiscSpec) error { return errors.New("not yet") }
