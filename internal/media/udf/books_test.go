package udf

import (
	"bytes"
	"errors"
	"io/fs"
	"strings"
	"testing"
)

// entryOf gives the block of a file's entry, as it lies on the disc, and its number.
func entryOf(t *testing.T, disc []byte, path string) (b []byte, block uint32) {
	t.Helper()
	v := openBytes(t, disc)
	e, _, err := v.FS().find("find", path)
	if err != nil {
		t.Fatal(err)
	}
	return disc[int64(v.Partition().Start+e.block)*SectorSize:][:SectorSize], e.block
}

// entries gives the entries of all files and directories, by path.
func entries(t *testing.T, disc []byte) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	err := fs.WalkDir(openBytes(t, disc).FS(), ".", func(path string, _ fs.DirEntry, err error) error {
		if err == nil {
			out[path], _ = entryOf(t, disc, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// checkBooks wants what a volume says of itself to be true: the partition's
// length, the counts, the unique ids and the directories' links (ECMA-167 4/14.9.6:
// the names of a directory are its own and its children's parent entries).
func checkBooks(t *testing.T, disc []byte) map[string][]byte {
	t.Helper()
	v := openBytes(t, disc)
	s, err := v.editable()
	if err != nil {
		t.Fatal(err)
	}
	length := uint32(len(disc)/SectorSize) - 1 - v.Partition().Start
	for sector, b := range s.partitions {
		if got := le.Uint32(b[192:]); got != length {
			t.Errorf("the partition descriptor at sector %d says %d blocks, want %d", sector, got, length)
		}
	}
	if got := le.Uint32(s.integrity[84:]); got != length {
		t.Errorf("the integrity descriptor says %d blocks, want %d", got, length)
	}
	all := entries(t, disc)
	next, seen := le.Uint64(s.integrity[40:]), map[uint64]string{}
	var files, dirs uint32
	for path, b := range all {
		id := le.Uint64(b[160:])
		if other, twice := seen[id]; twice || id >= next {
			t.Errorf("%s has the unique id %d, which %q has, or which is to be the next (%d)", path, id, other, next)
		}
		seen[id] = path
		if b[27] == typeFile {
			files++
			continue
		}
		dirs++
		links := uint16(1)
		list, err := fs.ReadDir(v.FS(), path)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range list {
			if d.IsDir() {
				links++
			}
		}
		if got := le.Uint16(b[48:]); got != links {
			t.Errorf("%s has %d links, want %d", path, got, links)
		}
	}
	if f, d := le.Uint32(s.integrity[120:]), le.Uint32(s.integrity[124:]); f != files || d != dirs {
		t.Errorf("the integrity descriptor counts %d files and %d directories, there are %d and %d", f, d, files, dirs)
	}
	return all
}

// TestEditKeepsTheBooks: nothing reads these fields here, and Windows' driver may.
func TestEditKeepsTheBooks(t *testing.T) {
	disc := baseDisc(t)
	root, block := entryOf(t, disc, ".")
	le.PutUint32(root[36:], 1000)
	le.PutUint32(root[40:], 1001)
	le.PutUint32(root[44:], 0x1ca5)
	resealTag(root, int(le.Uint16(root[10:])), block)
	before := checkBooks(t, disc)
	e, err := openBytes(t, disc).Editor()
	if err != nil {
		t.Fatal(err)
	}
	add := func(path string) {
		if err := e.Add(path, 1, strings.NewReader("x")); err != nil {
			t.Fatal(err)
		}
	}
	for _, path := range []string{"setup.exe", "new/one/a", "new/two/b", "sources/new/c", "sources/d"} {
		add(path)
	}
	if err := e.Remove("sources/lang"); err != nil {
		t.Fatal(err)
	}
	p, err := e.Plan()
	if err != nil {
		t.Fatal(err)
	}
	after := checkBooks(t, apply(t, disc, p))
	fresh := 0
	for path, b := range after {
		if old, ok := before[path]; ok && le.Uint64(old[160:]) == le.Uint64(b[160:]) {
			continue
		}
		fresh++
		if !bytes.Equal(b[36:48], root[36:48]) {
			t.Errorf("%s has the owner and permissions %x, the root %x", path, b[36:48], root[36:48])
		}
	}
	if fresh != 9 {
		t.Errorf("%d entries are new, want 9", fresh)
	}
}

// TestEditRefuses: a volume that is open, or that keeps books of its free space,
// would be left with wrong ones.
func TestEditRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		change func(disc []byte)
		want   string
	}{
		"not closed": {func(disc []byte) {
			b := disc[integritySector*SectorSize:][:SectorSize]
			le.PutUint32(b[28:], 0)
			resealTag(b, int(le.Uint16(b[10:])), integritySector)
		}, "it was not closed"},
		"free space": {func(disc []byte) {
			for _, sector := range []uint32{mainSequence + 2, reserveSequence + 2} {
				b := disc[sector*SectorSize:][:SectorSize]
				le.PutUint32(b[56+8:], SectorSize) // its unallocated space bitmap
				resealTag(b, int(le.Uint16(b[10:])), sector)
			}
		}, "its partition keeps a map of free space"},
	} {
		disc := baseDisc(t)
		c.change(disc)
		_, err := openBytes(t, disc).Editor()
		var refused *RefusedError
		if !errors.As(err, &refused) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v; want %q", name, err, c.want)
		}
	}
}

// TestEntriesOfOtherKinds: what no Windows disc has is refused, or read right.
func TestEntriesOfOtherKinds(t *testing.T) {
	change := func(t *testing.T, set func(b []byte)) (string, error) {
		t.Helper()
		disc := baseDisc(t)
		b, block := entryOf(t, disc, "sources/install.wim") // 5000 times w
		set(b)
		length := entryFixed + int(le.Uint32(b[172:]))
		resealTag(b, length-tagSize, block)
		content, err := fs.ReadFile(openBytes(t, disc).FS(), "sources/install.wim")
		return string(content), err
	}
	if _, err := change(t, func(b []byte) { le.PutUint16(b[20:], 4096) }); err == nil || !strings.Contains(err.Error(), "ICB strategy 4096") {
		t.Errorf("strategy 4096: %v", err)
	}
	// long descriptors, 4/14.14.2: length, block, partition reference
	long := func(b []byte, reference uint16) {
		le.PutUint16(b[34:], adLong)
		clear(b[entryFixed+8 : entryFixed+16])
		le.PutUint16(b[entryFixed+8:], reference)
		le.PutUint32(b[172:], 16)
	}
	if got, err := change(t, func(b []byte) { long(b, 0) }); err != nil || got != strings.Repeat("w", 5000) {
		t.Errorf("a long descriptor: %d bytes, %v", len(got), err)
	}
	if _, err := change(t, func(b []byte) { long(b, 1) }); err == nil || !strings.Contains(err.Error(), "partition map 1") {
		t.Errorf("another partition: %v", err)
	}
	// 2048 bytes that are recorded, then a hole of each kind, 4/14.14.1.1
	for _, kind := range []uint32{1, 2} {
		got, err := change(t, func(b []byte) {
			le.PutUint32(b[entryFixed:], SectorSize)
			le.PutUint32(b[entryFixed+8:], kind<<30|(5000-SectorSize))
			le.PutUint32(b[entryFixed+12:], 1<<20) // of no meaning
			le.PutUint32(b[172:], 16)
		})
		if want := strings.Repeat("w", SectorSize) + strings.Repeat("\x00", 5000-SectorSize); err != nil || got != want {
			t.Errorf("a hole of kind %d: %d bytes, %v", kind, len(got), err)
		}
	}
}
