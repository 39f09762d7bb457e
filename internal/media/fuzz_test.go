package media_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/media"
)

// smallDisc is a disc of a few files, so that a fuzzer gets through many.
func smallDisc(t testing.TB) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "small.iso")
	spec := media.DiscSpec{Label: "SMALL"}
	for _, name := range []string{"setup.exe", "sources/lang.ini", "sources/en-us/a.mui", "empty/x"} {
		spec.Files = append(spec.Files, media.BytesFile(name, []byte(name)))
	}
	if err := media.BuildDisc(context.Background(), path, spec); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// reseal gives the descriptor at the start of b a right CRC and checksum again
// (ECMA-167 3/7.2), so that what lies behind the checks is reached.
func reseal(b []byte) {
	length := int(binary.LittleEndian.Uint16(b[10:]))
	if length > len(b)-16 {
		return
	}
	var crc uint16
	for _, x := range b[16 : 16+length] {
		crc ^= uint16(x) << 8
		for range 8 {
			carry := crc&0x8000 != 0
			crc <<= 1
			if carry {
				crc ^= 0x1021
			}
		}
	}
	binary.LittleEndian.PutUint16(b[8:], crc)
	b[4] = 0
	var sum byte
	for _, x := range b[:16] {
		sum += x
	}
	b[4] = sum
}

// editAndVerify is what a build does with a disc that nobody vouches for. It may
// fail; it must not panic.
func editAndVerify(disc []byte, add, remove string) error {
	image, err := media.Open(bytes.NewReader(disc), int64(len(disc)))
	if err != nil {
		return err
	}
	edit := image.Edit()
	if err := edit.AddFile(add, strings.NewReader("added")); err != nil {
		return err
	}
	if remove != "" {
		if err := edit.Remove(remove); err != nil {
			return err
		}
	}
	plan, err := edit.Plan(media.Options{})
	if err != nil {
		return err
	}
	return plan.Verify()
}

// entrySector finds the file entry of a type (4 directory, 5 file) of the disc.
func entrySector(t testing.TB, disc []byte, kind byte, nth int) int {
	t.Helper()
	for sector := 291; sector < len(disc)/2048; sector++ {
		b := disc[sector*2048:]
		if binary.LittleEndian.Uint16(b) == 261 && b[27] == kind {
			if nth--; nth < 0 {
				return sector
			}
		}
	}
	t.Fatal("no such entry")
	return 0
}

// TestVerifyOfALyingName has a file's entry say that it is a directory, and a
// directory's that it is a file, while the names say the opposite.
func TestVerifyOfALyingName(t *testing.T) {
	for kind, lie := range map[byte]byte{5: 4, 4: 5} {
		disc := smallDisc(t)
		at := entrySector(t, disc, kind, 1) * 2048
		disc[at+27] = lie
		reseal(disc[at : at+2048])
		if err := editAndVerify(disc, "new/file.txt", ""); err == nil || !strings.Contains(err.Error(), "says directory") {
			t.Errorf("type %d made %d: %v", kind, lie, err)
		}
	}
}

func FuzzVerify(f *testing.F) {
	base := smallDisc(f)
	file, dir := uint16(entrySector(f, base, 5, 0)), uint16(entrySector(f, base, 4, 1))
	f.Add(uint16(0), uint16(0), byte(0), "Autounattend.xml", "")
	f.Add(file, uint16(27), byte(4), "Autounattend.xml", "")
	f.Add(dir, uint16(27), byte(5), "sources/new.txt", "setup.exe")
	f.Add(dir, uint16(180), byte(9), "a/b/c", "sources")
	f.Add(uint16(260), uint16(240), byte(0x50), "SETUP.EXE", "")
	f.Fuzz(func(t *testing.T, sector, offset uint16, value byte, add, remove string) {
		disc := bytes.Clone(base)
		if sector != 0 {
			at := int(sector) % (len(disc) / 2048) * 2048
			disc[at+int(offset)%2048] = value
			reseal(disc[at : at+2048])
		}
		err := editAndVerify(disc, add, remove)
		if sector == 0 && remove == "" && err != nil && fs.ValidPath(add) && add == "Autounattend.xml" {
			t.Fatal(err)
		}
	})
}
