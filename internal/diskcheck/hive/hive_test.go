package hive

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/regf"
)

const (
	stateKey = `Microsoft\Windows\CurrentVersion\Setup\State`
	complete = "IMAGE_STATE_COMPLETE"
	running  = "IMAGE_STATE_UNDEPLOYABLE"
	sealed   = "IMAGE_STATE_GENERALIZE_RESEAL_TO_OOBE"
)

// software is a hive with some bulk, whose ImageState is state.
func software(state string, bulk int) *regf.Key {
	root := regf.NewRoot()
	for i := range bulk {
		root.SetString(fmt.Sprintf(`Classes\class%04d\shell`, i), "", strings.Repeat("x", i%200))
	}
	root.SetString(stateKey, "ImageState", state)
	return root
}

func imageState(t *testing.T, h *Hive) string {
	t.Helper()
	v, err := h.Value(stateKey, "ImageState")
	if err != nil {
		t.Fatal(err)
	}
	s, _ := v.Text()
	return s
}

func dirty(t *testing.T, old *regf.Key, steps ...*regf.Key) regf.Dirty {
	t.Helper()
	d, err := regf.EncodeDirty(regf.Options{Sequence: 41}, old, steps...)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestCleanHiveIgnoresItsLogs(t *testing.T) {
	b, err := regf.Encode(software(complete, 10), regf.Options{Sequence: 41})
	if err != nil {
		t.Fatal(err)
	}
	// Remains of a log that was applied long ago must not be applied again.
	d := dirty(t, software(complete, 10), software(sealed, 10))
	h, err := Open(b, d.Log1, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := imageState(t, h); got != complete || h.Replayed != 0 {
		t.Errorf("ImageState %s after %d entries", got, h.Replayed)
	}
}

func TestDirtyHiveIsReplayed(t *testing.T) {
	for _, c := range []struct {
		name  string
		steps []*regf.Key
		want  string
	}{
		{"one entry", []*regf.Key{software(sealed, 10)}, sealed},
		{"the hive grew", []*regf.Key{software(sealed, 2000)}, sealed},
		{"the hive shrank", []*regf.Key{software(sealed, 1)}, sealed},
		{"the last entry is in LOG2", []*regf.Key{software(running, 10), software(sealed, 10)}, sealed},
		{"three entries in two logs", []*regf.Key{software(running, 10), software(complete, 500), software(sealed, 700)}, sealed},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := dirty(t, software(complete, 10), c.steps...)
			for _, logs := range [][][]byte{{d.Log1, d.Log2}, {d.Log2, d.Log1}} {
				h, err := Open(d.Primary, logs...)
				if err != nil {
					t.Fatal(err)
				}
				if got := imageState(t, h); got != c.want {
					t.Errorf("ImageState = %s, want %s", got, c.want)
				}
				if h.Replayed != len(c.steps) {
					t.Errorf("%d entries applied, want %d", h.Replayed, len(c.steps))
				}
			}
		})
	}
}

func TestTornBaseBlockComesFromTheLog(t *testing.T) {
	d := dirty(t, software(complete, 10), software(sealed, 10))
	d.Primary[20] ^= 0xff
	h, err := Open(d.Primary, d.Log1)
	if err != nil {
		t.Fatal(err)
	}
	if got := imageState(t, h); got != sealed {
		t.Errorf("ImageState = %s", got)
	}
}

func TestDirtyHiveIsNeverGuessed(t *testing.T) {
	d := dirty(t, software(complete, 10), software(sealed, 10))
	flip := func(at int) []byte {
		b := bytes.Clone(d.Log1)
		b[at] ^= 1
		return b
	}
	old := dirty(t, software(complete, 10), software(sealed, 10)).Log1
	binary.LittleEndian.PutUint32(old[4:], 7)
	binary.LittleEndian.PutUint32(old[8:], 7)
	for name, log := range map[string][]byte{
		"no log":               nil,
		"empty log":            make([]byte, 512),
		"header torn":          flip(41),
		"entry's page torn":    flip(sectorSize + 40 + 8 + 100),
		"entry's header torn":  flip(sectorSize + 16),
		"log cut":              d.Log1[:len(d.Log1)-1],
		"checksum of old base": old,
	} {
		if _, err := Open(d.Primary, log); !errors.Is(err, ErrDirty) {
			t.Errorf("%s: %v, want ErrDirty", name, err)
		}
	}
}

// The vectors are Microsoft's, for another seed than the registry's.
func TestMarvin32(t *testing.T) {
	const seed = 0x004fb61a001bdbcc
	for data, want := range map[string]uint64{
		"": 0x30ed35c100cd3c7d, "\xaf": 0x48e73fc77d75ddc1, "\xe7\x0f": 0xb5f6e1fc485dbff8, "\x37\xf4\x95": 0xf0b07c789b8cf7e8,
	} {
		if got := marvin32(seed, []byte(data)); got != want {
			t.Errorf("marvin32(%x) = %#x, want %#x", data, got, want)
		}
	}
}

func TestReadsEveryKindOfValue(t *testing.T) {
	root := regf.NewRoot()
	big := bytes.Repeat([]byte{1, 2, 3, 5, 7}, 10_000)
	k := root.Create(`Größe\日本語`)
	k.Set(regf.StringValue("", "default"))
	k.Set(regf.ExpandStringValue("path", `%SystemRoot%\x`))
	k.Set(regf.DWordValue("dword", 4))
	k.Set(regf.QWordValue("qword", 1<<40))
	k.Set(regf.MultiStringValue("multi", []string{"a", "b"}))
	k.Set(regf.BinaryValue("big", big))
	k.Set(regf.BinaryValue("empty", nil))
	for i := range 1700 {
		root.Create(fmt.Sprintf(`many\k%d`, i))
	}
	b, err := regf.Encode(root, regf.Options{})
	if err != nil {
		t.Fatal(err)
	}
	h, err := Open(b)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"": "default", "PATH": `%SystemRoot%\x`, "dword": "4", "qword": "1099511627776", "multi": "a;b", "empty": "0 bytes of type 3"} {
		v, err := h.Value(`GRÖSSE`, name)
		if !errors.Is(err, fs.ErrNotExist) { // ß has no other case
			t.Errorf("GRÖSSE!%s: %v %v", name, v, err)
		}
		if v, err = h.Value(`größe\日本語`, name); err != nil || v.String() != want {
			t.Errorf("%s = %q, %v, want %q", name, v, err, want)
		}
	}
	if v, err := h.Value(`größe\日本語`, "big"); err != nil || !bytes.Equal(v.Data, big) {
		t.Errorf("big value: %d bytes, %v", len(v.Data), err)
	}
	many, err := h.Key("many")
	if err != nil {
		t.Fatal(err)
	}
	if subs, err := many.Subkeys(); err != nil || len(subs) != 1700 {
		t.Errorf("%d subkeys, %v", len(subs), err)
	}
}

func FuzzOpen(f *testing.F) {
	clean, err := regf.Encode(software(complete, 3), regf.Options{})
	if err != nil {
		f.Fatal(err)
	}
	d, err := regf.EncodeDirty(regf.Options{}, software(complete, 3), software(sealed, 20))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(clean, []byte(nil))
	f.Add(d.Primary, d.Log1)
	f.Fuzz(func(t *testing.T, primary, log []byte) {
		// A right checksum lets the fuzzer reach what lies behind it.
		for _, b := range [][]byte{primary, log} {
			if len(b) >= sectorSize {
				var sum uint32
				for i := 0; i < 508; i += 4 {
					sum ^= binary.LittleEndian.Uint32(b[i:])
				}
				binary.LittleEndian.PutUint32(b[508:], sum)
			}
		}
		h, err := Open(primary, log)
		if err != nil {
			return
		}
		visit(h.Root(), 0)
	})
}

// visit reads what a check could read, to a bounded depth: keys may be tied in
// a ring, which only a path of that length would follow.
func visit(k *Key, depth int) {
	_ = k.Name()
	values, _ := k.Values()
	for _, v := range values {
		_ = v.String()
	}
	if depth > 3 {
		return
	}
	subs, _ := k.Subkeys()
	for i, sub := range subs {
		if i > 20 {
			return
		}
		visit(sub, depth+1)
	}
}
