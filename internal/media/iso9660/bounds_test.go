package iso9660_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/media/iso9660"
)

// record is a directory record, ECMA-119 9.1, with what follows it in use.
func record(name string, sector, length uint32, flags byte, use []byte) []byte {
	b := make([]byte, 33, 34+len(name)+len(use))
	b = append(b, name...)
	if len(b)%2 != 0 {
		b = append(b, 0)
	}
	b = append(b, use...)
	binary.LittleEndian.PutUint32(b[2:], sector)
	binary.LittleEndian.PutUint32(b[10:], length)
	b[0], b[25], b[32] = byte(len(b)), flags, byte(len(name))
	return b
}

// disc puts records of the root at sector 20 of a disc of sectors.
func disc(sectors uint32, records [][]byte) []byte {
	b := make([]byte, sectors*2048)
	root := b[20*2048:]
	at := 0
	for _, r := range records {
		if at%2048+len(r) > 2048 { // records don't cross sectors
			at += 2048 - at%2048
		}
		at += copy(root[at:], r)
	}
	length := uint32(at+2047) &^ 2047
	primary := b[16*2048:]
	copy(primary, "\x01CD001\x01")
	binary.LittleEndian.PutUint32(primary[80:], sectors)
	binary.LittleEndian.PutUint16(primary[128:], 2048)
	copy(primary[156:], record("\x00", 20, length, 2, nil))
	copy(b[17*2048:], "\xffCD001\x01")
	return b
}

// TestMemoryIsBounded reads small discs that claim to hold very many names, or
// very long ones.
func TestMemoryIsBounded(t *testing.T) {
	self := record("\x00", 20, 0, 2, []byte("SP\x07\x01\xbe\xef\x00"))
	overlapping := [][]byte{self}
	for i := range uint32(3000) {
		overlapping = append(overlapping, record(fmt.Sprintf("D%d", i), 2000+i, 1<<20, 2, nil))
	}
	// every name is one of 60 entries of 250 bytes, which all records share
	ce := make([]byte, 28)
	copy(ce, "CE\x1c\x01")
	binary.LittleEndian.PutUint32(ce[4:], 1000)
	binary.LittleEndian.PutUint32(ce[20:], 2048)
	long := [][]byte{self}
	for range 3000 {
		long = append(long, record("F", 20, 1, 0, ce))
	}
	for name, c := range map[string]struct {
		disc []byte
		want string
	}{
		"overlapping directories": {disc(8000, overlapping), "together"},
		"long names":              {disc(2000, long), "name of more than"},
		"endless names":           {disc(2000, [][]byte{self, record("F", 20, 1, 0, ce)}), "for ever"},
	} {
		t.Run(name, func(t *testing.T) {
			shared := c.disc[1000*2048:][:2048]
			switch name {
			case "long names":
				for at := 0; at+250 <= len(shared); at += 250 {
					copy(shared[at:], "NM\xfa\x01\x01"+strings.Repeat("n", 245))
				}
			case "endless names":
				copy(shared, ce)
			}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			v, err := iso9660.Open(bytes.NewReader(c.disc), int64(len(c.disc)))
			if err == nil {
				err = walk(v, func(iso9660.Entry) error { return nil })
			}
			runtime.ReadMemStats(&after)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v; want %q", err, c.want)
			}
			if used := after.TotalAlloc - before.TotalAlloc; used > 32<<20 {
				t.Errorf("%d bytes were allocated for a disc of %d", used, len(c.disc))
			}
		})
	}
}
