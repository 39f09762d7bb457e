package wimfile

import (
	"bytes"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// capture makes a WIM by wimlib, which is other people's code.
func capture(t *testing.T, tree map[string]string, options ...string) string {
	t.Helper()
	dir := t.TempDir()
	for name, body := range tree {
		path := filepath.Join(dir, "tree", name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(body), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	wim := filepath.Join(dir, "x.wim")
	args := append([]string{"capture", filepath.Join(dir, "tree"), wim, "First", "Its description"}, options...)
	out, err := exec.Command("wimlib-imagex", args...).CombinedOutput()
	if err != nil {
		t.Fatalf("wimlib-imagex (package wimtools): %v\n%s", err, out)
	}
	return wim
}

var tree = map[string]string{
	"Windows/System32/ntoskrnl.exe": "kernel",
	"Windows/System32/copy.exe":     "kernel",
	"Windows/empty":                 "",
	"Users/관리자/문서.txt":              "unicode",
	"top":                           "a file at the top",
}

func open(t *testing.T, path string) *File {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	wim, err := Open(f)
	if err != nil {
		t.Fatal(err)
	}
	return wim
}

func TestWalkFindsWhatWimlibWrote(t *testing.T) {
	wim := open(t, capture(t, tree, "--compress=none",
		"--image-property=WINDOWS/EDITIONID=ServerStandard", "--image-property=WINDOWS/VERSION/BUILD=20348"))
	if len(wim.Images) != 1 || wim.Images[0].Name != "First" || wim.Images[0].EditionID != "ServerStandard" || wim.Images[0].Build != 20348 || wim.Images[0].Index != 1 {
		t.Errorf("images %+v", wim.Images)
	}
	found := map[string]string{}
	folders := map[string]bool{}
	err := wim.Walk(1, func(path string, content *io.SectionReader) error {
		if content == nil {
			folders[path] = true
			return nil
		}
		if dir := filepath.Dir(path); dir != "." && !folders[dir] {
			t.Errorf("%s comes before its folder", path)
		}
		body, err := io.ReadAll(content)
		found[path] = string(body)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if !maps.Equal(found, tree) {
		t.Errorf("found %q", found)
	}
	if err := wim.Walk(2, func(string, *io.SectionReader) error { return nil }); err == nil {
		t.Error("image 2 of 1 was walked")
	}
}

func TestRefusals(t *testing.T) {
	compressed, err := os.ReadFile(capture(t, map[string]string{"a": string(bytes.Repeat([]byte("a"), 1<<16))}, "--compress=LZX"))
	if err != nil {
		t.Fatal(err)
	}
	good, err := os.ReadFile(capture(t, tree, "--compress=none"))
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{
		"compressed": compressed,
		"no WIM":     bytes.Repeat([]byte{0}, 4096),
		"short":      good[:100],
		"cut off":    good[:len(good)/2],
	} {
		if _, err := Open(bytes.NewReader(data)); err == nil {
			t.Errorf("%s: opened", name)
		}
	}
}
