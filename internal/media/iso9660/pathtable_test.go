package iso9660_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/media/iso9660"
)

const sector = 2048

// folder is a directory as a path table, or the directories' own records, tell it.
type folder struct {
	Path   string
	Extent uint32
}

// number32 reads a number that stands in both byte orders, ECMA-119 7.3.3.
func number32(t *testing.T, what string, b []byte) uint32 {
	t.Helper()
	n, m := binary.LittleEndian.Uint32(b), binary.BigEndian.Uint32(b[4:])
	if n != m {
		t.Errorf("%s: %d in one byte order, %d in the other", what, n, m)
	}
	return n
}

// byRecords walks the directories that a volume descriptor's root leads to, level
// by level, and their children in the order of their records.
func byRecords(t *testing.T, disc, descriptor []byte) []folder {
	t.Helper()
	root := number32(t, "root", descriptor[156+2:])
	list := []folder{{"", root}}
	for i := 0; i < len(list); i++ {
		at := list[i]
		first := disc[at.Extent*sector:]
		size := number32(t, at.Path+" size", first[10:])
		data := first[:size]
		for pos := 0; pos < len(data); {
			r := data[pos:]
			if r[0] == 0 {
				pos = (pos/sector + 1) * sector
				continue
			}
			pos += int(r[0])
			id := string(r[33 : 33+int(r[32])])
			extent := number32(t, at.Path+"/"+id, r[2:])
			number32(t, at.Path+"/"+id+" size", r[10:])
			switch {
			case id == "\x00" && extent != at.Extent:
				t.Errorf("%s: . is at %d, and it at %d", at.Path, extent, at.Extent)
			case r[25]&2 != 0 && id != "\x00" && id != "\x01":
				list = append(list, folder{at.Path + "/" + id, extent})
			}
		}
	}
	return list
}

// byTable reads a path table, ECMA-119 9.4.
func byTable(t *testing.T, table []byte, order binary.ByteOrder) []folder {
	t.Helper()
	var list []folder
	for len(table) > 0 {
		length := int(table[0])
		if length == 0 || 8+length > len(table) {
			t.Fatalf("entry %d has an identifier of %d bytes, %d are left", len(list)+1, length, len(table)-8)
		}
		f := folder{"/" + string(table[8:8+length]), order.Uint32(table[2:])}
		switch parent := int(order.Uint16(table[6:])); {
		case len(list) == 0 && (parent != 1 || f.Path != "/\x00"):
			t.Fatalf("the first entry is %q with the parent %d", f.Path, parent)
		case len(list) == 0:
			f.Path = ""
		case parent < 1 || parent > len(list):
			t.Fatalf("entry %d, %q, has the parent %d", len(list)+1, f.Path, parent)
		default:
			f.Path = list[parent-1].Path + f.Path
		}
		list = append(list, f)
		table = table[8+length+length%2:]
	}
	return list
}

// TestPathTables: Windows looks folders up in the L table of the tree that it
// reads, and firmware in that of the other. Each of the four must tell what the
// directories do; genisoimage's discs show that they are read aright here.
func TestPathTables(t *testing.T) {
	var list []iso9660.File
	for _, p := range []string{
		"Autounattend.xml", "$WinPEDriver$/NetKVM/netkvm.inf", "$WinPEDriver$/viostor/viostor.inf", "payload/한국어 폴더/a/b/c.msi",
		"payload/another folder with a long name/x", "wintemplate/tools/guest-agent/x.msi", "wintemplate/certs/x.cer",
	} {
		list = append(list, iso9660.File{Path: p, Size: 1, Open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader("x")), nil }})
	}
	for i := range 300 { // more than a sector of table
		list = append(list, iso9660.File{Path: fmt.Sprintf("payload/folder %03d/x", i), Size: 1, Open: list[0].Open})
	}
	var own bytes.Buffer
	if err := iso9660.Write(context.Background(), &own, list, iso9660.Options{Label: "X", Recorded: time.Unix(1700000000, 0)}); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		disc    []byte
		folders int
	}{
		"own": {own.Bytes(), 313}, "genisoimage": {genisoimage(t, "-J"), 10},
	} {
		for tree, descriptor := range [][]byte{c.disc[16*sector : 17*sector], c.disc[17*sector : 18*sector]} {
			t.Run(fmt.Sprintf("%s, tree %d", name, tree), func(t *testing.T) {
				want := byRecords(t, c.disc, descriptor)
				if len(want) != c.folders {
					t.Errorf("%d folders, want %d", len(want), c.folders)
				}
				size := number32(t, "path table", descriptor[132:])
				for at, order := range map[int]binary.ByteOrder{140: binary.LittleEndian, 148: binary.BigEndian} {
					start := int(order.Uint32(descriptor[at:])) * sector
					got := byTable(t, c.disc[start:start+int(size)], order)
					if name != "own" { // which sorts names of one directory, and so its records, by other rules
						slices.SortFunc(got, func(a, b folder) int { return strings.Compare(a.Path, b.Path) })
						slices.SortFunc(want, func(a, b folder) int { return strings.Compare(a.Path, b.Path) })
					}
					if diff := cmp.Diff(want, got); diff != "" {
						t.Errorf("%v:\n%s", order, diff)
					}
				}
			})
		}
	}
}
