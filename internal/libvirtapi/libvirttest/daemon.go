// Package libvirttest gives tests a real libvirt: it sees to a running daemon, makes pools that vanish with the
// test, and builds guests of one boot sector that do what a test needs within a second or two, under QEMU's TCG.
//
// It is for tests alone.
package libvirttest

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/libvirtapi"
)

// packages is what a test machine needs.
const packages = "Debian packages libvirt-daemon-system, qemu-system-x86, qemu-utils, ovmf, swtpm, swtpm-tools, dnsmasq-base"

// URI gives the system's libvirt. When no daemon runs, root starts one (virtlogd -d, libvirtd -d), which goes on
// after the test; the test fails when there is none to start.
func URI(t testing.TB) string {
	t.Helper()
	const uri = "qemu:///system"
	err := reachable(uri)
	if err == nil {
		return uri
	}
	if !errors.Is(err, libvirtapi.ErrUnavailable) || os.Geteuid() != 0 {
		t.Fatalf("libvirt can't be used: %v (%s)", err, packages)
	}
	for _, daemon := range []string{"virtlogd", "libvirtd"} {
		path, lookErr := exec.LookPath(daemon)
		if lookErr != nil {
			t.Fatalf("%s is not installed: %s", daemon, packages)
		}
		// virtlogd may run already, and then says so.
		if out, startErr := exec.Command(path, "-d").CombinedOutput(); startErr != nil && daemon == "libvirtd" {
			t.Fatalf("%s -d: %v\n%s", daemon, startErr, out)
		}
	}
	deadline := time.Now().Add(2 * time.Minute)
	for err = reachable(uri); err != nil; err = reachable(uri) {
		if time.Now().After(deadline) {
			t.Fatalf("libvirtd was started and still does not answer: %v", err)
		}
		time.Sleep(200 * time.Millisecond)
	}
	return uri
}

func reachable(uri string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Second)
	defer cancel()
	c, err := libvirtapi.Connect(ctx, uri)
	if err != nil {
		return err
	}
	return c.Close()
}

// Connect opens a connection that is closed with the test.
func Connect(t testing.TB) *libvirtapi.Conn {
	t.Helper()
	c, err := libvirtapi.Connect(t.Context(), URI(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// Dir makes a folder that QEMU's user can enter, which t.TempDir's is not; removed with the test.
func Dir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/var/tmp", "wintemplate-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o711); err != nil { //nolint:gosec // QEMU runs as another user
		t.Fatal(err)
	}
	return filepath.Clean(dir)
}
