package fat_test

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/media/fat"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/media/mediatest"
)

func tool(t *testing.T, debian, name string, args ...string) {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("%s is not installed; it is in Debian's package %s", name, debian)
	}
	if out, err := exec.Command(path, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
}

// TestReadsWhatMtoolsWrote reads FAT12, 16 and 32.
func TestReadsWhatMtoolsWrote(t *testing.T) {
	program := bytes.Repeat([]byte("program "), 30_000)
	for _, c := range []struct {
		bits string
		size int64
	}{{"12", 1474560}, {"16", 20 << 20}, {"32", 64 << 20}} {
		t.Run("FAT"+c.bits, func(t *testing.T) {
			dir := t.TempDir()
			image, file := filepath.Join(dir, "image"), filepath.Join(dir, "file")
			for path, b := range map[string][]byte{image: nil, file: program} {
				if err := os.WriteFile(path, b, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.Truncate(image, c.size); err != nil {
				t.Fatal(err)
			}
			options := []string{"-F", c.bits}
			if c.bits == "32" {
				options = append(options, "-s", "1")
			}
			tool(t, "dosfstools", "mkfs.vfat", append(options, image)...)
			tool(t, "mtools", "mmd", "-i", image, "::/EFI", "::/EFI/BOOT")
			tool(t, "mtools", "mcopy", "-i", image, file, "::/EFI/BOOT/BOOTX64.EFI")
			tool(t, "mtools", "mcopy", "-i", image, file, "::/EFI/BOOT/another name.txt")
			b, err := os.ReadFile(image)
			if err != nil {
				t.Fatal(err)
			}
			v, err := fat.Open(bytes.NewReader(b), int64(len(b)))
			if err != nil {
				t.Fatal(err)
			}
			r, err := v.Open("efi/boot/bootx64.efi")
			if err != nil {
				t.Fatal(err)
			}
			if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, program) {
				t.Errorf("%d bytes, %v", len(got), err)
			}
			if _, err := v.Open("EFI/BOOT/NONE.EFI"); !errors.Is(err, fs.ErrNotExist) {
				t.Error(err)
			}
			if list, err := v.List("EFI/BOOT"); err != nil || len(list) != 2 {
				t.Errorf("%+v, %v", list, err)
			}
		})
	}
}

func TestNotFAT(t *testing.T) {
	for _, b := range [][]byte{nil, []byte("x"), make([]byte, 4096)} {
		if _, err := fat.Open(bytes.NewReader(b), int64(len(b))); !errors.Is(err, fat.ErrNotFAT) {
			t.Errorf("%d bytes: %v", len(b), err)
		}
	}
}

func Fuzz(f *testing.F) {
	image := mediatest.BootImage(mediatest.Program("x"))[:64<<10]
	image[19], image[20] = 128, 0 // sectors
	f.Add(uint16(11), []byte{0, 2})
	f.Add(uint16(512), []byte{0xf0, 0xff, 0xff, 2, 0x20})
	f.Fuzz(func(t *testing.T, at uint16, change []byte) {
		b := bytes.Clone(image)
		copy(b[at:], change)
		v, err := fat.Open(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			return
		}
		_, _ = v.List("EFI/BOOT")
		r, err := v.Open("EFI/BOOT/BOOTX64.EFI")
		if err != nil {
			return
		}
		if got, err := io.ReadAll(r); err == nil && len(got) > len(b) {
			t.Fatalf("%d bytes in an image of %d", len(got), len(b))
		}
	})
}
