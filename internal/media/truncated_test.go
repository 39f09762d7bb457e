package media_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/media"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/media/mediatest"
)

// by gives a disc of BuildDisc as another program would have made it: by the name
// in both its primary volume descriptors, and with another length in ISO 9660's.
func by(disc []byte, writer string, sectors int) []byte {
	disc = bytes.Clone(disc)
	for sector := 257; sector < 291; sector++ {
		if b := disc[sector*2048:][:512]; binary.LittleEndian.Uint16(b) == 1 {
			clear(b[389:412])
			copy(b[389:412], writer)
			reseal(b)
		}
	}
	binary.LittleEndian.PutUint32(disc[16*2048+80:], uint32(sectors))
	binary.BigEndian.PutUint32(disc[16*2048+84:], uint32(sectors))
	return disc
}

// TestTruncatedAtTheEnd takes from a disc what lies behind its files, and puts
// something behind a whole one: that must not be refused.
func TestTruncatedAtTheEnd(t *testing.T) {
	whole, err := os.ReadFile(mediatest.Build(t, mediatest.Spec(mediatest.Server2022Eval())))
	if err != nil {
		t.Fatal(err)
	}
	const microsoft = "*Microsoft CDIMAGE UDF"
	sectors := len(whole) / 2048
	oscdimg := by(whole, microsoft, sectors)
	stub := by(whole, microsoft, 30) // ISO 9660 that counts its own files alone
	cut := func(disc []byte, n int) []byte { return disc[:len(disc)-n] }
	pad := func(disc []byte, n int) []byte { return append(bytes.Clone(disc), make([]byte, n)...) }
	preallocated := func(disc []byte) []byte { return pad(cut(disc, 2048), 2048) }
	for name, c := range map[string]struct {
		disc []byte
		want string // "", "length" or "end"
	}{
		"whole":                                {oscdimg, ""},
		"without the last sector":              {cut(oscdimg, 2048), "length"},
		"without the last byte":                {cut(oscdimg, 1), "length"},
		"with an end that was left empty":      {preallocated(oscdimg), "end"},
		"a stub, whole":                        {stub, ""},
		"a stub, without the last sector":      {cut(stub, 2048), "end"},
		"a stub, without the last byte":        {cut(stub, 1), "end"},
		"a stub, with an end left empty":       {preallocated(stub), "end"},
		"padded by a sector":                   {pad(oscdimg, 2048), ""},
		"padded to a block of 32 KB":           {pad(oscdimg, 32<<10), ""},
		"padded by the 300 KB of burning":      {pad(stub, 150*2048), ""},
		"padded by half a sector":              {pad(oscdimg, 1000), ""},
		"another's, without an anchor":         {cut(by(whole, "*Somebody", 30), 2048), ""},
		"another's, by ISO 9660's own length":  {cut(by(whole, "*Somebody", sectors), 2048), "length"},
		"another's, with ISO 9660's too short": {by(whole, "*Somebody", 0), ""},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := media.Open(bytes.NewReader(c.disc), int64(len(c.disc)))
			var truncated *media.TruncatedError
			switch {
			case c.want == "":
				if err != nil {
					t.Error(err)
				}
			case !errors.As(err, &truncated) || truncated.End != (c.want == "end") || truncated.Want <= truncated.Size:
				t.Errorf("%v; want a TruncatedError of the %s", err, c.want)
			}
		})
	}
}

// TestTruncatedGenisoimage cuts a disc of another's making, which pads and says in
// ISO 9660 how long it is.
func TestTruncatedGenisoimage(t *testing.T) {
	tool, err := exec.LookPath("genisoimage")
	if err != nil {
		t.Fatal("genisoimage is missing: install the package genisoimage")
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "setup.exe"), bytes.Repeat([]byte("MZ"), 100_000), 0o600); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "g.iso")
	if out, err := exec.Command(tool, "-quiet", "-udf", "-V", "X", "-o", path, dir).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	disc, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := media.Open(bytes.NewReader(disc), int64(len(disc))); err != nil {
		t.Fatalf("whole: %v", err)
	}
	for _, missing := range []int{1, 2048, 149 * 2048, 151 * 2048} {
		_, err := media.Open(bytes.NewReader(disc), int64(len(disc)-missing))
		var truncated *media.TruncatedError
		if !errors.As(err, &truncated) || truncated.Want <= truncated.Size || truncated.Want > int64(len(disc)) {
			t.Errorf("without %d bytes of %d: %v", missing, len(disc), err)
		}
	}
}

// TestTruncatedFor7Zip asks another reader about the same discs: 7-Zip misses the
// anchor at the end too, and doesn't mind padding.
func TestTruncatedFor7Zip(t *testing.T) {
	tool, err := exec.LookPath("7z")
	if err != nil {
		t.Fatal("7z is missing: install the package p7zip-full")
	}
	whole, err := os.ReadFile(mediatest.Build(t, mediatest.Spec(mediatest.Server2022Eval())))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		disc  []byte
		sound bool
	}{
		"whole":                   {whole, true},
		"padded":                  {append(bytes.Clone(whole), make([]byte, 32<<10)...), true},
		"without the last sector": {whole[:len(whole)-2048], false},
	} {
		path := filepath.Join(t.TempDir(), "disc.iso")
		if err := os.WriteFile(path, c.disc, 0o600); err != nil {
			t.Fatal(err)
		}
		_, ours := media.Open(bytes.NewReader(c.disc), int64(len(c.disc)))
		out, theirs := exec.Command(tool, "t", "-tudf", path).CombinedOutput()
		if (ours == nil) != c.sound || (theirs == nil) != c.sound {
			t.Errorf("%s: %v; 7-Zip: %v\n%s", name, ours, theirs, out)
		}
	}
}
