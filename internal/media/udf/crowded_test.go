package udf

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"
)

// planAdd adds one small file to the disc.
func planAdd(disc []byte, path string) (*Patch, error) {
	v, err := Open(bytes.NewReader(disc), int64(len(disc)))
	if err != nil {
		return nil, err
	}
	e, err := v.Editor()
	if err != nil {
		return nil, err
	}
	if err := e.Add(path, 5, strings.NewReader("hello")); err != nil {
		return nil, err
	}
	return e.Plan()
}

// rootEntry gives the block of the root's entry.
func rootEntry(t *testing.T, disc []byte) []byte {
	t.Helper()
	v := openBytes(t, disc)
	at := int(v.Partition().Start+v.rootICB) * SectorSize
	return disc[at : at+SectorSize]
}

// grow makes the disc's partition n blocks longer and gives the first of them.
func grow(t *testing.T, disc []byte, n uint32) ([]byte, uint32) {
	t.Helper()
	first := openBytes(t, disc).Partition().Length
	clear(disc[len(disc)-SectorSize:]) // the anchor, which moves
	disc = append(disc, make([]byte, n*SectorSize)...)
	anchorEnd(disc)
	for sector := mainSequence; sector < partitionStart; sector++ {
		b := disc[sector*SectorSize : (sector+1)*SectorSize]
		if tagID(b) == tagPartition {
			le.PutUint32(b[192:], first+n)
			resealTag(b, int(le.Uint16(b[10:])), tagLocation(b))
		}
	}
	return disc, first
}

// TestEditOfAFullEntry adds to a directory whose entry is so full of attributes
// that it can't tell where names would lie that don't fit any more.
func TestEditOfAFullEntry(t *testing.T) {
	disc := discOf(t, []Input{named("a/b")})
	b := rootEntry(t, disc)
	const attributes = SectorSize - entryFixed - 4
	le.PutUint16(b[34:], le.Uint16(b[34:])&^7|adEmbedded)
	le.PutUint64(b[56:], 0)
	le.PutUint32(b[168:], attributes)
	le.PutUint32(b[172:], 0)
	resealTag(b, entryFixed+attributes-tagSize, tagLocation(b))
	_, err := planAdd(disc, "new")
	var refusal *RefusedError
	if !errors.As(err, &refusal) || !strings.Contains(refusal.Reason, "attributes") {
		t.Fatalf("%v, want a refusal that names the attributes", err)
	}
}

// TestEditOfAScatteredDirectory adds to a directory of more pieces than its entry
// has room to name: they go on in a block of their own.
func TestEditOfAScatteredDirectory(t *testing.T) {
	const pieces, inEntry = 300, 200
	disc := discOf(t, []Input{named("a/b")})
	v := openBytes(t, disc)
	root, err := v.readDirectory(v.rootICB)
	if err != nil {
		t.Fatal(err)
	}
	file, _, err := v.FS().find("find", "a/b")
	if err != nil {
		t.Fatal(err)
	}
	disc, first := grow(t, disc, pieces+1)
	names := bytes.Clone(root.raw)
	want := []string{"a"}
	for len(names) < pieces*SectorSize-300 {
		name := fmt.Sprintf("%0200d", len(want))
		want = append(want, name)
		names = append(names, fileIdentifier(first+uint32(len(names)/SectorSize), 0, file.block, append([]byte{8}, name...))...)
	}
	start := int(v.Partition().Start)
	copy(disc[(start+int(first))*SectorSize:], names)
	var ads []byte
	for i := range uint32(pieces) {
		ads = le.AppendUint32(le.AppendUint32(ads, SectorSize), first+i)
	}
	more := disc[(start+int(first)+pieces)*SectorSize:]
	rest := ads[inEntry*8:]
	le.PutUint32(more[20:], uint32(len(rest)))
	copy(more[24:], rest)
	sealTag(more[:24+len(rest)], tagAllocationExtent, first+pieces)
	b := rootEntry(t, disc)
	le.PutUint64(b[56:], uint64(len(names)))
	le.PutUint32(b[172:], inEntry*8+8)
	copy(b[entryFixed:], ads[:inEntry*8])
	le.PutUint32(b[entryFixed+inEntry*8:], 3<<30|SectorSize)
	le.PutUint32(b[entryFixed+inEntry*8+4:], first+pieces)
	resealTag(b, entryFixed+inEntry*8+8-tagSize, tagLocation(b))

	patch, err := planAdd(disc, "new")
	if err != nil {
		t.Fatal(err)
	}
	got, err := fs.ReadDir(openBytes(t, apply(t, disc, patch)).FS(), ".")
	if err != nil {
		t.Fatal(err)
	}
	have := map[string]bool{}
	for _, d := range got {
		have[d.Name()] = true
	}
	for _, name := range append(want, "new") {
		if !have[name] {
			t.Errorf("%s is gone", name)
		}
	}
	if len(got) != len(want)+1 {
		t.Errorf("%d names, want %d", len(got), len(want)+1)
	}
}

// TestEditSparesWhatLiesBehindNames adds to a directory whose extent is longer
// than its names: what lies in the surplus may be another file's.
func TestEditSparesWhatLiesBehindNames(t *testing.T) {
	disc, first := grow(t, discOf(t, []Input{named("a/b")}), 4)
	v := openBytes(t, disc)
	root, err := v.readDirectory(v.rootICB)
	if err != nil {
		t.Fatal(err)
	}
	at := (int(v.Partition().Start) + int(first)) * SectorSize
	names := bytes.Clone(root.raw)
	for i := 0; i < len(names); {
		length := (fidFixed + int(names[i+19]) + 3) &^ 3
		resealTag(names[i:], length-tagSize, first)
		i += length
	}
	copy(disc[at:], names)
	foreign := disc[at+SectorSize : at+4*SectorSize]
	for i := range foreign {
		foreign[i] = 'F'
	}
	b := rootEntry(t, disc)
	le.PutUint32(b[entryFixed:], 4*SectorSize)
	le.PutUint32(b[entryFixed+4:], first)
	resealTag(b, int(le.Uint16(b[10:])), tagLocation(b))
	patch, err := planAdd(disc, "new")
	if err != nil {
		t.Fatal(err)
	}
	now := apply(t, disc, patch)
	if !bytes.Equal(now[at+SectorSize:at+4*SectorSize], bytes.Repeat([]byte{'F'}, 3*SectorSize)) {
		t.Error("what lies behind the names was written over")
	}
	if _, err := fs.Stat(openBytes(t, now).FS(), "new"); err != nil {
		t.Error(err)
	}
}
