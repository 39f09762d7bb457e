package eltorito_test

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/media/eltorito"
)

// disc is a disc with a catalogue at sector 20.
func disc(t testing.TB, entries ...eltorito.Entry) []byte {
	t.Helper()
	catalog, err := eltorito.Encode("Microsoft Corporation", entries)
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 64*2048)
	copy(b[17*2048:], eltorito.Record(20))
	copy(b[20*2048:], catalog)
	return b
}

func TestCatalog(t *testing.T) {
	bios := eltorito.Entry{Platform: eltorito.BIOS, Bootable: true, Count: 8, Sector: 30}
	efi := eltorito.Entry{Platform: eltorito.EFI, Bootable: true, Count: 1, Sector: 32}
	off := eltorito.Entry{Platform: eltorito.EFI, Count: 1, Sector: 33}
	for _, entries := range [][]eltorito.Entry{{bios}, {bios, efi}, {bios, efi, off}} {
		b := disc(t, entries...)
		c, err := eltorito.Read(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			t.Fatal(err)
		}
		got := slices.Clone(c.Entries)
		for i := range got {
			if at := got[i].SectorOffset(); b[at] != byte(got[i].Sector) {
				t.Errorf("entry %d: its sector doesn't lie at %d", i, at)
			}
			got[i].Offset = 0
		}
		if !slices.Equal(got, entries) {
			t.Errorf("%+v, want %+v", got, entries)
		}
		if n := len(c.Bootable(eltorito.EFI)); n != min(1, len(entries)-1) {
			t.Errorf("%d bootable EFI entries", n)
		}
	}
}

func TestCatalogRefuses(t *testing.T) {
	whole := disc(t, eltorito.Entry{Bootable: true, Count: 8, Sector: 30})
	for name, at := range map[string]int{"checksum": 20*2048 + 8, "key": 20*2048 + 30, "pointer": 17*2048 + 0x48, "image": 20*2048 + 32 + 9} {
		b := bytes.Clone(whole)
		b[at] ^= 0x55
		if c, err := eltorito.Read(bytes.NewReader(b), int64(len(b))); err == nil {
			t.Errorf("%s: %+v", name, c)
		}
	}
	if _, err := eltorito.Read(bytes.NewReader(make([]byte, 64*2048)), 64*2048); !errors.Is(err, eltorito.ErrNone) {
		t.Error(err)
	}
	if _, err := eltorito.Read(bytes.NewReader(nil), 0); !errors.Is(err, eltorito.ErrNone) {
		t.Error(err)
	}
}

func Fuzz(f *testing.F) {
	base := disc(f, eltorito.Entry{Bootable: true, Count: 8, Sector: 30}, eltorito.Entry{Platform: eltorito.EFI, Bootable: true, Count: 1, Sector: 32})
	f.Add(uint16(64), []byte{0x90, 0xef, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, at uint16, change []byte) {
		b := bytes.Clone(base)
		copy(b[20*2048+int(at)%2048:], change)
		c, err := eltorito.Read(bytes.NewReader(b), int64(len(b)))
		if err == nil && len(c.Entries) > 64 {
			t.Errorf("%d entries in a sector", len(c.Entries))
		}
	})
}
