package model

import (
	"context"
	"crypto/tls"
	"fmt"
	"io/fs"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/beacon"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/windows"
)

// Host is the machine around the model: what the model cannot pretend.
type Host interface {
	SystemDisk
	// Beacon writes one line to COM1.
	Beacon(beacon.Event)
	// Root is the folder where drive C: is mounted.
	Root() string
	// Discs are the CDs by drive letter ("D"), case-insensitive file systems.
	Discs() map[string]fs.FS
	// Devices are the PCI functions that are there now.
	Devices() []PCIDevice
	// NetworkUp waits for the link and an address.
	NetworkUp(ctx context.Context) error
	// DropLink takes the network away and brings it back, as the virtio-win
	// package does when it replaces NetKVM (virtio-win-pkg-scripts#48, #64).
	DropLink(ctx context.Context) error
	// StartWinRM opens the HTTPS listener; StopWinRM closes it and every
	// connection.
	StartWinRM(certificate tls.Certificate, port int) error
	StopWinRM()
	// Trim tells the disk which clusters of drive C: are free.
	Trim() error
	// Reboot and PowerOff are asked for once: the host saves the model
	// (Model.Save), then acts. They return at once.
	Reboot()
	PowerOff()
	// Faults are the defects this guest is to show.
	Faults() windows.Faults
	Logf(format string, args ...any)
}

// PCIDevice is a PCI function by its ids.
type PCIDevice struct{ Vendor, Device uint16 }

// String is the device as Windows names it: PCI\VEN_1AF4&DEV_1042.
func (d PCIDevice) String() string { return fmt.Sprintf(`PCI\VEN_%04X&DEV_%04X`, d.Vendor, d.Device) }
