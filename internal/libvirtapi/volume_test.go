//go:build linux

package libvirtapi_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/libvirtapi"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/libvirtapi/libvirttest"
)

// qemuImg runs the judge of disk images.
func qemuImg(t *testing.T, args ...string) []byte {
	t.Helper()
	path, err := exec.LookPath("qemu-img")
	if err != nil {
		t.Fatal("qemu-img is not installed: Debian package qemu-utils")
	}
	out, err := exec.Command(path, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("qemu-img %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

func noise(t *testing.T, n int) []byte {
	t.Helper()
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return b
}

func TestVolumeRoundTrip(t *testing.T) {
	c := libvirttest.Connect(t)
	pool, dir := libvirttest.Pool(t)
	ctx := within(t)
	// More than a packet, and not a multiple of anything.
	data := noise(t, 9<<20+123)
	v, err := c.CreateVolume(ctx, pool, libvirtapi.VolumeSpec{Name: "a b&c.iso", Format: "raw", Capacity: uint64(len(data)), Mode: "0644"})
	if err != nil {
		t.Fatal(err)
	}
	var told []int64
	v, err = c.UploadVolume(ctx, v, bytes.NewReader(data), int64(len(data)), func(n int64) { told = append(told, n) })
	if err != nil {
		t.Fatal(err)
	}
	if v.Pool != pool || v.Path != filepath.Join(dir, "a b&c.iso") || v.Physical != uint64(len(data)) {
		t.Errorf("%+v", v)
	}
	if len(told) == 0 || told[len(told)-1] != int64(len(data)) {
		t.Errorf("progress %v", told)
	}
	onDisk, err := os.ReadFile(v.Path)
	if err != nil {
		t.Fatal(err)
	}
	if sha256.Sum256(onDisk) != sha256.Sum256(data) {
		t.Error("the file is not what was uploaded")
	}
	if fi, _ := os.Stat(v.Path); fi.Mode().Perm() != 0o644 {
		t.Errorf("mode %04o", fi.Mode().Perm())
	}
	sum := sha256.New()
	n, err := c.DownloadVolume(ctx, v, sum, nil)
	if err != nil || n != int64(len(data)) || [32]byte(sum.Sum(nil)) != sha256.Sum256(data) {
		t.Errorf("download: %d bytes, %v, equal %v", n, err, [32]byte(sum.Sum(nil)) == sha256.Sum256(data))
	}
	if _, err := c.CreateVolume(ctx, pool, libvirtapi.VolumeSpec{Name: "a b&c.iso", Format: "raw", Capacity: 1}); !errors.Is(err, libvirtapi.ErrExists) {
		t.Errorf("made twice: %v", err)
	}
	byName, err := c.LookupVolume(ctx, pool, "a b&c.iso")
	byPath, errPath := c.LookupVolumePath(ctx, v.Path)
	if err != nil || errPath != nil || byName != v || byPath != v {
		t.Errorf("by name %+v, %v; by path %+v, %v", byName, err, byPath, errPath)
	}
	if names, err := c.VolumeNames(ctx, pool); err != nil || len(names) != 1 || names[0] != v.Name {
		t.Errorf("names %q, %v", names, err)
	}
	for range 2 {
		if err := c.DeleteVolume(ctx, v); err != nil {
			t.Error(err)
		}
	}
	if _, err := os.Stat(v.Path); err == nil {
		t.Error("the file is still there")
	}
	if _, err := c.LookupVolume(ctx, pool, v.Name); !errors.Is(err, libvirtapi.ErrNotFound) {
		t.Errorf("lookup of what is deleted: %v", err)
	}
}

// An overlay over a base, half of its content freed again, becomes one small qcow2 with the same content.
func TestCompactVolume(t *testing.T) {
	c := libvirttest.Connect(t)
	pool, dir := libvirttest.Pool(t)
	ctx := within(t)
	base, fat := filepath.Join(dir, "base.qcow2"), filepath.Join(dir, "fat.qcow2")
	qemuImg(t, "create", "-q", "-f", "qcow2", base, "1G")
	qemuIO(t, base, "write -P 0x11 0 8M")
	qemuImg(t, "create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", base, fat)
	qemuIO(t, fat, "write -P 0x22 8M 40M", "write -z 16M 32M", "write -P 0 64M 16M")
	if _, err := c.RefreshPool(ctx, pool); err != nil {
		t.Fatal(err)
	}
	src, err := c.LookupVolume(ctx, pool, "fat.qcow2")
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.CompactVolume(ctx, src, pool, libvirtapi.VolumeSpec{Name: "small.qcow2", Format: "qcow2"})
	if err != nil {
		t.Fatal(err)
	}
	if out.Capacity != 1<<30 || out.Physical >= src.Physical || out.Format != "qcow2" {
		t.Errorf("from %+v to %+v", src, out)
	}
	qemuImg(t, "compare", fat, out.Path)
	qemuImg(t, "check", "-q", out.Path)
	var info struct {
		Backing string `json:"backing-filename"`
		Details struct {
			Data struct{ Compat string }
		} `json:"format-specific"`
	}
	if err := json.Unmarshal(qemuImg(t, "info", "--output=json", out.Path), &info); err != nil {
		t.Fatal(err)
	}
	if info.Backing != "" || info.Details.Data.Compat != "1.1" {
		t.Errorf("%+v", info)
	}
}

// A build that is interrupted while the host compacts can take the half-made volume back, as soon as the host is done.
func TestCompactGivenUp(t *testing.T) {
	c := libvirttest.Connect(t)
	pool, dir := libvirttest.Pool(t)
	fat := filepath.Join(dir, "fat.qcow2")
	qemuImg(t, "create", "-q", "-f", "qcow2", fat, "2G")
	qemuIO(t, fat, "write -P 0x22 0 700M")
	if _, err := c.RefreshPool(t.Context(), pool); err != nil {
		t.Fatal(err)
	}
	src, err := c.LookupVolume(t.Context(), pool, "fat.qcow2")
	if err != nil {
		t.Fatal(err)
	}
	half := filepath.Join(dir, "small.qcow2")
	ctx, cancel := context.WithCancel(within(t))
	defer cancel()
	go func() {
		for ctx.Err() == nil {
			if _, err := os.Stat(half); err == nil { // the host is at it
				cancel()
			}
			time.Sleep(5 * time.Millisecond)
		}
	}()
	if _, err := c.CompactVolume(ctx, src, pool, libvirtapi.VolumeSpec{Name: "small.qcow2", Format: "qcow2"}); !errors.Is(err, context.Canceled) {
		t.Fatalf("not given up: %v", err)
	}
	v, err := c.LookupVolume(t.Context(), pool, "small.qcow2")
	if err != nil {
		t.Fatalf("what is half made must be found: %v", err)
	}
	if err := c.DeleteVolume(within(t), v); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "small.qcow2")); err == nil {
		t.Error("it is still there")
	}
}

func qemuIO(t *testing.T, file string, commands ...string) {
	t.Helper()
	args := []string{"-f", "qcow2"}
	for _, cmd := range commands {
		args = append(args, "-c", cmd)
	}
	out, err := exec.Command("qemu-io", append(args, file)...).CombinedOutput()
	if err != nil {
		t.Fatalf("qemu-io (Debian package qemu-utils): %v\n%s", err, out)
	}
}

func TestUploadOfABrokenSource(t *testing.T) {
	c := libvirttest.Connect(t)
	pool, _ := libvirttest.Pool(t)
	v, err := c.CreateVolume(t.Context(), pool, libvirtapi.VolumeSpec{Name: "v", Format: "raw", Capacity: 64 << 20})
	if err != nil {
		t.Fatal(err)
	}
	broken := errors.New("the cable was pulled")
	sources := map[string]struct {
		r    io.Reader
		want error
	}{
		"too short": {bytes.NewReader(noise(t, 1<<20)), io.ErrUnexpectedEOF},
		"fails":     {io.MultiReader(bytes.NewReader(noise(t, 5<<20)), failing{broken}), broken},
		"at once":   {failing{broken}, broken},
	}
	for name, tt := range sources {
		t.Run(name, func(t *testing.T) {
			_, err := c.UploadVolume(within(t), v, tt.r, 64<<20, nil)
			if !errors.Is(err, tt.want) {
				t.Errorf("%v", err)
			}
		})
	}
	// The connection for calls has not suffered.
	if _, err := c.LookupVolume(t.Context(), pool, "v"); err != nil {
		t.Error(err)
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error)  { return 0, f.err }
func (f failing) Write([]byte) (int, error) { return 0, f.err }

func TestTransfersEndWithTheirContext(t *testing.T) {
	c := libvirttest.Connect(t)
	pool, _ := libvirttest.Pool(t)
	v, err := c.CreateVolume(t.Context(), pool, libvirtapi.VolumeSpec{Name: "v", Format: "raw", Capacity: 64 << 20})
	if err != nil {
		t.Fatal(err)
	}
	soon := func() context.Context {
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		t.Cleanup(cancel)
		return ctx
	}
	never, hold := io.Pipe()
	defer hold.Close()
	if _, err := c.UploadVolume(soon(), v, io.MultiReader(bytes.NewReader(noise(t, 1<<20)), never), 64<<20, nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("upload: %v", err)
	}
	data := noise(t, 64<<20)
	if _, err := c.UploadVolume(t.Context(), v, bytes.NewReader(data), int64(len(data)), nil); err != nil {
		t.Fatal(err)
	}
	// A writer that blocks until the test is over: only its own stream may suffer.
	gate := make(chan struct{})
	defer close(gate)
	if _, err := c.DownloadVolume(soon(), v, blocking{gate}, nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("download: %v", err)
	}
	full := errors.New("the disk is full")
	if _, err := c.DownloadVolume(within(t), v, failing{full}, nil); !errors.Is(err, full) {
		t.Errorf("download to a full disk: %v", err)
	}
	if _, err := c.LookupVolume(t.Context(), pool, "v"); err != nil {
		t.Error(err)
	}
}

type blocking struct{ gate chan struct{} }

func (b blocking) Write(p []byte) (int, error) { <-b.gate; return len(p), nil }

func TestNoSpaceIsTold(t *testing.T) {
	c := libvirttest.Connect(t)
	pool, dir := libvirttest.SmallPool(t, "8m")
	v, err := c.CreateVolume(t.Context(), pool, libvirtapi.VolumeSpec{Name: "v", Format: "raw", Capacity: 64 << 20})
	if err != nil {
		t.Fatal(err)
	}
	data := noise(t, 32<<20)
	_, err = c.UploadVolume(within(t), v, bytes.NewReader(data), int64(len(data)), nil)
	if !errors.Is(err, libvirtapi.ErrNoSpace) || !strings.Contains(err.Error(), dir) {
		t.Errorf("%v", err)
	}
}

// The copy that did not fit is gone again when the error is explained, and the pool no longer full.
func TestNoSpaceForTheCompactedDisk(t *testing.T) {
	c := libvirttest.Connect(t)
	small, smallDir := libvirttest.SmallPool(t, "8m")
	pool, dir := libvirttest.Pool(t)
	path := filepath.Join(dir, "src.qcow2")
	qemuImg(t, "create", "-q", "-f", "qcow2", path, "64M")
	qemuIO(t, path, "write -P 0x11 0 24M")
	if _, err := c.RefreshPool(t.Context(), pool); err != nil {
		t.Fatal(err)
	}
	src, err := c.LookupVolume(t.Context(), pool, "src.qcow2")
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.CompactVolume(within(t), src, small, libvirtapi.VolumeSpec{Name: "v", Format: "qcow2"})
	if !errors.Is(err, libvirtapi.ErrNoSpace) || !strings.Contains(err.Error(), smallDir) {
		t.Errorf("%v", err)
	}
}

func TestFindPool(t *testing.T) {
	c := libvirttest.Connect(t)
	pool, dir := libvirttest.Pool(t)
	p, err := c.FindPool(t.Context(), pool)
	if err != nil || p.Path != dir || p.Type != "dir" || p.Available == 0 || p.Persistent || p.Created {
		t.Errorf("%+v, %v", p, err)
	}
	if _, err := c.FindPool(t.Context(), "no-such-pool"); !errors.Is(err, libvirtapi.ErrNotFound) || !strings.Contains(err.Error(), pool) {
		t.Errorf("the error must list what there is: %v", err)
	}
	// A stopped pool is started.
	stopped := pool + "-stopped"
	libvirttest.Virsh(t, "pool-define-as", stopped, "dir", "--target", libvirttest.Dir(t))
	t.Cleanup(func() { libvirttest.Virsh(t, "pool-undefine", stopped) })
	p, err = c.FindPool(t.Context(), stopped)
	if err != nil || !p.Persistent {
		t.Errorf("%+v, %v", p, err)
	}
	libvirttest.Virsh(t, "pool-destroy", stopped)
	// What can't hold files is refused by its type.
	disk := pool + "-iscsi"
	libvirttest.Virsh(t, "pool-define-as", disk, "iscsi", "--source-host", "localhost", "--source-dev", "iqn.none", "--target", "/dev/disk/by-path")
	t.Cleanup(func() { libvirttest.Virsh(t, "pool-undefine", disk) })
	if _, err := c.FindPool(t.Context(), disk); !errors.Is(err, libvirtapi.ErrUnsupported) || !strings.Contains(err.Error(), "iscsi") {
		t.Errorf("%v", err)
	}
}

// Several builds that start on a fresh host at the same time all get a pool over the usual folder.
func TestFindDefaultPoolTogether(t *testing.T) {
	uri := libvirttest.URI(t)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			c, err := libvirtapi.Connect(t.Context(), uri)
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			p, err := c.FindPool(t.Context(), "")
			if err != nil || p.Path == "" || p.Available == 0 {
				t.Errorf("%+v, %v", p, err)
			}
		})
	}
	wg.Wait()
}
