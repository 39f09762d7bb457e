package libvirtapi

import (
	"cmp"
	"fmt"

	"libvirt.org/go/libvirtxml"
)

// The indexes of the virtio-scsi controller and of q35's own AHCI.
const (
	scsiController = 0
	sataController = 0
)

// disksXML gives the drives their target names and places. CDs have the first SATA ports; SCSI units count from 0
// whatever the letter, so that Windows sees the same hardware on every build.
func disksXML(spec DomainSpec) []libvirtxml.DomainDisk {
	var out []libvirtxml.DomainDisk
	var virtio, scsi int
	for i, cd := range spec.CDs {
		out = append(out, cdXML(cd, i))
	}
	sd, sata := len(spec.CDs), len(spec.CDs)
	for _, d := range spec.Disks {
		if d.Bus == VirtioBlk {
			out = append(out, diskXML(d, targetName("vd", virtio)))
			virtio++
			continue
		}
		x := diskXML(d, targetName("sd", sd))
		sd++
		if d.Bus == VirtioSCSI {
			x.Address = driveAddress(scsiController, uint(scsi))
			scsi++
		} else {
			x.Address = driveAddress(sataController, uint(sata))
			sata++
		}
		out = append(out, x)
	}
	return out
}

func targetName(prefix string, i int) string { return prefix + string(rune('a'+i)) }

// busNames are libvirt's.
var busNames = map[Bus]string{VirtioBlk: "virtio", VirtioSCSI: "scsi", SATA: "sata"}

// diskXML is a hard disk; without an address libvirt finds a place for it.
func diskXML(d DiskSpec, target string) libvirtxml.DomainDisk {
	return libvirtxml.DomainDisk{
		Device: "disk",
		Driver: &libvirtxml.DomainDiskDriver{
			Name: "qemu", Type: d.Format, Cache: d.Cache,
			// What the guest frees leaves the file, so that there is less to compact.
			Discard: "unmap", DetectZeros: "unmap",
		},
		Source:       fileSource(d.Path, false),
		BackingStore: &libvirtxml.DomainDiskBackingStore{},
		Target:       &libvirtxml.DomainDiskTarget{Dev: target, Bus: busNames[d.Bus]},
		Serial:       d.Serial,
		Boot:         bootOrder(d.BootOrder),
	}
}

// cdXML is a CD-ROM drive at a SATA port.
func cdXML(cd CDSpec, port int) libvirtxml.DomainDisk {
	x := libvirtxml.DomainDisk{
		Device:   "cdrom",
		Driver:   &libvirtxml.DomainDiskDriver{Name: "qemu", Type: cmp.Or(cd.Format, "raw")},
		Target:   &libvirtxml.DomainDiskTarget{Dev: targetName("sd", port), Bus: "sata"},
		ReadOnly: &libvirtxml.DomainDiskReadOnly{},
		Boot:     bootOrder(cd.BootOrder),
		Address:  driveAddress(sataController, uint(port)),
	}
	if cd.Path == "" {
		return x
	}
	x.Source = fileSource(cd.Path, false)
	// An empty element ends the chain: libvirt then looks for nothing by itself.
	x.BackingStore = &libvirtxml.DomainDiskBackingStore{}
	if b := cd.Backing; b != nil {
		x.BackingStore = &libvirtxml.DomainDiskBackingStore{
			Format:       &libvirtxml.DomainDiskFormat{Type: b.Format},
			Source:       fileSource(b.Path, b.KeepOwner),
			BackingStore: &libvirtxml.DomainDiskBackingStore{},
		}
	}
	return x
}

// fileSource names a file by path, not by pool and volume: the latter hides the backing chain from AppArmor
// (dmacvicar/terraform-provider-libvirt#1354).
func fileSource(path string, keepOwner bool) *libvirtxml.DomainDiskSource {
	f := &libvirtxml.DomainDiskSourceFile{File: path}
	if keepOwner {
		f.SecLabel = []libvirtxml.DomainDeviceSecLabel{{Model: "dac", Relabel: "no"}}
	}
	return &libvirtxml.DomainDiskSource{File: f}
}

func bootOrder(n int) *libvirtxml.DomainDeviceBoot {
	if n == 0 {
		return nil
	}
	return &libvirtxml.DomainDeviceBoot{Order: uint(n)}
}

func driveAddress(controller, unit uint) *libvirtxml.DomainAddress {
	var zero uint
	return &libvirtxml.DomainAddress{Drive: &libvirtxml.DomainAddressDrive{
		Controller: &controller, Bus: &zero, Target: &zero, Unit: &unit,
	}}
}

// diskDeviceXML is one disk as a document of its own, for hot-plugging.
func diskDeviceXML(target string, d DiskSpec) (string, error) {
	if err := d.validate("disk"); err != nil {
		return "", err
	}
	if len(target) != 3 {
		return "", fmt.Errorf("disk: target %q must look like \"vdb\"", target)
	}
	x := diskXML(d, target)
	x.Boot = nil // the boot order is the definition's
	return x.Marshal()
}
