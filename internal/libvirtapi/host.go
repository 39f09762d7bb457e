package libvirtapi

import "fmt"

// Version is a version as libvirt counts: major*1,000,000 + minor*1,000 + release.
type Version uint64

// String gives "9.0.0".
func (v Version) String() string {
	return fmt.Sprintf("%d.%d.%d", v/1_000_000, v/1_000%1_000, v%1_000)
}

// What the plugin needs at least: Ubuntu 22.04's.
const (
	MinLibvirt Version = 8_000_000
	MinQEMU    Version = 6_002_000
)

// Host is what libvirt says of the machine that runs the guests.
type Host struct {
	Libvirt Version
	QEMU    Version
	Name    string // host name
	Arch    string // "x86_64"
	// KVM is true when libvirt offers KVM domains. It says nothing about whether a guest
	// runs: see ProbeKVM.
	KVM bool
	// DiskUser is whom QEMU runs as, from the security model's base label; zero (root) when the
	// capabilities name none.
	DiskUser User
	// Session is true for qemu:///session: QEMU then is the connecting user.
	Session bool
	// AppArmor and SELinux: the security models in force.
	AppArmor, SELinux bool
}

// User is a numeric identity on libvirt's host.
type User struct{ UID, GID uint32 }

// DomainCaps is what a domain of one accelerator can be, from libvirt's domain capabilities for
// machine type q35.
type DomainCaps struct {
	Accelerator Accelerator
	Emulator    string   // path of QEMU's binary
	Machine     string   // the versioned q35 machine: "pc-q35-7.2"
	MaxCPUs     int      // of the machine type
	UEFI        bool     // firmware auto-selection knows an EFI firmware
	Loaders     []string // the firmware images that libvirt found
	CPUModes    []string // supported ones of host-passthrough, maximum, host-model, custom
	TPM         bool     // an emulated TPM 2.0 can be had
}

// Probe is the answer of ProbeKVM.
type Probe struct {
	Accelerator Accelerator // KVM when a guest really ran, else TCG
	Reason      string      // why not KVM, for the user; empty for KVM
}
