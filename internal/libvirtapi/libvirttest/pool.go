package libvirttest

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// Pool makes a transient pool over a folder of its own and gives its name and the folder. Both vanish with the test.
// It is made with virsh, not with what is tested.
func Pool(t testing.TB) (name, dir string) {
	t.Helper()
	dir = Dir(t)
	name = strings.TrimPrefix(dir, "/var/tmp/")
	Virsh(t, "pool-create-as", name, "dir", "--target", dir)
	t.Cleanup(func() { _ = exec.Command("virsh", "-c", "qemu:///system", "pool-destroy", name).Run() })
	return name, dir
}

// SmallPool is a Pool over a file system of its own with this size, as mount(8) writes it. Only root can mount it;
// for others the test is skipped.
func SmallPool(t testing.TB, size string) (name, dir string) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root: it mounts a small file system")
	}
	name, dir = Pool(t)
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size="+size+",mode=0711", "tmpfs", dir).CombinedOutput(); err != nil {
		t.Fatalf("mount: %v\n%s", err, out)
	}
	t.Cleanup(func() { _ = exec.Command("umount", "-l", dir).Run() })
	return name, dir
}

// Virsh runs libvirt's own client, the judge of what was done, and gives its output.
func Virsh(t testing.TB, args ...string) string {
	t.Helper()
	path, err := exec.LookPath("virsh")
	if err != nil {
		t.Fatal("virsh is not installed: Debian package libvirt-clients")
	}
	cmd := exec.Command(path, append([]string{"-c", "qemu:///system"}, args...)...)
	cmd.Env = append(cmd.Environ(), "LC_ALL=C")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("virsh %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}
