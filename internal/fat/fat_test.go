package fat

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

func tool(t testing.TB, pkg, name string, args ...string) {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		if path, err = exec.LookPath("/usr/sbin/" + name); err != nil {
			t.Fatalf("%s is missing: apt-get install %s", name, pkg)
		}
	}
	if out, err := exec.Command(path, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
}

// image makes a volume with mkfs.vfat and mtools.
func image(t testing.TB, size int64, options []string, dirs []string, files map[string][]byte) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "fat.img")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(f.Truncate(size), f.Close()); err != nil {
		t.Fatal(err)
	}
	tool(t, "dosfstools", "mkfs.vfat", append(options, path)...)
	for _, dir := range dirs {
		tool(t, "mtools", "mmd", "-i", path, "::"+dir)
	}
	for name, body := range files {
		source := filepath.Join(t.TempDir(), "source")
		if err := os.WriteFile(source, body, 0o600); err != nil {
			t.Fatal(err)
		}
		tool(t, "mtools", "mcopy", "-i", path, source, "::"+name)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestReadsWhatMtoolsWrites(t *testing.T) {
	big := make([]byte, 300_000)
	for i := range big {
		big[i] = byte(i * 7 >> 3)
	}
	files := map[string][]byte{
		"EFI/BOOT/BOOTX64.EFI":                             big,
		"EFI/BOOT/a name that is long and has ümläüts.efi": []byte("long"),
		"EMPTY": {},
	}
	for i := range 40 { // a directory of more than one cluster
		files[fmt.Sprintf("EFI/BOOT/another name which is quite long %02d.txt", i)] = fmt.Appendf(nil, "%d", i)
	}
	for _, c := range []struct {
		bits    int
		size    int64
		options []string
	}{
		{12, 1474560, nil}, {16, 16 << 20, []string{"-F", "16"}}, {32, 40 << 20, []string{"-F", "32", "-s", "1"}},
	} {
		b := image(t, c.size, c.options, []string{"EFI", "EFI/BOOT"}, files)
		v, err := Open(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			t.Fatal(err)
		}
		if v.Bits() != c.bits {
			t.Errorf("FAT%d, want FAT%d", v.Bits(), c.bits)
		}
		for name, want := range files {
			got, err := v.ReadFile(name, 1<<20)
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("FAT%d %s: %d bytes, %v", c.bits, name, len(got), err)
			}
		}
		if got, err := v.ReadFile(`\efi\Boot\bootx64.efi`, 1<<20); err != nil || !bytes.Equal(got, big) {
			t.Errorf("FAT%d: case or backslashes matter: %v", c.bits, err)
		}
		if list, err := v.List("EFI/BOOT"); err != nil || len(list) != 42 {
			t.Errorf("FAT%d: %d entries, %v", c.bits, len(list), err)
		}
		if list, err := v.List("."); err != nil || len(list) != 2 {
			t.Errorf("FAT%d: %d entries in the root, %v", c.bits, len(list), err)
		}
		if _, err := v.ReadFile("EFI/BOOT/BOOTX64.EFI", 10); err == nil || errors.Is(err, fs.ErrNotExist) {
			t.Errorf("FAT%d: over the limit: %v", c.bits, err)
		}
		for _, none := range []string{"none", "EFI/none", "EMPTY/x"} {
			if _, err := v.Open(none); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("FAT%d %s: %v", c.bits, none, err)
			}
		}
	}
}

func TestBrokenChainIsAnError(t *testing.T) {
	b := image(t, 1474560, nil, nil, map[string][]byte{"A": make([]byte, 5000)})
	clear(b[512+3 : 512+512]) // the first table, behind its two reserved entries
	v, err := Open(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := v.ReadFile("A", 1<<20); !errors.Is(err, ErrCorrupt) {
		t.Errorf("a file whose chain is broken: %v", err)
	}
	for _, n := range []int{0, 511, 512, 1024} {
		if _, err := Open(bytes.NewReader(b[:n]), int64(n)); err == nil {
			t.Errorf("opened %d bytes", n)
		}
	}
	if _, err := Open(bytes.NewReader(make([]byte, 4096)), 4096); !errors.Is(err, ErrNotFAT) {
		t.Errorf("zeros: %v", err)
	}
}

func FuzzVolume(f *testing.F) {
	b := image(f, 1<<20, nil, []string{"EFI"}, map[string][]byte{"EFI/A": []byte("x")})
	f.Add(b[:64<<10])
	f.Fuzz(func(_ *testing.T, b []byte) {
		v, err := Open(bytes.NewReader(b), 1<<20)
		if err != nil {
			return
		}
		_, _ = v.List(".")
		_, _ = v.ReadFile("EFI/A", 1<<20)
	})
}
