package ntfs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// volume makes an NTFS volume with mkntfs and ntfscp, which need no root; a
// directory can only be made by a mount, so that tests with directories use
// the fixture of the package above.
func volume(t *testing.T, files map[string][]byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ntfs.img")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Truncate(32 << 20); err != nil {
		t.Fatal(err)
	}
	f.Close()
	run(t, "mkntfs", "-q", "-F", "-L", "Windows", path)
	for name, body := range files {
		src := filepath.Join(t.TempDir(), "src")
		if err := os.WriteFile(src, body, 0o600); err != nil {
			t.Fatal(err)
		}
		run(t, "ntfscp", "-q", "-f", path, src, name)
	}
	return path
}

func run(t *testing.T, name string, args ...string) {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		if path, err = exec.LookPath("/usr/sbin/" + name); err != nil {
			t.Fatalf("%s is missing: apt-get install ntfs-3g", name)
		}
	}
	if out, err := exec.Command(path, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
}

func open(t *testing.T, path string) *Volume {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	v, err := Open(context.Background(), f)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestReadsFilesOfTheRoot(t *testing.T) {
	files := map[string][]byte{"empty": {}, "small.txt": []byte("in the MFT"), "big.bin": bytes.Repeat([]byte("0123456789"), 200_000)}
	for i := range 200 { // more entries than the root node holds
		files[fmt.Sprintf("file%03d.dat", i)] = fmt.Appendf(nil, "%d", i)
	}
	v := open(t, volume(t, files))
	for name, want := range files {
		got, err := v.ReadFile(name, 1<<30)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
		}
	}
	list, err := v.ReadDir("")
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, e := range list {
		names[e.Name] = true
	}
	for name := range files {
		if !names[name] {
			t.Errorf("%s is not listed", name)
		}
	}
	if _, err := v.ReadFile("BIG.BIN", 100); err == nil || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file over the limit: %v", err)
	}
	if _, err := v.ReadFile("none", 100); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an absent file: %v", err)
	}
	if dirty, err := v.Dirty(); dirty || err != nil {
		t.Errorf("dirty %t, %v", dirty, err)
	}
}

// What cannot be read must not look as if it were not there.
func TestBrokenIndexIsNoAbsence(t *testing.T) {
	files := map[string][]byte{}
	for i := range 300 {
		files[fmt.Sprintf("file%03d.dat", i)] = []byte("x")
	}
	path := volume(t, files)
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	// Every index record loses its update sequence.
	for at := 0; at+4096 <= len(b); at += 512 {
		if string(b[at:at+4]) == "INDX" {
			b[at+510] ^= 0xff
		}
	}
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	v := open(t, path)
	if _, err := v.ReadFile("file123.dat", 10); err == nil || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file in a broken directory: %v", err)
	}
}

type failing struct{}

func (f *failing) ReadAt([]byte, int64) (int, error) { return 0, errors.New("disk on fire") }

func TestReadErrorIsKept(t *testing.T) {
	if _, err := Open(context.Background(), &failing{}); err == nil {
		t.Error("opened an unreadable volume")
	}
}

func TestNotNTFS(t *testing.T) {
	if _, err := Open(context.Background(), bytes.NewReader(make([]byte, 1<<20))); err == nil {
		t.Error("opened zeros")
	}
}
