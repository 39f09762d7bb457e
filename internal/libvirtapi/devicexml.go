package libvirtapi

import (
	"fmt"

	"libvirt.org/go/libvirtxml"
)

// spareRootPorts are PCI Express ports for hot-plugging: q35 has none of its own, and libvirt adds just one.
const spareRootPorts = 4

// agentChannel is the name by which the QEMU guest agent finds its port.
const agentChannel = "org.qemu.guest_agent.0"

func deviceList(spec DomainSpec) *libvirtxml.DomainDeviceList {
	var zero uint
	list := &libvirtxml.DomainDeviceList{
		Disks:       disksXML(spec),
		Controllers: controllersXML(spec),
		Interfaces:  []libvirtxml.DomainInterface{nicXML(spec.NIC)},
		// COM1. A pty, read through libvirt: a <log file> belongs to root.
		Serials: []libvirtxml.DomainSerial{{
			Source: &libvirtxml.DomainChardevSource{Pty: &libvirtxml.DomainChardevSourcePty{}},
			Target: &libvirtxml.DomainSerialTarget{
				Type: "isa-serial", Port: &zero,
				Model: &libvirtxml.DomainSerialTargetModel{Name: "isa-serial"},
			},
		}},
		Consoles: []libvirtxml.DomainConsole{{
			Source: &libvirtxml.DomainChardevSource{Pty: &libvirtxml.DomainChardevSourcePty{}},
			Target: &libvirtxml.DomainConsoleTarget{Type: "serial", Port: &zero},
		}},
		Channels: []libvirtxml.DomainChannel{{
			Source: &libvirtxml.DomainChardevSource{UNIX: &libvirtxml.DomainChardevSourceUNIX{Mode: "bind"}},
			Target: &libvirtxml.DomainChannelTarget{VirtIO: &libvirtxml.DomainChannelTargetVirtIO{Name: agentChannel}},
		}},
		Inputs:   []libvirtxml.DomainInput{{Type: "tablet", Bus: "usb"}},
		Graphics: []libvirtxml.DomainGraphic{{VNC: vncXML(spec.VNC)}},
		// Windows' own display driver knows it, in BIOS and UEFI.
		Videos: []libvirtxml.DomainVideo{{Model: libvirtxml.DomainVideoModel{
			Type: "vga", VRam: 16384, Heads: 1, Primary: "yes",
		}}},
		// A balloon is one more device without a driver during Setup.
		MemBalloon: &libvirtxml.DomainMemBalloon{Model: "none"},
	}
	if spec.TPM {
		// Windows takes both interfaces; CRB is TPM 2.0's own, and what virt-install chooses.
		list.TPMs = []libvirtxml.DomainTPM{{Model: "tpm-crb", Backend: &libvirtxml.DomainTPMBackend{
			Emulator: &libvirtxml.DomainTPMBackendEmulator{Version: "2.0"},
		}}}
	}
	if spec.Accelerator == KVM {
		list.Panics = []libvirtxml.DomainPanic{{Model: "hyperv"}}
	}
	return list
}

// controllersXML says every controller, so that the hardware is the same on every host.
//
// The virtio-scsi controller is always there, with or without a disk: its presence alone makes Windows bind
// vioscsi, so that the template boots from either bus later.
func controllersXML(spec DomainSpec) []libvirtxml.DomainController {
	index := func(i uint) *uint { return &i }
	list := []libvirtxml.DomainController{
		{Type: "pci", Index: index(0), Model: "pcie-root"},
	}
	onPorts := 4 // network card, virtio-scsi, virtio-serial, USB
	for _, d := range spec.Disks {
		if d.Bus == VirtioBlk {
			onPorts++
		}
	}
	for i := range onPorts + spareRootPorts {
		list = append(list, libvirtxml.DomainController{Type: "pci", Index: index(uint(i + 1)), Model: "pcie-root-port"})
	}
	return append(list,
		libvirtxml.DomainController{Type: "sata", Index: index(sataController)},
		libvirtxml.DomainController{Type: "scsi", Index: index(scsiController), Model: "virtio-scsi"},
		libvirtxml.DomainController{Type: "usb", Index: index(0), Model: "qemu-xhci"},
		libvirtxml.DomainController{Type: "virtio-serial", Index: index(0)},
	)
}

func nicXML(n NICSpec) libvirtxml.DomainInterface {
	state := "down"
	if n.LinkUp {
		state = "up"
	}
	x := libvirtxml.DomainInterface{
		MAC:   &libvirtxml.DomainInterfaceMAC{Address: n.MAC},
		Model: &libvirtxml.DomainInterfaceModel{Type: "virtio"},
		Link:  &libvirtxml.DomainInterfaceLink{State: state},
		// Nothing is booted from the network.
		ROM: &libvirtxml.DomainROM{Enabled: "no"},
	}
	if n.Bridge != "" {
		x.Source = &libvirtxml.DomainInterfaceSource{Bridge: &libvirtxml.DomainInterfaceSourceBridge{Bridge: n.Bridge}}
	} else {
		x.Source = &libvirtxml.DomainInterfaceSource{Network: &libvirtxml.DomainInterfaceSourceNetwork{Network: n.Network}}
	}
	return x
}

func vncXML(v VNC) *libvirtxml.DomainGraphicVNC {
	if v == VNCLocalhost {
		return &libvirtxml.DomainGraphicVNC{AutoPort: "yes", Listeners: []libvirtxml.DomainGraphicListener{
			{Address: &libvirtxml.DomainGraphicListenerAddress{Address: "127.0.0.1"}},
		}}
	}
	return &libvirtxml.DomainGraphicVNC{Listeners: []libvirtxml.DomainGraphicListener{
		{Socket: &libvirtxml.DomainGraphicListenerSocket{}},
	}}
}

// linkXML finds the card with this MAC in a domain's XML and gives its document with the link's state set:
// libvirt compares the whole device on an update and refuses one that differs in anything else.
func linkXML(domainXML, mac string, up bool) (string, error) {
	var d libvirtxml.Domain
	if err := d.Unmarshal(domainXML); err != nil {
		return "", fmt.Errorf("the domain's XML can't be read: %w", err)
	}
	state := "down"
	if up {
		state = "up"
	}
	if d.Devices != nil {
		for _, nic := range d.Devices.Interfaces {
			if nic.MAC != nil && sameMAC(nic.MAC.Address, mac) {
				nic.Link = &libvirtxml.DomainInterfaceLink{State: state}
				return nic.Marshal()
			}
		}
	}
	return "", &Error{Op: "find network card", Object: mac, Message: "the domain has none with this MAC", Kind: ErrNotFound}
}
