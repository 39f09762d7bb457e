// Package disktest makes disk images with Windows' layouts for tests, by the
// tools of others (sgdisk, mkntfs, wimlib, mkfs.vfat, mtools, qemu-img) and
// without root: wimlib writes whole trees into an unmounted NTFS volume.
package disktest

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// Disk says what a disk holds. Paths have slashes.
type Disk struct {
	// Firmware is uefi (GPT: ESP, MSR, Windows) or bios (MBR: active system
	// partition, Windows).
	Firmware string
	// System are the files of the ESP, or of the active partition.
	System map[string][]byte
	// Windows are the files of drive C:.
	Windows map[string][]byte
	// Root is a folder that is copied to drive C: first; may be empty.
	Root string
	// Dirty marks drive C: as not cleanly unmounted.
	Dirty bool
	// Behind is the type of one more partition of 1 MiB behind drive C:, in
	// sgdisk's four digits (2700 recovery, 0700 data), whose first two are the
	// type on an MBR.
	Behind string
	// ESPOptions are given to mkfs.vfat in place of -F 32.
	ESPOptions []string
}

const (
	mib         = 1 << 20
	systemSize  = 40 * mib
	windowsSize = 64 * mib
	systemAt    = 1 * mib
	windowsAt   = systemAt + systemSize + 1*mib // 1 MiB for the MSR
	behindAt    = windowsAt + windowsSize
	diskSize    = behindAt + 2*mib // one for a partition behind Windows
)

// Raw writes the disk as a raw image into dir and gives its path.
func (d Disk) Raw(t testing.TB, dir string) string {
	t.Helper()
	system := filepath.Join(dir, "system.img")
	windows := d.ntfs(t, dir, "windows", d.Root, d.Windows, windowsSize)
	if d.Dirty {
		markDirty(t, windows)
	}
	raw := filepath.Join(dir, "disk.raw")
	sparse(t, raw, diskSize)
	if d.Firmware == "uefi" {
		d.esp(t, system)
		args := []string{
			"-a", "8",
			"-n", sectors(1, systemAt, systemSize), "-t", "1:ef00", "-c", "1:EFI system partition",
			"-n", sectors(2, systemAt+systemSize, mib), "-t", "2:0c01",
			"-n", sectors(3, windowsAt, windowsSize), "-t", "3:0700",
		}
		if d.Behind != "" {
			args = append(args, "-n", sectors(4, behindAt, mib), "-t", "4:"+d.Behind)
		}
		Run(t, "gdisk", "sgdisk", append(args, raw)...)
	} else {
		system = d.ntfs(t, dir, "system", "", d.System, systemSize)
		writeMBR(t, raw, d.Behind)
	}
	place(t, raw, system, systemAt)
	place(t, raw, windows, windowsAt)
	return raw
}

// Qcow2 writes the disk as a compressed qcow2, as a build leaves it.
func (d Disk) Qcow2(t testing.TB, dir string) string {
	t.Helper()
	out := filepath.Join(dir, "disk.qcow2")
	Run(t, "qemu-utils", "qemu-img", "convert", "-c", "-f", "raw", "-O", "qcow2", d.Raw(t, dir), out)
	return out
}

// made keeps ESPs by their content: most disks of a test have the same one.
var made sync.Map

func (d Disk) esp(t testing.TB, path string) {
	t.Helper()
	key := fmt.Sprint(d.ESPOptions, d.System)
	b, ok := made.Load(key)
	if !ok {
		d.makeESP(t, path)
		image, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		made.Store(key, image)
		return
	}
	if err := os.WriteFile(path, b.([]byte), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (d Disk) makeESP(t testing.TB, path string) {
	t.Helper()
	sparse(t, path, systemSize)
	options := d.ESPOptions
	if options == nil {
		options = []string{"-F", "32", "-s", "1"}
	}
	Run(t, "dosfstools", "mkfs.vfat", append(slices.Clone(options), path)...)
	folders := map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(d.System)) {
		parts := strings.Split(name, "/")
		for i := 1; i < len(parts); i++ {
			if dir := strings.Join(parts[:i], "/"); !folders[dir] {
				folders[dir] = true
				Run(t, "mtools", "mmd", "-i", path, "::"+dir)
			}
		}
		src := filepath.Join(t.TempDir(), "src")
		if err := os.WriteFile(src, d.System[name], 0o600); err != nil {
			t.Fatal(err)
		}
		Run(t, "mtools", "mcopy", "-i", path, src, "::"+name)
	}
}

func (d Disk) ntfs(t testing.TB, dir, name, root string, files map[string][]byte, size int64) string {
	t.Helper()
	tree := filepath.Join(dir, name+".tree")
	if root != "" {
		if err := os.CopyFS(tree, os.DirFS(root)); err != nil {
			t.Fatal(err)
		}
	}
	for path, body := range files {
		file := filepath.Join(tree, filepath.FromSlash(path))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, body, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(tree, 0o755); err != nil {
		t.Fatal(err)
	}
	volume, wim := filepath.Join(dir, name+".ntfs"), filepath.Join(dir, name+".wim")
	sparse(t, volume, size)
	Run(t, "ntfs-3g", "mkntfs", "-q", "-F", "-p", fmt.Sprint(windowsAt/512), "-H", "255", "-S", "63", volume)
	Run(t, "wimtools", "wimlib-imagex", "capture", tree, wim, "--compress=none", "--no-acls")
	Run(t, "wimtools", "wimlib-imagex", "apply", wim, "1", volume, "--no-acls")
	if err := os.RemoveAll(tree); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(wim); err != nil {
		t.Fatal(err)
	}
	return volume
}

// Run runs a tool and fails the test, naming the Debian package when the tool
// is not there.
func Run(t testing.TB, pkg, name string, args ...string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		if path, err = exec.LookPath("/usr/sbin/" + name); err != nil {
			t.Fatalf("%s is missing: apt-get install %s", name, pkg)
		}
	}
	out, err := exec.Command(path, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

func sectors(number int, at, size int64) string {
	return fmt.Sprintf("%d:%d:%d", number, at/512, (at+size)/512-1)
}

func sparse(t testing.TB, path string, size int64) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Truncate(size); err != nil {
		t.Fatal(err)
	}
}

// place copies a volume into a disk, leaving zeros out.
func place(t testing.TB, disk, volume string, at int64) {
	t.Helper()
	b, err := os.ReadFile(volume)
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(disk, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	zeros := make([]byte, 64<<10)
	for i := 0; i < len(b); i += len(zeros) {
		part := b[i:min(i+len(zeros), len(b))]
		if bytes.Equal(part, zeros[:len(part)]) {
			continue
		}
		if _, err := f.WriteAt(part, at+int64(i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Remove(volume); err != nil {
		t.Fatal(err)
	}
}
