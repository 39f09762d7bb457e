package disktest

import (
	"bytes"
	"encoding/binary"
	"os"
	"strconv"
	"testing"
)

// writeMBR writes what Setup writes for BIOS: an active NTFS partition, then
// Windows, and what lies behind it. sfdisk (fdisk) would do as well; sgdisk
// writes no plain MBR.
func writeMBR(t testing.TB, path, behind string) {
	t.Helper()
	type entry struct {
		active, kind byte
		at, size     int64
	}
	entries := []entry{{0x80, 0x07, systemAt, systemSize}, {0, 0x07, windowsAt, windowsSize}}
	if behind != "" {
		kind, err := strconv.ParseUint(behind[:2], 16, 8)
		if err != nil {
			t.Fatal(err)
		}
		entries = append(entries, entry{0, byte(kind), behindAt, mib})
	}
	b := make([]byte, 512)
	for i, p := range entries {
		e := b[446+16*i:]
		e[0], e[4] = p.active, p.kind
		binary.LittleEndian.PutUint32(e[8:], uint32(p.at/512))
		binary.LittleEndian.PutUint32(e[12:], uint32(p.size/512))
	}
	b[510], b[511] = 0x55, 0xaa
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt(b, 0); err != nil {
		t.Fatal(err)
	}
}

// markDirty sets the flag in $VOLUME_INFORMATION, as Windows does while the
// volume is mounted: type 0x70, resident, content of 12 bytes at 24.
func markDirty(t testing.TB, path string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	header := []byte{0x70, 0, 0, 0, 0x28, 0, 0, 0, 0}
	found := 0
	for at := 0; ; {
		i := bytes.Index(b[at:], header)
		if i < 0 {
			break
		}
		at += i
		b[at+24+10] |= 1
		at += len(header)
		found++
	}
	if found == 0 {
		t.Fatal("the volume has no $VOLUME_INFORMATION")
	}
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}
