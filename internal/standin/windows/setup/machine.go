package setup

import (
	"fmt"
	"io/fs"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/windows/wimfile"
)

// Firmware is how the machine was started.
type Firmware string

// The firmwares.
const (
	UEFI Firmware = "uefi"
	BIOS Firmware = "bios"
)

// Device is a PCI function.
type Device struct{ Vendor, Device uint16 }

// String is its hardware id as Windows writes it.
func (d Device) String() string { return fmt.Sprintf(`PCI\VEN_%04X&DEV_%04X`, d.Vendor, d.Device) }

// Disc is a CD as Windows PE sees it. FS must find names in any case.
type Disc struct {
	Letter string // "D"
	FS     fs.FS
}

// Disk is a hard disk that Windows PE sees, in the order of its numbers.
type Disk struct {
	Bytes int64
	// Partitions are how many it has already.
	Partitions int
	// MBR says that its present table is an MBR one.
	MBR bool
}

// Medium is the installation medium.
type Medium struct {
	Build     int
	Images    []wimfile.Image
	Languages []string // of lang.ini
	Channel   string   // ei.cfg: "eval", "volume", "retail", "oem", "" when absent
}

// conX says that the medium has the Setup of 24H2 and Server 2025.
func (m Medium) conX() bool { return m.Build >= 26100 }

// installation is the installation type of the medium's images as far as
// Setup's own pages go.
func (m Medium) client() bool {
	for _, image := range m.Images {
		if image.InstallationType == "Client" {
			return true
		}
	}
	return false
}

// Machine is what Setup finds when it starts.
type Machine struct {
	Firmware Firmware
	Devices  []Device
	// CPUFlags are the processor's features as Linux names them.
	CPUFlags []string
	// TPM2 says that there is a TPM of version 2.0, SecureBoot that the
	// firmware knows secure boot, on or off.
	TPM2, SecureBoot bool
	MemoryMiB        int64
	Discs            []Disc
	Medium           Medium
}
