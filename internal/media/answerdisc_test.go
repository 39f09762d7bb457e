package media_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/media"
)

func answerFiles() []media.DiscFile {
	long := strings.Repeat("long name ", 6) + "x64" // 63 characters, the extension makes 64 with one less
	files := []media.DiscFile{
		media.BytesFile("Autounattend.xml", []byte("<unattend/>")),
		media.BytesFile("wintemplate/bootstrap.ps1", bytes.Repeat([]byte("a"), 5000)),
		media.BytesFile("wintemplate/bootstrap.json", []byte("{}")),
		media.BytesFile("wintemplate/bootstrap.js", []byte("a name that begins another")),
		media.BytesFile("wintemplate/payload/한국어 설치 파일.msi", []byte("한국어")),
		media.BytesFile("wintemplate/payload/Überprüfung.exe", []byte("Ü")),
		media.BytesFile("wintemplate/payload/A name, with (signs) & v1.2.3.4_x64.msi", []byte("4")),
		media.BytesFile("wintemplate/payload/A name, with (signs) & v1.2.3.5_x64.msi", []byte("5")),
		media.BytesFile("wintemplate/payload/"+long[:60]+".msi", []byte("long")),
		media.BytesFile("wintemplate/payload/no-extension", []byte("n")),
		media.BytesFile("wintemplate/payload/empty.bin", nil),
		media.BytesFile("wintemplate/payload/two sectors.bin", bytes.Repeat([]byte{7}, 4096)),
		media.BytesFile("$WinPEDriver$/NetKVM/netkvm.inf", []byte("[Version]")),
		media.BytesFile("$WinPEDriver$/NetKVM/netkvmco.exe", []byte("MZ")),
		media.BytesFile("$WinPEDriver$/viostor/viostor.sys", []byte("MZ")),
	}
	for i := range 300 { // a directory of several sectors
		files = append(files, media.BytesFile(fmt.Sprintf("drivers/viostor/a file with a rather long name %d.dat", i), []byte{byte(i)}))
	}
	return files
}

func writeAnswerDisc(t *testing.T, files []media.DiscFile) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "answer.iso")
	if err := media.WriteAnswerDisc(context.Background(), out, "WINTEMPLATE", files); err != nil {
		t.Fatal(err)
	}
	return out
}

// TestAnswerDiscJudges has 7z, xorriso and isoinfo read the disc back: every
// name as it was given, every byte.
func TestAnswerDiscJudges(t *testing.T) {
	files := answerFiles()
	disc := writeAnswerDisc(t, files)
	extractors := map[string]func(dir string){
		"7z": func(dir string) { run(t, "p7zip-full", "7z", "x", "-o"+dir, disc) },
		"xorriso": func(dir string) {
			run(t, "xorriso", "xorriso", "-osirrox", "on", "-indev", disc, "-extract", "/", dir)
		},
	}
	for name, extract := range extractors {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "out")
			extract(dir)
			compareTree(t, dir, files)
		})
	}
	t.Run("isoinfo", func(t *testing.T) {
		list := run(t, "genisoimage", "isoinfo", "-J", "-f", "-i", disc)
		for _, f := range files {
			ascii := !strings.ContainsFunc(f.Path, func(r rune) bool { return r > 0x7f }) // it prints no others
			if ascii && !slices.Contains(strings.Split(list, "\n"), "/"+f.Path) {
				t.Errorf("isoinfo doesn't list %s", f.Path)
			}
		}
		volume := run(t, "genisoimage", "isoinfo", "-d", "-i", disc)
		for _, want := range []string{"Volume id: WINTEMPLATE\n", "Joliet with UCS level 3 found", "NO Rock Ridge present"} {
			if !strings.Contains(volume, want) {
				t.Errorf("isoinfo lacks %q:\n%s", want, volume)
			}
		}
	})
}

// compareTree compares the files below dir with files: names and content.
func compareTree(t *testing.T, dir string, files []media.DiscFile) {
	t.Helper()
	var want, got []string
	for _, f := range files {
		want = append(want, f.Path)
		b, err := os.ReadFile(filepath.Join(dir, f.Path))
		if err != nil || !bytes.Equal(b, content(t, &f)) {
			t.Errorf("%s: %d bytes of %d, %v", f.Path, len(b), f.Size, err)
		}
	}
	err := filepath.Walk(dir, func(p string, info os.FileInfo, err error) error {
		if err == nil && !info.IsDir() {
			rel, _ := filepath.Rel(dir, p)
			got = append(got, rel)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(want, got) {
		t.Errorf("%d files, want %d", len(got), len(want))
	}
}

func TestAnswerDiscHasNoUDF(t *testing.T) {
	b, err := os.ReadFile(writeAnswerDisc(t, answerFiles()))
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(b[:64<<10], []byte("NSR0")) || bytes.Contains(b[:64<<10], []byte("BEA01")) {
		t.Error("the disc announces UDF")
	}
}

func TestAnswerDiscIsDeterministic(t *testing.T) {
	files := answerFiles()
	first, err := os.ReadFile(writeAnswerDisc(t, files))
	if err != nil {
		t.Fatal(err)
	}
	slices.Reverse(files)
	second, err := os.ReadFile(writeAnswerDisc(t, files))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(first, second) {
		t.Error("the same files in another order give other bytes")
	}
}

func TestAnswerDiscRefuses(t *testing.T) {
	lying := func(announced, actual int64) media.DiscFile {
		return media.DiscFile{Path: "payload.msi", Size: announced, Open: func() (io.ReadCloser, error) {
			return io.NopCloser(io.LimitReader(zeros{}, actual)), nil
		}}
	}
	one := func(path string) []media.DiscFile { return []media.DiscFile{media.BytesFile(path, []byte("x"))} }
	canceled, cancel := context.WithCancel(context.Background())
	cancel()
	for name, c := range map[string]struct {
		ctx   context.Context
		label string
		files []media.DiscFile
		want  string
	}{
		"escape":        {nil, "", one("../x"), "no relative path"},
		"absolute":      {nil, "", one("/x"), "no relative path"},
		"backslash":     {nil, "", one(`a\b`), "Joliet doesn't hold"},
		"colon":         {nil, "", one("a:b"), "Joliet doesn't hold"},
		"pipe":          {nil, "", one("a|b"), "Windows doesn't allow"},
		"folder's name": {nil, "", one("a<b>/c"), "Windows doesn't allow"},
		"beyond UCS-2":  {nil, "", one("😀.txt"), "Joliet doesn't hold"},
		"long name":     {nil, "", one(strings.Repeat("x", 65)), "Joliet holds 64"},
		"deep":          {nil, "", one("1/2/3/4/5/6/7/8"), "deeper"},
		"twice":         {nil, "", append(one("a/B.txt"), one("A/b.TXT")...), "twice"},
		"file and dir":  {nil, "", append(one("a/b"), one("a/b/c")...), "also a directory"},
		"large":         {nil, "", []media.DiscFile{lying(4<<30, 1)}, "4 GiB"},
		"shrinks":       {nil, "", []media.DiscFile{lying(10_000, 9_000)}, "did it change"},
		"grows":         {nil, "", []media.DiscFile{lying(10_000, 10_001)}, "did it change"},
		"label":         {nil, "win template", one("x"), "label"},
		"canceled":      {canceled, "", []media.DiscFile{lying(10_000, 10_000)}, "canceled"},
		"unopenable":    {nil, "", []media.DiscFile{{Path: "gone.msi", Size: 1, Open: func() (io.ReadCloser, error) { return nil, os.ErrNotExist }}}, "gone.msi"},
		"two at a time": {nil, "", append(one("../x"), one("a:b")...), "a:b"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			ctx, label := c.ctx, c.label
			if ctx == nil {
				ctx = context.Background()
			}
			if label == "" {
				label = "WINTEMPLATE"
			}
			err := media.WriteAnswerDisc(ctx, filepath.Join(dir, "out.iso"), label, c.files)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v; want %q", err, c.want)
			}
			if left, _ := os.ReadDir(dir); len(left) > 0 {
				t.Errorf("%s was left behind", left[0].Name())
			}
		})
	}
	if err := media.WriteAnswerDisc(context.Background(), filepath.Join(t.TempDir(), "no", "dir", "x.iso"), "WINTEMPLATE", one("x")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no folder: %v", err)
	}
}
