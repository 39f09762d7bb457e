//go:build linux

package libvirtapi_test

import (
	"context"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/libvirtapi"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/libvirtapi/libvirttest"
)

// define makes the domain and sees to it that nothing is left.
func define(t *testing.T, c *libvirtapi.Conn, spec libvirtapi.DomainSpec) libvirtapi.Domain {
	t.Helper()
	doc, err := libvirtapi.DomainXML(spec)
	if err != nil {
		t.Fatal(err)
	}
	return defineXML(t, c, doc)
}

func defineXML(t *testing.T, c *libvirtapi.Conn, doc string) libvirtapi.Domain {
	t.Helper()
	d, err := c.DefineDomain(t.Context(), doc)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
		defer cancel()
		if err := c.Destroy(ctx, d); err != nil {
			t.Error(err)
		}
		if err := c.Undefine(ctx, d); err != nil {
			t.Error(err)
		}
	})
	return d
}

// guest defines a small BIOS guest that boots the sector, and gives it paused.
func guest(t *testing.T, c *libvirtapi.Conn, sector []byte, change ...func(doc string) string) libvirtapi.Domain {
	t.Helper()
	pool, _ := libvirttest.Pool(t)
	v, err := c.CreateVolume(t.Context(), pool, libvirtapi.VolumeSpec{Name: "boot.img", Format: "raw", Capacity: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.UploadVolume(t.Context(), v, strings.NewReader(string(sector)), int64(len(sector)), nil); err != nil {
		t.Fatal(err)
	}
	if _, err := c.StartNetwork(t.Context(), "default"); err != nil {
		t.Fatal(err)
	}
	spec := buildSpec(libvirtapi.TCG, libvirtapi.BIOS, libvirtapi.VirtioBlk)
	spec.Name, spec.UUID, spec.CPUs, spec.MemoryMiB = pool, "", 1, 64
	spec.Disks[0].Path, spec.Disks[0].Format = v.Path, "raw"
	spec.CDs = nil
	doc, err := libvirtapi.DomainXML(spec)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range change {
		doc = f(doc)
	}
	d := defineXML(t, c, doc)
	if err := c.StartPaused(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	return d
}

// owned checks that a file still belongs to a user.
func owned(t *testing.T, path string, uid uint32) {
	t.Helper()
	fi, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := fi.Sys().(*syscall.Stat_t).Uid; got != uid {
		t.Errorf("%s now belongs to user %d, not %d", path, got, uid)
	}
}
