package iso9660_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/media/iso9660"
)

func files() map[string]string {
	out := map[string]string{
		"viostor/2k22/amd64/viostor.sys": strings.Repeat("s", 70_000), "NetKVM/w11/amd64/netkvm.inf": "[Version]",
		"empty": "", "data/" + strings.Repeat("a very long name ", 5) + ".txt": "long", "cert/Virtio_Win_Red_Hat_CA.cer": "c",
	}
	for i := range 120 {
		out[fmt.Sprintf("many/A File with Mixed Case and a number %d.txt", i)] = fmt.Sprint(i)
	}
	return out
}

// genisoimage makes a disc of files.
func genisoimage(t testing.TB, options ...string) []byte {
	t.Helper()
	tree, iso := t.TempDir(), filepath.Join(t.TempDir(), "x.iso")
	for p, c := range files() {
		path := filepath.Join(tree, p)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(c), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	tool, err := exec.LookPath("genisoimage")
	if err != nil {
		t.Fatal("genisoimage is not installed; it is in Debian's package genisoimage")
	}
	args := append([]string{"-quiet", "-V", "virtio-win-0.1.285", "-o", iso}, options...)
	if out, err := exec.Command(tool, append(args, tree)...).CombinedOutput(); err != nil {
		t.Fatalf("genisoimage: %v\n%s", err, out)
	}
	b, err := os.ReadFile(iso)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// walk reads the whole volume.
func walk(v *iso9660.Volume, visit func(iso9660.Entry) error) error {
	root, err := v.Find(".")
	if err != nil {
		return err
	}
	dirs, seen := []iso9660.Entry{root}, 0
	for len(dirs) > 0 {
		entries, err := v.List(dirs[0])
		if err != nil {
			return err
		}
		dirs = dirs[1:]
		for _, e := range entries {
			if seen++; seen > 100_000 {
				return errors.New("the walk doesn't end")
			}
			if e.Dir {
				dirs = append(dirs, e)
			} else if err := visit(e); err != nil {
				return err
			}
		}
	}
	return nil
}

func TestRead(t *testing.T) {
	for name, c := range map[string]struct {
		options []string
		names   iso9660.Names
	}{
		"as virtio-win's":  {[]string{"-iso-level", "4", "-R"}, iso9660.RockRidge},
		"Rock Ridge":       {[]string{"-R"}, iso9660.RockRidge},
		"both":             {[]string{"-R", "-J", "-joliet-long"}, iso9660.RockRidge},
		"Joliet":           {[]string{"-J", "-joliet-long"}, iso9660.Joliet},
		"level 4, nothing": {[]string{"-iso-level", "4"}, iso9660.Plain},
	} {
		t.Run(name, func(t *testing.T) {
			b := genisoimage(t, c.options...)
			v, err := iso9660.Open(bytes.NewReader(b), int64(len(b)))
			if err != nil {
				t.Fatal(err)
			}
			if v.Names() != c.names || v.Label() != "virtio-win-0.1.285" {
				t.Errorf("%s, %q", v.Names(), v.Label())
			}
			want := files()
			err = walk(v, func(e iso9660.Entry) error {
				r, err := v.Open(e)
				if err != nil {
					return err
				}
				content, err := io.ReadAll(r)
				if w, ok := want[e.Path]; !ok || w != string(content) {
					t.Errorf("%s: %d bytes; wanted: %t", e.Path, len(content), ok)
				}
				delete(want, e.Path)
				return err
			})
			if err != nil || len(want) > 0 {
				t.Errorf("%v; %d files are missing", err, len(want))
			}
			if e, err := v.Find("VIOSTOR/2K22/AMD64/VioStor.SYS"); err != nil || e.Path != "viostor/2k22/amd64/viostor.sys" {
				t.Errorf("%+v, %v", e, err)
			}
		})
	}
}

func TestReadsWhatItWrote(t *testing.T) {
	var list []iso9660.File
	for p, c := range map[string]string{"Autounattend.xml": "<x/>", "$WinPEDriver$/NetKVM/netkvm.inf": "i", "payload/한국어 파일.msi": "k"} {
		list = append(list, iso9660.File{Path: p, Size: int64(len(c)), Open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(c)), nil }})
	}
	var b bytes.Buffer
	if err := iso9660.Write(context.Background(), &b, list, iso9660.Options{Label: "X", Recorded: time.Unix(1700000000, 0)}); err != nil {
		t.Fatal(err)
	}
	v, err := iso9660.Open(bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil || v.Names() != iso9660.Joliet {
		t.Fatal(err)
	}
	for _, f := range list {
		if e, err := v.Find(f.Path); err != nil || e.Path != f.Path || e.Size != f.Size {
			t.Errorf("%s: %+v, %v", f.Path, e, err)
		}
	}
}

func TestHostile(t *testing.T) {
	base := genisoimage(t, "-iso-level", "4", "-R")
	le := binary.LittleEndian
	root := int(le.Uint32(base[16*2048+158:])) * 2048
	// at gives the byte at which the n-th record of the root begins
	at := func(n int) int {
		p := root
		for range n {
			p += int(base[p])
		}
		return p
	}
	for name, c := range map[string]struct {
		do   func(b []byte)
		want string
	}{
		"huge root":      {func(b []byte) { le.PutUint32(b[16*2048+166:], 0xfffff000) }, "a directory of"},
		"root past end":  {func(b []byte) { le.PutUint32(b[16*2048+158:], 0xfffff000) }, "a directory of"},
		"loop":           {func(b []byte) { le.PutUint32(b[at(2)+2:], uint32(root/2048)) }, "two places"},
		"huge directory": {func(b []byte) { le.PutUint32(b[at(2)+10:], 0xf0000000) }, "a directory of"},
		"short record":   {func(b []byte) { b[at(2)] = 5 }, "a record of 5"},
		"long name":      {func(b []byte) { b[at(2)+32] = 250 }, "a record of"},
		"truncated":      {func(b []byte) { le.PutUint32(b[16*2048+80:], 1<<30) }, "the volume needs"},
		"blocks of 512":  {func(b []byte) { le.PutUint16(b[16*2048+128:], 512) }, "blocks of 512"},
	} {
		t.Run(name, func(t *testing.T) {
			b := bytes.Clone(base)
			c.do(b)
			v, err := iso9660.Open(bytes.NewReader(b), int64(len(b)))
			if err == nil {
				err = walk(v, func(iso9660.Entry) error { return nil })
			}
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v; want %q", err, c.want)
			}
		})
	}
	for _, b := range [][]byte{nil, make([]byte, 100_000)} {
		if _, err := iso9660.Open(bytes.NewReader(b), int64(len(b))); !errors.Is(err, iso9660.ErrNotISO) {
			t.Error(err)
		}
	}
}

func FuzzRead(f *testing.F) {
	base := genisoimage(f, "-iso-level", "4", "-R", "-J")
	f.Add(uint32(16*2048+158), []byte{0xff})
	f.Add(uint32(30*2048), []byte{0x22, 0, 0xff})
	f.Fuzz(func(t *testing.T, at uint32, change []byte) {
		b := bytes.Clone(base)
		copy(b[int(at)%len(b):], change)
		v, err := iso9660.Open(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			return
		}
		err = walk(v, func(e iso9660.Entry) error {
			_, _ = v.Open(e)
			return nil
		})
		if err != nil && strings.Contains(err.Error(), "doesn't end") {
			t.Fatal(err)
		}
	})
}
