package udf

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"strings"
	"testing"
	"time"
)

// baseDisc is a small volume with all that a reader meets: directories, files of
// several blocks, an empty one, names of either width.
func baseDisc(t testing.TB) []byte {
	t.Helper()
	var files []Input
	for path, content := range map[string]string{
		"setup.exe": "MZ", "sources/install.wim": strings.Repeat("w", 5000), "sources/한국어.txt": "k",
		"sources/lang/en-us/a.mui": "a", "empty": "", "efi/boot/bootx64.efi": "MZ",
	} {
		files = append(files, Input{Path: path, Size: int64(len(content)), Open: func() (io.ReadCloser, error) {
			return io.NopCloser(strings.NewReader(content)), nil
		}})
	}
	l, err := NewLayout(files, LayoutOptions{Label: "FUZZ", Recorded: time.Unix(1620432000, 0)})
	if err != nil {
		t.Fatal(err)
	}
	disc := make([]byte, l.Size)
	copy(disc[16*SectorSize:], "\x01CD001\x01")
	copy(disc[17*SectorSize:], "\x00CD001\x01")
	copy(disc[18*SectorSize:], "\xffCD001\x01")
	for _, s := range l.Segments {
		b := s.Bytes
		if s.File != nil {
			r, err := s.File.Open()
			if err != nil {
				t.Fatal(err)
			}
			if b, err = io.ReadAll(r); err != nil {
				t.Fatal(err)
			}
		}
		copy(disc[s.Offset:], b)
	}
	return disc
}

// mutate writes words into a disc: each change is a sector (2 bytes), an offset
// in it (2) and a word (4). Descriptors that were touched get a right checksum
// again, so that the code behind the check is reached as well.
func mutate(disc, changes []byte, reseal bool) {
	for n := 0; len(changes) >= 8 && n < 64; n++ {
		sector := 256 + int(le.Uint16(changes))%(len(disc)/SectorSize-256)
		offset := int(le.Uint16(changes[2:])) % (SectorSize - 4)
		b := disc[sector*SectorSize : (sector+1)*SectorSize]
		copy(b[offset:], changes[4:8])
		if reseal {
			if length := int(le.Uint16(b[10:])); length <= SectorSize-tagSize {
				resealTag(b, length, tagLocation(b))
			}
		}
		changes = changes[8:]
	}
}

// word is one change of mutate's.
func word(sector, offset int, value uint32) []byte {
	b := le.AppendUint16(nil, uint16(sector-256))
	b = le.AppendUint16(b, uint16(offset))
	return le.AppendUint32(b, value)
}

func FuzzRead(f *testing.F) {
	base := baseDisc(f)
	f.Add([]byte(nil), false)
	f.Add(word(259, 192, 1<<31), true)                          // partition length
	f.Add(word(260, 212, 512), true)                            // block size
	f.Add(word(291, 404, 7), true)                              // root ICB
	f.Add(word(293, 172, 0xffff), true)                         // allocation descriptors' length
	f.Add(word(293, 176, 0x3fffffff), true)                     // extent length
	f.Add(append(word(293, 34, 3), word(293, 56, 40)...), true) // embedded
	f.Fuzz(func(t *testing.T, changes []byte, reseal bool) {
		disc := bytes.Clone(base)
		mutate(disc, changes, reseal)
		v, err := Open(bytes.NewReader(disc), int64(len(disc)))
		if err != nil {
			return
		}
		_ = v.Check()
		visited := 0
		_ = fs.WalkDir(v.FS(), ".", func(path string, d fs.DirEntry, err error) error {
			if visited++; visited > 10_000 {
				t.Fatal("the walk of a disc with a dozen files doesn't end")
			}
			if err != nil || d.IsDir() {
				return nil //nolint:nilerr // go on: all of the disc is to be tried
			}
			if b, err := fs.ReadFile(v.FS(), path); err == nil && len(b) > len(disc) {
				t.Fatalf("%s has %d bytes on a disc of %d", path, len(b), len(disc))
			}
			return nil
		})
	})
}

func FuzzEdit(f *testing.F) {
	base := baseDisc(f)
	f.Add([]byte(nil), "sources/new.txt", "setup.exe", uint16(100))
	f.Add(word(260, 432, 0), "a/b/c", "sources", uint16(5000))
	f.Add(word(273, 76, 1), "SETUP.EXE", "empty", uint16(0))
	f.Fuzz(func(t *testing.T, changes []byte, add, remove string, size uint16) {
		disc := bytes.Clone(base)
		mutate(disc, changes, true)
		v, err := Open(bytes.NewReader(disc), int64(len(disc)))
		if err != nil {
			return
		}
		e, err := v.Editor()
		if err != nil {
			return
		}
		content := bytes.Repeat([]byte{7}, int(size))
		_ = e.Remove(remove)
		added := e.Add(add, int64(size), bytes.NewReader(content))
		p, err := e.Plan()
		if err != nil {
			return
		}
		if p.Size > int64(len(disc))+16<<20 {
			t.Fatalf("a disc of %d bytes becomes one of %d", len(disc), p.Size)
		}
		patched := make([]byte, p.Size)
		copy(patched, disc)
		for _, c := range p.Changes {
			if c.Offset < 0 || c.Offset+c.Length > p.Size {
				t.Fatalf("a change of %d bytes at %d in %d", c.Length, c.Offset, p.Size)
			}
			if n, err := c.Content.ReadAt(patched[c.Offset:c.Offset+c.Length], 0); int64(n) < c.Length {
				t.Fatal(err)
			}
		}
		if len(changes) > 0 || added != nil {
			return // a disc that lies may come out wrong; Verify is there to say so
		}
		after, err := Open(bytes.NewReader(patched), p.Size)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := fs.ReadFile(after.FS(), add); err != nil || !bytes.Equal(got, content) {
			t.Fatalf("%q: %d bytes, %v", add, len(got), err)
		}
	})
}

// TestHostile are discs that the fuzzer might not think of in ten minutes.
func TestHostile(t *testing.T) {
	base := baseDisc(t)
	v, err := Open(bytes.NewReader(base), int64(len(base)))
	if err != nil {
		t.Fatal(err)
	}
	icb := func(path string) uint32 {
		e, _, err := v.FS().find("find", path)
		if err != nil {
			t.Fatal(err)
		}
		return e.block
	}
	start := v.Partition().Start
	// names of a directory lie in the block that its entry names
	names := func(path string) (sector int, d *directory) {
		d, err := v.readDirectory(icb(path))
		if err != nil {
			t.Fatal(err)
		}
		return int(start + d.entry.extents[0].block), d
	}
	rename := func(disc []byte, dir, name, to string) {
		sector, d := names(dir)
		i, ok := d.lookup(name)
		if !ok {
			t.Fatal(name)
		}
		f := disc[sector*SectorSize+d.fids[i].offset:][:d.fids[i].length]
		copy(f[fidFixed+1:], to)
		resealTag(f, len(f)-tagSize, tagLocation(f))
	}
	point := func(disc []byte, dir, name string, block uint32) {
		sector, d := names(dir)
		i, ok := d.lookup(name)
		if !ok {
			t.Fatal(name)
		}
		f := disc[sector*SectorSize+d.fids[i].offset:][:d.fids[i].length]
		le.PutUint32(f[24:], block)
		resealTag(f, len(f)-tagSize, tagLocation(f))
	}
	entry := func(disc []byte, path string, change func(b []byte)) {
		b := disc[int(start+icb(path))*SectorSize:][:SectorSize]
		change(b)
		resealTag(b, int(le.Uint16(b[10:])), tagLocation(b))
	}
	for name, c := range map[string]struct {
		do   func(disc []byte)
		want string
	}{
		"directory holds itself":  {func(d []byte) { point(d, "sources", "lang", icb("sources")) }, "two places"},
		"directory holds root":    {func(d []byte) { point(d, "sources", "lang", icb(".")) }, "two places"},
		"directory at two places": {func(d []byte) { point(d, ".", "efi", icb("sources/lang")) }, "two places"},
		"separator":               {func(d []byte) { rename(d, ".", "setup.exe", "../../etc") }, "separator"},
		"backslash":               {func(d []byte) { rename(d, ".", "setup.exe", `..\setup.`) }, "separator"},
		"dots":                    {func(d []byte) { rename(d, "sources/lang/en-us", "a.mui", "..\x00\x00\x00") }, "separator"},
		"size past the end":       {func(d []byte) { entry(d, "setup.exe", func(b []byte) { le.PutUint64(b[56:], 1<<60) }) }, "in a partition of"},
		"size past its extents":   {func(d []byte) { entry(d, "setup.exe", func(b []byte) { le.PutUint64(b[56:], 4096) }) }, "its extents hold"},
		"extent past the end":     {func(d []byte) { entry(d, "setup.exe", func(b []byte) { le.PutUint32(b[180:], 1<<30) }) }, "the disc has"},
		"ICB past the end":        {func(d []byte) { point(d, ".", "setup.exe", 1<<31) }, "is asked for"},
		"ICB is no entry":         {func(d []byte) { point(d, ".", "setup.exe", 0) }, "descriptor tag 256"},
		"file says directory":     {func(d []byte) { entry(d, "sources", func(b []byte) { b[27] = typeFile }) }, "says directory: true"},
		"directory says file":     {func(d []byte) { entry(d, "setup.exe", func(b []byte) { b[27] = typeDirectory }) }, "says directory: false"},
		"shared names": {func(d []byte) {
			_, from := names("sources")
			entry(d, "efi", func(b []byte) {
				le.PutUint64(b[56:], uint64(from.entry.size))
				le.PutUint32(b[entryFixed:], uint32(from.entry.size))
				le.PutUint32(b[entryFixed+4:], from.entry.extents[0].block)
			})
		}, "its names at block"},
		"endless descriptors": {func(d []byte) {
			entry(d, "setup.exe", func(b []byte) { le.PutUint32(b[176:], 3<<30|SectorSize); le.PutUint32(b[180:], icb("setup.exe")) })
		}, "tag 261"},
		"bad checksum": {func(d []byte) { d[int(start+icb("setup.exe"))*SectorSize+4] ^= 1 }, "checksum"},
		"bad CRC":      {func(d []byte) { d[int(start+icb("setup.exe"))*SectorSize+30] ^= 1 }, "CRC"},
	} {
		t.Run(name, func(t *testing.T) {
			disc := bytes.Clone(base)
			c.do(disc)
			v, err := Open(bytes.NewReader(disc), int64(len(disc)))
			if err != nil {
				t.Fatal(err)
			}
			var errs []error
			steps := 0
			_ = fs.WalkDir(v.FS(), ".", func(path string, d fs.DirEntry, err error) error {
				if steps++; steps > 1000 {
					t.Fatal("the walk doesn't end")
				}
				if err == nil && !d.IsDir() {
					_, err = fs.ReadFile(v.FS(), path)
				}
				errs = append(errs, err)
				return nil
			})
			if err := errors.Join(errs...); c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("%v; want %q", err, c.want)
			}
		})
	}
}

// TestRefusesLaterRevisions changes the revision of both sequences' logical
// volume descriptors.
func TestRefusesLaterRevisions(t *testing.T) {
	for revision, ok := range map[uint16]bool{0x0102: true, 0x0201: true, 0x0250: false, 0x0260: false} {
		disc := baseDisc(t)
		for sector := mainSequence; sector < partitionStart; sector++ {
			if b := disc[sector*SectorSize:][:SectorSize]; tagID(b) == tagLogicalVolume {
				le.PutUint16(b[240:], revision)
				resealTag(b, int(le.Uint16(b[10:])), tagLocation(b))
			}
		}
		_, err := Open(bytes.NewReader(disc), int64(len(disc)))
		if (err == nil) != ok || !ok && !strings.Contains(err.Error(), "up to 2.01 is read") {
			t.Errorf("%x: %v", revision, err)
		}
	}
}
