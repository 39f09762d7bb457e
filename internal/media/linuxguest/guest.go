// Package linuxguest runs a shell script in a Linux virtual machine that has
// Linux's own UDF and ISO 9660 drivers: an independent judge of discs, and the
// one that fills fixtures. For tests only. The host's kernel need not have these
// drivers, nor need the test be root.
package linuxguest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/debian"
)

// Disk is a virtio disk of the guest: /dev/vda, /dev/vdb and so on.
type Disk struct {
	Path string
	// Format is raw or qcow2.
	Format   string
	Writable bool
}

// initScript runs the script between two marks on the serial port.
const initScript = `#!/bin/sh
/bin/busybox --install -s /bin
export PATH=/bin
mount -t devtmpfs dev /dev
mount -t proc proc /proc
mount -t sysfs sys /sys
for pass in 1 2 3 4 5; do for m in /modules/*.ko; do insmod $m 2>/dev/null; done; done
stty -F /dev/ttyS0 -opost
exec >/dev/ttyS0 2>&1
echo "guest script begins"
(. /script)
echo "guest script ends $?"
sync
poweroff -f
`

// modules are loaded, those that they need among them.
var modules = []string{
	"drivers/virtio/virtio", "drivers/virtio/virtio_ring", "drivers/virtio/virtio_pci_legacy_dev",
	"drivers/virtio/virtio_pci_modern_dev", "drivers/virtio/virtio_pci", "drivers/block/virtio_blk",
	"lib/crc-itu-t", "drivers/cdrom/cdrom", "fs/udf/udf", "fs/isofs/isofs", "fs/nls/nls_utf8",
}

var result = regexp.MustCompile(`(?s)guest script begins\n(.*)guest script ends (\d+)\n`)

// Run boots the guest, runs script with /bin/sh and gives what it printed. The
// test fails when the script does.
func Run(t testing.TB, script string, disks ...Disk) string {
	t.Helper()
	dir := t.TempDir()
	kernel, initrd := files(t, dir, script)
	serial := filepath.Join(dir, "serial")
	args := []string{
		"-machine", "q35,accel=tcg", "-cpu", "max", "-m", "384", "-display", "none", "-no-reboot", "-nic", "none",
		"-kernel", kernel, "-initrd", initrd, "-append", "console=ttyS1 no_timer_check quiet panic=-1", "-serial", "file:" + serial,
	}
	for _, d := range disks {
		readonly := "on"
		if d.Writable {
			readonly = "off"
		}
		args = append(args, "-drive", fmt.Sprintf("file=%s,format=%s,if=virtio,readonly=%s", d.Path, d.Format, readonly))
	}
	ctx, cancel := context.WithTimeout(context.Background(), 12*time.Minute) // half a minute on an idle host
	defer cancel()
	out, err := exec.CommandContext(ctx, need(t, "qemu-system-x86", "qemu-system-x86_64"), args...).CombinedOutput()
	printed, _ := os.ReadFile(serial)
	if err != nil {
		t.Fatalf("qemu: %v\n%s\n%s", err, out, printed)
	}
	m := result.FindStringSubmatch(string(printed))
	if m == nil || m[2] != "0" {
		t.Fatalf("the script in the Linux guest failed:\n%s", printed)
	}
	return m[1]
}

// Files gives the kernel and an initrd that runs script, for a test that boots
// them by other means. What the script prints comes between two marks.
func Files(t testing.TB, script string) (kernel, initrd string) {
	t.Helper()
	return files(t, t.TempDir(), script)
}

func files(t testing.TB, dir, script string) (kernel, initrd string) {
	t.Helper()
	k, err := debian.FetchKernel(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return k.Image, buildInitrd(t, dir, k.Modules, script)
}

func need(t testing.TB, debianPackage, tool string) string {
	t.Helper()
	path, err := exec.LookPath(tool)
	if err != nil {
		t.Fatalf("%s is not installed; it is in Debian's package %s", tool, debianPackage)
	}
	return path
}

func buildInitrd(t testing.TB, dir, kernelModules, script string) string {
	t.Helper()
	root := filepath.Join(dir, "root")
	write := func(name string, b []byte) {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, b, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	busybox, err := os.ReadFile(need(t, "busybox-static", "busybox"))
	if err != nil {
		t.Fatal(err)
	}
	write("bin/busybox", busybox)
	for _, m := range modules {
		found, err := filepath.Glob(filepath.Join(kernelModules, "kernel", m+".ko"))
		if err != nil || len(found) == 0 {
			continue // it is built in
		}
		b, err := os.ReadFile(found[0])
		if err != nil {
			t.Fatal(err)
		}
		write("modules/"+filepath.Base(m)+".ko", b)
	}
	write("init", []byte(initScript))
	if err := os.Symlink("busybox", filepath.Join(root, "bin/sh")); err != nil {
		t.Fatal(err)
	}
	write("script", []byte(script))
	for _, d := range []string{"dev", "proc", "sys", "mnt"} {
		if err := os.MkdirAll(filepath.Join(root, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	initrd := filepath.Join(dir, "initrd")
	cmd := exec.Command("sh", "-c", `find . | busybox cpio -o -H newc > "$0"`, initrd)
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("initrd: %v\n%s", err, out)
	}
	return initrd
}
