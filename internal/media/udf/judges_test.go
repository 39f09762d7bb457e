package udf

import (
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/media/linuxguest"
)

// TestOthersReadEmbeddedDirectories has 7-Zip, and Linux's driver in a guest,
// read discs whose directories lie in their entries, plain ones and extended
// ones, after an edit that leaves them there and after one that moves them out.
func TestOthersReadEmbeddedDirectories(t *testing.T) {
	if testing.Short() {
		t.Skip("boots a virtual machine")
	}
	if _, err := exec.LookPath("7z"); err != nil {
		t.Fatal("7z is not installed; it is in Debian's package p7zip-full")
	}
	var disks []linuxguest.Disk
	var wants []map[string]string
	script := "set -e\n"
	for _, extended := range []bool{false, true} {
		for _, add := range []int{1, 60} {
			disc, want := embeddedEdit(t, extended, add)
			path := filepath.Join(t.TempDir(), "disc.iso")
			if err := os.WriteFile(path, disc, 0o600); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, extractedBy7z(t, path)); diff != "" {
				t.Errorf("7z, extended %t, %d files:\n%s", extended, add, diff)
			}
			script += fmt.Sprintf("mount -t udf -o ro,utf8 /dev/vd%c /mnt; echo '== %d'; cd /mnt; find . -type f -exec md5sum {} +; cd /; umount /mnt\n",
				'a'+len(disks), len(disks))
			disks, wants = append(disks, linuxguest.Disk{Path: path, Format: "raw"}), append(wants, want)
		}
	}
	printed := strings.Split(linuxguest.Run(t, script, disks...), "== ")[1:]
	for i, want := range wants {
		got := map[string]string{}
		_, lines, _ := strings.Cut(printed[i], "\n")
		for line := range strings.Lines(lines) {
			sum, name, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "  ./")
			got[name] = sum
		}
		sums := map[string]string{}
		for name, content := range want {
			sum := md5.Sum([]byte(content))
			sums[name] = hex.EncodeToString(sum[:])
		}
		if diff := cmp.Diff(sums, got); diff != "" {
			t.Errorf("Linux, disc %d:\n%s", i, diff)
		}
	}
}

func extractedBy7z(t *testing.T, disc string) map[string]string {
	t.Helper()
	dir := t.TempDir()
	if out, err := exec.Command("7z", "x", "-o"+dir, disc).CombinedOutput(); err != nil {
		t.Fatalf("7z: %v\n%s", err, out)
	}
	got := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		name, _ := filepath.Rel(dir, path)
		got[filepath.ToSlash(name)] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}
