//go:build linux

package libvirtapi_test

import (
	"bytes"
	"crypto/sha256"
	"testing"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/libvirtapi"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/libvirtapi/libvirttest"
)

// TestStreamsBeforeTheirReplies: the real daemon's bytes, in the order that a busy host's daemon sends them in.
func TestStreamsBeforeTheirReplies(t *testing.T) {
	p := libvirttest.NewProxy(t)
	p.Haste()
	ctx := within(t)
	c, err := libvirtapi.Connect(ctx, p.URI)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	pool, _ := libvirttest.Pool(t)
	data := noise(t, 3<<20+77)
	v, err := c.CreateVolume(ctx, pool, libvirtapi.VolumeSpec{Name: "data", Format: "raw", Capacity: uint64(len(data)), Mode: "0644"})
	if err != nil {
		t.Fatal(err)
	}
	if v, err = c.UploadVolume(ctx, v, bytes.NewReader(data), int64(len(data)), nil); err != nil {
		t.Fatal(err)
	}
	sum := sha256.New()
	if n, err := c.DownloadVolume(ctx, v, sum, nil); err != nil || n != int64(len(data)) || [32]byte(sum.Sum(nil)) != sha256.Sum256(data) {
		t.Errorf("download: %d bytes of %d, %v", n, len(data), err)
	}
	d := guest(t, c, libvirttest.Guest(t, "", 1, libvirttest.Halt))
	var picture bytes.Buffer
	if media, err := c.Screenshot(ctx, d, &picture); err != nil || media == "" || picture.Len() < 1000 {
		t.Errorf("screenshot: %q, %d bytes, %v", media, picture.Len(), err)
	}
}
