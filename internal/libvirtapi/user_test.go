//go:build linux

package libvirtapi_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/libvirtapi"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/libvirtapi/libvirttest"
)

// The test's second process is this binary, as another user.
const (
	envURI  = "WINTEMPLATE_TEST_USER_URI"
	envPool = "WINTEMPLATE_TEST_USER_POOL"
	nobody  = 65534
)

func TestMain(m *testing.M) {
	if uri := os.Getenv(envURI); uri != "" {
		if err := asUser(uri, os.Getenv(envPool)); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// asUser does with volumes what a build does, as a user who can't open them.
func asUser(uri, pool string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute) // ends what hangs
	defer cancel()
	c, err := libvirtapi.Connect(ctx, uri)
	if err != nil || pool == "" {
		return err
	}
	defer c.Close()
	data := bytes.Repeat([]byte("wintemplate"), 1<<20)
	raw, err := c.CreateVolume(ctx, pool, libvirtapi.VolumeSpec{Name: "up", Format: "raw", Capacity: uint64(len(data))})
	if err != nil {
		return err
	}
	if raw, err = c.UploadVolume(ctx, raw, bytes.NewReader(data), int64(len(data)), nil); err != nil {
		return err
	}
	if f, err := os.Open(raw.Path); err == nil {
		_ = f.Close()
		return errors.New("this user can open the volume itself, so the test proves nothing")
	}
	disk, err := c.CreateVolume(ctx, pool, libvirtapi.VolumeSpec{Name: "disk", Format: "qcow2", Capacity: 1 << 30})
	if err != nil {
		return err
	}
	small, err := c.CompactVolume(ctx, disk, pool, libvirtapi.VolumeSpec{Name: "small", Format: "qcow2"})
	if err != nil {
		return err
	}
	sum := sha256.New()
	if _, err := c.DownloadVolume(ctx, raw, sum, nil); err != nil {
		return err
	}
	if [32]byte(sum.Sum(nil)) != sha256.Sum256(data) {
		return errors.New("the download is not what was uploaded")
	}
	if _, err := c.DownloadVolume(ctx, small, io.Discard, nil); err != nil {
		return err
	}
	return errors.Join(c.DeleteVolume(ctx, raw), c.DeleteVolume(ctx, disk), c.DeleteVolume(ctx, small))
}

// runAs runs this binary as nobody.
func runAs(t *testing.T, uri, pool string) ([]byte, error) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root, to become another user")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	binary := filepath.Join(libvirttest.Dir(t), "user.test")
	b, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(binary, b, 0o755); err != nil { //nolint:gosec // run as another user
		t.Fatal(err)
	}
	cmd := exec.Command(binary)
	cmd.Dir = "/"
	cmd.Env = []string{envURI + "=" + uri, envPool + "=" + pool}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	return cmd.CombinedOutput()
}

func TestVolumesAsAnotherUser(t *testing.T) {
	p := libvirttest.NewProxy(t)
	pool, _ := libvirttest.Pool(t)
	if out, err := runAs(t, p.URI, pool); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestUserWithoutRightsIsToldTheGroup(t *testing.T) {
	socket := filepath.Join(libvirttest.Dir(t), "private")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if err := os.Chmod(socket, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := runAs(t, "qemu:///system?socket="+socket, "")
	if err == nil || !bytes.Contains(out, []byte("usermod -aG libvirt")) {
		t.Errorf("%v\n%s", err, out)
	}
}
