package libvirtapi

import "time"

// Accelerator says who executes the guest's instructions.
type Accelerator string

// The two accelerators, by the name of libvirt's domain type.
const (
	KVM Accelerator = "kvm"
	TCG Accelerator = "qemu" // QEMU's interpreter: works everywhere, many times slower
)

// String gives the name that users know: "KVM" or "TCG".
func (a Accelerator) String() string {
	if a == KVM {
		return "KVM"
	}
	return "TCG"
}

// Firmware is the guest's firmware.
type Firmware string

// The two firmwares. UEFI is OVMF, found by libvirt's firmware auto-selection.
const (
	UEFI Firmware = "uefi"
	BIOS Firmware = "bios"
)

// Bus is what a disk hangs on.
type Bus string

// The buses a disk can hang on. A CD always hangs on SATA: Setup of Windows 11
// 24H2 and Server 2025 refuses drivers from a CD on virtio-scsi.
const (
	VirtioBlk  Bus = "virtio-blk"
	VirtioSCSI Bus = "virtio-scsi"
	SATA       Bus = "sata"
)

// VNC says where the guest's screen can be watched.
type VNC string

// The screen's two places.
const (
	// VNCSocket is a unix socket that only root and QEMU's user can open; virt-viewer
	// reaches it through libvirt. The default: the screen is a logged-on administrator.
	VNCSocket VNC = "socket"
	// VNCLocalhost is a free port on 127.0.0.1, without a password.
	VNCLocalhost VNC = "localhost"
)

// DomainSpec is everything that a build decides about its virtual machine.
// DomainXML adds what is the same for every Windows guest.
type DomainSpec struct {
	Name        string // unique on the host
	UUID        string // RFC 4122 text; empty lets libvirt choose (then the XML is not deterministic on the host)
	Owner       Owner  // written to the domain's metadata
	Accelerator Accelerator
	Firmware    Firmware
	Machine     string // "q35" when empty; a versioned name ("pc-q35-7.2") pins the hardware
	CPUs        int    // cores in one socket
	MemoryMiB   int
	// ClockOffset is the guest's time zone now, as its distance from UTC (KST: 9 h).
	// Windows takes the hardware clock as its own zone's local time.
	ClockOffset time.Duration
	Disks       []DiskSpec // in order of target names
	CDs         []CDSpec   // in order of SATA ports, so of Windows' drive letters
	NIC         NICSpec
	VNC         VNC // VNCSocket when empty
	// HyperV is DomainCaps.HyperV: only these of the usual enlightenments are switched on, since QEMU refuses to
	// start with one that the host's KVM lacks. nil switches on all of them. Ignored under TCG.
	HyperV []string
	// TPM gives the guest an emulated TPM 2.0, which swtpm runs for libvirt. Its state goes when the domain is
	// undefined.
	TPM bool
	// SecureBoot starts only what Microsoft's keys vouch for: OVMF with these keys enrolled, found by libvirt's
	// firmware auto-selection. UEFI only.
	SecureBoot bool
}

// DiskSpec is a hard disk.
type DiskSpec struct {
	Path      string // on libvirt's host
	Format    string // "qcow2" or "raw"
	Bus       Bus    // VirtioBlk or VirtioSCSI (SATA works too, without a driver)
	BootOrder int    // 1 is tried first; 0 is never booted
	Serial    string // what the guest sees as serial number; at most 20 characters; may be empty
	Cache     string // libvirt's cache mode; empty is QEMU's default
}

// CDSpec is a disc in a SATA CD-ROM drive.
type CDSpec struct {
	Path      string // on libvirt's host; empty is an empty drive
	Format    string // "raw" for an ISO, "qcow2" for an overlay over one
	BootOrder int
	// Backing is the ISO under a qcow2 overlay. The whole chain is written into the
	// XML, because AppArmor's profile knows only the files that are named there.
	Backing *Backing
}

// Backing is the file under a qcow2 overlay.
type Backing struct {
	Path   string // absolute, on libvirt's host, as the overlay's header has it
	Format string // "raw" for an ISO
	// KeepOwner leaves the file's owner alone (`<seclabel model='dac' relabel='no'/>`).
	// True for a file of the user's, which libvirt would otherwise chown to QEMU's user and
	// leave so (cockpit#20431); QEMU's user must then be able to read it: see CheckAccess.
	KeepOwner bool
}

// NICSpec is the network card: virtio, its link down until SetLink raises it, because a
// live link lets Windows install updates and reboot in the out-of-box experience
// (unattend-generator#54, #190).
type NICSpec struct {
	MAC     string // "52:54:00:…"; required: leases and SetLink are found by it
	Network string // a libvirt network's name, or
	Bridge  string // a bridge on the host
	LinkUp  bool   // true defines it with its link up
}

// Owner marks a domain as made by this plugin, for people and for clean-up.
type Owner struct {
	Build   string // the build's id
	Version string // the plugin's version
}
