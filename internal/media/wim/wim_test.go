package wim_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/media/mediatest"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/media/wim"
)

func read(b []byte) (*wim.Info, error) { return wim.Read(bytes.NewReader(b), int64(len(b))) }

func TestRead(t *testing.T) {
	want := mediatest.Server2022Eval()
	info, err := read(mediatest.WIM(want...))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, info.Images); diff != "" {
		t.Error(diff)
	}
	if info.TotalParts != 1 || info.Version != wim.VersionDefault {
		t.Errorf("%+v", info)
	}
}

// TestReadsWhatWimlibWrote reads files of wimlib's: plain, solid (as an .esd
// is), and the first part of a split one.
func TestReadsWhatWimlibWrote(t *testing.T) {
	dir := t.TempDir()
	tree := filepath.Join(dir, "tree")
	incompressible := make([]byte, 300_000) // so that the split one has a second part
	_, _ = rand.NewChaCha8([32]byte{}).Read(incompressible)
	for name, content := range map[string][]byte{"Windows/System32/kernel32.dll": incompressible, "Users/readme.txt": []byte("read")} {
		path := filepath.Join(tree, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	wimlib := func(args ...string) {
		t.Helper()
		path, err := exec.LookPath("wimlib-imagex")
		if err != nil {
			t.Fatal("wimlib-imagex is not installed; it is in Debian's package wimtools")
		}
		cmd := exec.Command(path, args...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("wimlib-imagex %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
	properties := []string{
		"--image-property", "DISPLAYNAME=Windows Server 2025 Standard 평가판", "--image-property", "FLAGS=ServerStandardEval",
		"--image-property", "WINDOWS/ARCH=9", "--image-property", "WINDOWS/EDITIONID=ServerStandardEval", "--image-property", "WINDOWS/INSTALLATIONTYPE=Server",
		"--image-property", "WINDOWS/LANGUAGES/LANGUAGE=ko-KR", "--image-property", "WINDOWS/LANGUAGES/DEFAULT=ko-KR",
		"--image-property", "WINDOWS/VERSION/MAJOR=10", "--image-property", "WINDOWS/VERSION/MINOR=0", "--image-property", "WINDOWS/VERSION/BUILD=26100", "--image-property", "WINDOWS/VERSION/SPBUILD=1742",
		"--image-property", "WINDOWS/VERSION/SPLEVEL=1",
	}
	wimlib(append([]string{"capture", "tree", "install.wim", "Windows Server 2025 SERVERSTANDARD"}, properties...)...)
	wimlib(append([]string{"append", "tree", "install.wim", "Windows Server 2025 SERVERDATACENTER"}, properties...)...)
	wimlib("export", "install.wim", "all", "install.esd", "--solid")
	wimlib("split", "install.wim", "install.swm", "0.001")
	checkParts(t, filepath.Join(dir, "install.swm"), filepath.Join(dir, "install2.swm"))
	for _, name := range []string{"install.wim", "install.esd", "install.swm"} {
		t.Run(name, func(t *testing.T) {
			b, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil {
				t.Fatal(err)
			}
			info, err := read(b)
			if err != nil {
				t.Fatal(err)
			}
			if len(info.Images) != 2 {
				t.Fatalf("%d images", len(info.Images))
			}
			got := info.Images[1]
			if got.TotalBytes < 300_000 {
				t.Errorf("%d bytes in all", got.TotalBytes)
			}
			got.TotalBytes = 0
			want := wim.Image{
				Index: 2, Name: "Windows Server 2025 SERVERDATACENTER", DisplayName: "Windows Server 2025 Standard 평가판", Flags: "ServerStandardEval",
				Architecture: "amd64", EditionID: "ServerStandardEval", InstallationType: "Server", Languages: []string{"ko-KR"}, DefaultLanguage: "ko-KR",
				Major: 10, Build: 26100, SPBuild: 1742, SPLevel: 1,
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// checkParts wants wimlib's first and second part to tell what they are.
func checkParts(t *testing.T, first, second string) {
	t.Helper()
	var parts []*wim.Info
	for _, path := range []string{first, second} {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		info, err := wim.ReadHeader(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			t.Fatal(err)
		}
		parts = append(parts, info)
	}
	a, b := parts[0], parts[1]
	if a.PartNumber != 1 || b.PartNumber != 2 || a.TotalParts < 2 || a.TotalParts != b.TotalParts || a.GUID != b.GUID || a.GUID == [16]byte{} {
		t.Errorf("the parts are %+v and %+v", a, b)
	}
}

func TestReadRefuses(t *testing.T) {
	whole := mediatest.WIM(mediatest.Server2022Eval()...)
	change := func(at int, b ...byte) []byte {
		c := bytes.Clone(whole)
		copy(c[at:], b)
		return c
	}
	size := binary.LittleEndian.AppendUint32(nil, 1<<30)
	for name, c := range map[string]struct {
		b    []byte
		want string
	}{
		"empty":          {nil, "not a WIM"},
		"another magic":  {change(0, 'X'), "not a WIM"},
		"another header": {change(8, 148), "header of 148"},
		"compressed XML": {change(0x48+7, 0x06), "must be plain"},
		"huge XML":       {change(0x48, size...), "more than"},
		"no XML":         {change(0x48, 0, 0, 0, 0, 0, 0, 0), "not finished"},
		"XML past end":   {change(0x50, size...), "the file ends"},
		"truncated":      {whole[:len(whole)-2], "the file ends"},
		"no BOM":         {change(wim.HeaderSize, 'x', 'y'), "byte order mark"},
		"bad XML":        {change(wim.HeaderSize+2, 'x'), "XML"},
		"count":          {change(0x2c, 9), "counts 9 images"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := read(c.b); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v; want %q", err, c.want)
			}
		})
	}
	if _, err := read([]byte("PK\x03\x04")); !errors.Is(err, wim.ErrNotWIM) {
		t.Error(err)
	}
}

func FuzzRead(f *testing.F) {
	f.Add(mediatest.WIM(mediatest.Server2022Eval()...))
	f.Add(mediatest.WIM(mediatest.Windows11("ko-KR")...))
	f.Add(mediatest.WIM())
	f.Fuzz(func(t *testing.T, b []byte) {
		info, err := read(b)
		if err != nil {
			return
		}
		for _, x := range info.Images {
			if x.Index < 1 || x.Build < 0 || x.TotalBytes < 0 {
				t.Errorf("%+v", x)
			}
		}
	})
}

// FuzzXML gives the XML alone, behind a right header.
func FuzzXML(f *testing.F) {
	f.Add(`<WIM><IMAGE INDEX="1"><NAME>x</NAME></IMAGE></WIM>`)
	f.Add(`<?xml version="1.0" encoding="UTF-16"?><WIM><IMAGE INDEX="1"><WINDOWS><ARCH>9</ARCH></WINDOWS></IMAGE></WIM>`)
	f.Fuzz(func(_ *testing.T, text string) {
		b := mediatest.WIM()[:wim.HeaderSize]
		b = append(b, 0xff, 0xfe)
		for _, r := range []byte(text) {
			b = append(b, r, 0)
		}
		le := binary.LittleEndian
		le.PutUint64(b[0x48:], uint64(len(b)-wim.HeaderSize)|0x02<<56)
		_, _ = read(b)
	})
}

// TestIndexes wants indexes from 1 on, each once.
func TestIndexes(t *testing.T) {
	many := make([]wim.Image, 1001)
	for i := range many {
		many[i].Index = i + 1
	}
	for name, c := range map[string]struct {
		images []wim.Image
		want   string
	}{
		"twice": {[]wim.Image{{Index: 1}, {Index: 1, Name: "b"}}, "two images have index 1"},
		"gap":   {[]wim.Image{{Index: 1}, {Index: 3, Name: "c"}}, "index 3 of 2"},
		"zero":  {[]wim.Image{{Index: 0}}, `index "0"`},
		"many":  {many, "more than 1000"},
	} {
		if _, err := read(mediatest.WIM(c.images...)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v; want %q", name, err, c.want)
		}
	}
	if info, err := read(mediatest.WIM(many[:1000]...)); err != nil || len(info.Images) != 1000 {
		t.Error(err)
	}
	if _, err := read(mediatest.WIM(wim.Image{Index: 2, Name: "second"}, wim.Image{Index: 1})); err != nil {
		t.Errorf("another order: %v", err)
	}
}
