//go:build linux

package libvirtapi_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/libvirtapi"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/libvirtapi/libvirttest"
)

// libvirt's own schema judges the goldens.
func TestDomainXMLValidatesAgainstLibvirtSchema(t *testing.T) {
	if _, err := exec.LookPath("virt-xml-validate"); err != nil {
		t.Fatal("virt-xml-validate is not installed: Debian packages libvirt-clients and libxml2-utils")
	}
	eachSpec(t, func(t *testing.T, name string, _ libvirtapi.DomainSpec) {
		out, err := exec.Command("virt-xml-validate", filepath.Join("testdata", "domain", name+".xml"), "domain").CombinedOutput()
		if err != nil {
			t.Errorf("virt-xml-validate: %v\n%s", err, out)
		}
	})
}

// Define, start paused and undo every variant that this host can start.
func TestDomainXMLStarts(t *testing.T) {
	c := libvirttest.Connect(t)
	pool, dir := libvirttest.Pool(t)
	if _, err := c.StartNetwork(t.Context(), "default"); err != nil {
		t.Fatal(err)
	}
	iso := filepath.Join(dir, "user's & own.iso")
	if err := os.WriteFile(iso, make([]byte, 1<<20), 0o644); err != nil { //nolint:gosec // QEMU reads it
		t.Fatal(err)
	}
	overlay := filepath.Join(dir, "overlay.qcow2")
	if out, err := exec.Command("qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b", iso, overlay).CombinedOutput(); err != nil {
		t.Fatalf("qemu-img (Debian package qemu-utils): %v\n%s", err, out)
	}
	disk, err := c.CreateVolume(t.Context(), pool, libvirtapi.VolumeSpec{Name: "disk.qcow2", Format: "qcow2", Capacity: 1 << 30})
	if err != nil {
		t.Fatal(err)
	}
	for _, fw := range []libvirtapi.Firmware{libvirtapi.UEFI, libvirtapi.BIOS} {
		for _, root := range []libvirtapi.Bus{libvirtapi.VirtioBlk, libvirtapi.VirtioSCSI} {
			t.Run(fmt.Sprintf("%s-%s", fw, root), func(t *testing.T) {
				spec := buildSpec(libvirtapi.TCG, fw, root)
				spec.Name, spec.UUID, spec.MemoryMiB = pool, "", 256
				spec.Disks[0].Path = disk.Path
				spec.CDs[0].Path, spec.CDs[0].Backing.Path = overlay, iso
				spec.CDs[1] = libvirtapi.CDSpec{}
				d := define(t, c, spec)
				if err := c.StartPaused(t.Context(), d); err != nil {
					t.Fatal(err)
				}
				if owner, err := c.DomainOwner(t.Context(), d); err != nil || owner != spec.Owner {
					t.Errorf("owner %+v, %v", owner, err)
				}
				// The spare ports are for this: a virtio-blk disk plugged into a running guest.
				extra, err := c.CreateVolume(t.Context(), pool, libvirtapi.VolumeSpec{Name: "extra-" + string(fw) + string(root), Format: "qcow2", Capacity: 1 << 30})
				if err != nil {
					t.Fatal(err)
				}
				target := map[libvirtapi.Bus]string{libvirtapi.VirtioBlk: "vdb", libvirtapi.VirtioSCSI: "vda"}[root]
				if err := c.AttachDisk(t.Context(), d, target, libvirtapi.DiskSpec{Path: extra.Path, Format: "qcow2", Bus: libvirtapi.VirtioBlk}); err != nil {
					t.Error(err)
				}
				nvram := "/var/lib/libvirt/qemu/nvram/" + spec.Name + "_VARS.fd"
				_, statErr := os.Stat(nvram)
				if fw == libvirtapi.UEFI && statErr != nil {
					t.Errorf("no NVRAM file: %v", statErr)
				}
				if err := c.Destroy(t.Context(), d); err != nil {
					t.Fatal(err)
				}
				if err := c.Undefine(t.Context(), d); err != nil {
					t.Fatal(err)
				}
				if _, err := os.Stat(nvram); err == nil {
					t.Errorf("%s is left behind", nvram)
				}
				owned(t, iso, 0)
			})
		}
	}
}
