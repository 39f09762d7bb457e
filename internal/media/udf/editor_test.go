package udf

import (
	"bytes"
	"fmt"
	"io/fs"
	"strings"
	"testing"
)

// apply gives the disc with a patch.
func apply(t *testing.T, disc []byte, p *Patch) []byte {
	t.Helper()
	out := make([]byte, p.Size)
	copy(out, disc)
	for _, c := range p.Changes {
		if n, err := c.Content.ReadAt(out[c.Offset:c.Offset+c.Length], 0); int64(n) < c.Length {
			t.Fatal(err)
		}
	}
	return out
}

func openBytes(t *testing.T, disc []byte) *Volume {
	t.Helper()
	v, err := Open(bytes.NewReader(disc), int64(len(disc)))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// embed moves the names of a directory into its entry, as Linux's driver and
// mkudffs have small ones, and turns the entry into an extended one if asked.
func embed(t *testing.T, disc []byte, path string, extended bool) {
	t.Helper()
	v := openBytes(t, disc)
	e, _, err := v.FS().find("find", path)
	if err != nil {
		t.Fatal(err)
	}
	d, err := v.readDirectory(e.block)
	if err != nil {
		t.Fatal(err)
	}
	sector := v.Partition().Start + e.block
	b := disc[sector*SectorSize : (sector+1)*SectorSize]
	if extended {
		plain := bytes.Clone(b)
		clear(b)
		copy(b, plain[:64])
		copy(b[72:80], plain[64:72])     // blocks
		copy(b[80:104], plain[72:96])    // access and modification
		copy(b[116:128], plain[96:108])  // attributes
		copy(b[128:132], plain[108:112]) // checkpoint
		copy(b[168:200], plain[128:160]) // implementation
		copy(b[200:208], plain[160:168]) // unique id
		le.PutUint16(b, tagExtendedFileEntry)
		e.extended = true
	}
	names := bytes.Clone(d.raw)
	for at := 0; at < len(names); {
		length := (fidFixed + int(le.Uint16(names[at+36:])) + int(names[at+19]) + 3) &^ 3
		resealTag(names[at:], length-tagSize, e.block)
		at += length
	}
	r := entryRewrite{b: b, e: e}
	r.embed(names)
	r.seal(e.block)
}

// embeddedEdit gives a disc whose root and sources lie in their entries, edited:
// add files are added to the root, to sources and to a new directory. want is
// what it then holds.
func embeddedEdit(t *testing.T, extended bool, add int) (disc []byte, want map[string]string) {
	t.Helper()
	disc = baseDisc(t)
	want = map[string]string{}
	before := openBytes(t, disc)
	err := fs.WalkDir(before.FS(), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := fs.ReadFile(before.FS(), path)
		want[path] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	embed(t, disc, ".", extended)
	embed(t, disc, "sources", extended)
	e, err := openBytes(t, disc).Editor()
	if err != nil {
		t.Fatal(err)
	}
	for i := range add {
		for _, dir := range []string{"", "sources/", "sources/new/"} {
			name := fmt.Sprintf("%sa file with a name that takes room %d.txt", dir, i)
			want[name] = name
			if err := e.Add(name, int64(len(name)), strings.NewReader(name)); err != nil {
				t.Fatal(err)
			}
		}
	}
	p, err := e.Plan()
	if err != nil {
		t.Fatal(err)
	}
	return apply(t, disc, p), want
}

// TestEditEmbeddedDirectories edits directories that lie in their entries: with
// room, and without.
func TestEditEmbeddedDirectories(t *testing.T) {
	for _, extended := range []bool{false, true} {
		for _, add := range []int{1, 60} {
			t.Run(fmt.Sprintf("extended %t, %d files", extended, add), func(t *testing.T) {
				disc, want := embeddedEdit(t, extended, add)
				after := openBytes(t, disc)
				for name, content := range want {
					if b, err := fs.ReadFile(after.FS(), name); err != nil || string(b) != content {
						t.Errorf("%s: %q, %v", name, b, err)
					}
				}
				root, err := after.readDirectory(after.rootICB)
				if err != nil {
					t.Fatal(err)
				}
				if stays := root.entry.isEmbed; stays != (add == 1) {
					t.Errorf("the root lies in its entry: %t", stays)
				}
				if root.entry.extended != extended {
					t.Errorf("the root's entry is extended: %t", root.entry.extended)
				}
			})
		}
	}
}

// TestEditTwice edits the same disc twice in a row, and in another order.
func TestEditOrder(t *testing.T) {
	disc := baseDisc(t)
	plan := func(names ...string) []byte {
		e, err := openBytes(t, disc).Editor()
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range names {
			if err := e.Add(n, int64(len(n)), strings.NewReader(n)); err != nil {
				t.Fatal(err)
			}
		}
		p, err := e.Plan()
		if err != nil {
			t.Fatal(err)
		}
		return apply(t, disc, p)
	}
	if !bytes.Equal(plan("b/x", "a", "setup.exe", "b/y"), plan("setup.exe", "b/y", "a", "b/x")) {
		t.Error("the same files added in another order give another disc")
	}
}

func TestEditNothing(t *testing.T) {
	disc := baseDisc(t)
	e, err := openBytes(t, disc).Editor()
	if err != nil {
		t.Fatal(err)
	}
	p, err := e.Plan()
	if err != nil || len(p.Changes) != 0 || p.Size != int64(len(disc)) {
		t.Errorf("%+v, %v", p, err)
	}
}

func TestCRC(t *testing.T) {
	// the example of 3/7.2.6
	if got := crc16([]byte{0x70, 0x6a, 0x77}); got != 0x3299 {
		t.Errorf("%#04x", got)
	}
}

func TestTimestamp(t *testing.T) {
	at := []byte{0x1c, 0x12, 0xe9, 0x07, 9, 30, 23, 59, 58, 12, 34, 56} // +540 minutes: KST
	at[0], at[1] = 0x1c, 0x12
	if got := decodeTime(at).Format("2006-01-02 15:04:05.000000 -0700"); got != "2025-09-30 23:59:58.123456 +0900" {
		t.Error(got)
	}
	now := decodeTime(at)
	b := encodeTime(now)
	if !decodeTime(b[:]).Equal(now) {
		t.Errorf("%s after %s", decodeTime(b[:]), now)
	}
	if !decodeTime(make([]byte, 12)).IsZero() {
		t.Error("no date is a date")
	}
}
