//go:build linux

package libvirtapi_test

import (
	"bytes"
	"os"
	"testing"
	"time"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/libvirtapi"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/libvirtapi/libvirttest"
)

// A part of a volume written over with itself changes nothing but the time: so a volume's last use is noted.
func TestVolumeIsTouchedByItsOwnFirstSector(t *testing.T) {
	c := libvirttest.Connect(t)
	pool, _ := libvirttest.Pool(t)
	data := bytes.Repeat([]byte("disc "), 20_000)
	v, err := c.CreateVolume(t.Context(), pool, libvirtapi.VolumeSpec{Name: "a.iso", Format: "raw", Capacity: uint64(len(data))})
	if err != nil {
		t.Fatal(err)
	}
	if v, err = c.UploadVolume(t.Context(), v, bytes.NewReader(data), int64(len(data)), nil); err != nil {
		t.Fatal(err)
	}
	old := time.Now().Add(-100 * time.Hour)
	if err := os.Chtimes(v.Path, old, old); err != nil {
		t.Fatal(err)
	}
	if _, err := c.RefreshPool(t.Context(), pool); err != nil {
		t.Fatal(err)
	}
	if v, err = c.LookupVolume(t.Context(), pool, "a.iso"); err != nil || v.Modified.Unix() != old.Unix() {
		t.Fatalf("modified %s, want %s; %v", v.Modified, old, err)
	}
	if v, err = c.UploadVolume(t.Context(), v, bytes.NewReader(data[:2048]), 2048, nil); err != nil {
		t.Fatal(err)
	}
	if time.Since(v.Modified) > time.Minute || v.Physical != uint64(len(data)) {
		t.Errorf("modified %s, %d bytes", v.Modified, v.Physical)
	}
	if now, err := os.ReadFile(v.Path); err != nil || !bytes.Equal(now, data) {
		t.Errorf("the content has changed (%v)", err)
	}
}

func TestFilesInUse(t *testing.T) {
	c := libvirttest.Connect(t)
	d := guest(t, c, libvirttest.Guest(t, "", 0, libvirttest.Halt))
	used, err := c.FilesInUse(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if path := "/var/tmp/" + d.Name + "/boot.img"; used[path] != d.Name {
		t.Errorf("%s is used by %q: %v", path, used[path], used)
	}
}
