package libvirtapi

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	golibvirt "github.com/digitalocean/go-libvirt"
	"libvirt.org/go/libvirtxml"
)

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
	// DiskUser is whom QEMU runs as, from the dac security model's base label; zero (root) when the
	// capabilities name none.
	DiskUser User
	// Session is true for qemu:///session: QEMU then is the connecting user.
	Session bool
	// AppArmor and SELinux: the security models in force.
	AppArmor, SELinux bool
}

// User is a numeric identity on libvirt's host.
type User struct{ UID, GID uint32 }

// Host asks libvirt about itself and its machine.
func (c *Conn) Host(ctx context.Context) (Host, error) {
	const op = "ask the version of"
	lib, err := ask(ctx, c, op, "libvirt", (*golibvirt.Libvirt).ConnectGetLibVersion)
	if err != nil {
		return Host{}, err
	}
	qemu, err := ask(ctx, c, op, "QEMU", (*golibvirt.Libvirt).ConnectGetVersion)
	if err != nil {
		return Host{}, withRemedy(err, "install QEMU for x86-64 on libvirt's host (Debian, Ubuntu: qemu-system-x86)")
	}
	name, err := ask(ctx, c, "ask the host name of", c.uri, (*golibvirt.Libvirt).ConnectGetHostname)
	if err != nil {
		return Host{}, err
	}
	caps, err := ask(ctx, c, "read the capabilities of", c.uri, (*golibvirt.Libvirt).ConnectGetCapabilities)
	if err != nil {
		return Host{}, err
	}
	h, err := parseCapabilities(caps)
	if err != nil {
		return Host{}, err
	}
	h.Libvirt, h.QEMU, h.Name = Version(lib), Version(qemu), name
	return h, nil
}

// parseCapabilities reads what Host needs from `virsh capabilities`.
func parseCapabilities(doc string) (Host, error) {
	var caps libvirtxml.Caps
	if err := caps.Unmarshal(doc); err != nil {
		return Host{}, fmt.Errorf("libvirt's capabilities can't be read: %w", err)
	}
	var h Host
	if caps.Host.CPU != nil {
		h.Arch = caps.Host.CPU.Arch
	}
	for _, g := range caps.Guests {
		if g.OSType != "hvm" || g.Arch.Name != "x86_64" {
			continue
		}
		for _, d := range g.Arch.Domains {
			h.KVM = h.KVM || d.Type == string(KVM)
		}
	}
	for _, m := range caps.Host.SecModel {
		switch m.Name {
		case "apparmor":
			h.AppArmor = true
		case "selinux":
			h.SELinux = true
		case "dac":
			u, err := parseBaseLabel(m.Labels)
			if err != nil {
				return Host{}, err
			}
			h.DiskUser = u
		}
	}
	return h, nil
}

// parseBaseLabel reads "+64055:+108": the + says that it is a number. KVM's label is preferred; both
// accelerators run as the same user.
func parseBaseLabel(labels []libvirtxml.CapsHostSecModelLabel) (User, error) {
	var text string
	for _, l := range labels {
		if text == "" || l.Type == string(KVM) {
			text = l.Value
		}
	}
	if text == "" {
		return User{}, nil
	}
	uid, gid, ok := strings.Cut(text, ":")
	u, errU := strconv.ParseUint(strings.TrimPrefix(uid, "+"), 10, 32)
	g, errG := strconv.ParseUint(strings.TrimPrefix(gid, "+"), 10, 32)
	if !ok || errU != nil || errG != nil {
		return User{}, fmt.Errorf("libvirt's capabilities: the dac base label %q is not uid:gid", text)
	}
	return User{UID: uint32(u), GID: uint32(g)}, nil
}

// Supported is an error when libvirt or QEMU is older than the floor.
func (h Host) Supported() error {
	tooOld := func(what string, found, need Version) error {
		return &Error{
			Op: "use", Object: h.Name, Kind: ErrUnsupported,
			Message: fmt.Sprintf("%s is %s, and %s is the oldest that works", what, found, need),
			Remedy:  "use a host with Ubuntu 22.04, Debian 12, RHEL 9 or newer",
		}
	}
	switch {
	case h.Libvirt < MinLibvirt:
		return tooOld("libvirt", h.Libvirt, MinLibvirt)
	case h.QEMU < MinQEMU:
		return tooOld("QEMU", h.QEMU, MinQEMU)
	}
	return nil
}

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
	SecureBoot  bool     // there is a firmware with Secure Boot
	// HyperV names the Hyper-V enlightenments that the host's KVM has, for DomainSpec.HyperV; nil when this
	// libvirt does not tell.
	HyperV []string
}

// Missing is an error when a domain with this firmware can't be made, naming what is absent.
func (d DomainCaps) Missing(f Firmware) error {
	cpu := cpuMode(d.Accelerator)
	switch {
	case f == UEFI && !d.UEFI:
		return &Error{
			Op: "use firmware", Object: string(f), Kind: ErrUnsupported,
			Message: "libvirt found no UEFI firmware for " + d.Machine,
			Remedy:  "install OVMF on libvirt's host (Debian, Ubuntu: ovmf; Fedora, RHEL: edk2-ovmf), or set firmware = \"bios\"",
		}
	case !slices.Contains(d.CPUModes, cpu):
		return &Error{
			Op: "use CPU mode", Object: cpu, Kind: ErrUnsupported,
			Message: fmt.Sprintf("%s on this host offers only %s", d.Accelerator, strings.Join(d.CPUModes, ", ")),
		}
	}
	return nil
}

// MissingTPM is an error when a domain can't have an emulated TPM 2.0.
func (d DomainCaps) MissingTPM() error {
	if d.TPM {
		return nil
	}
	return &Error{
		Op: "use", Object: "TPM 2.0", Kind: ErrUnsupported,
		Message: "libvirt offers no emulated one for " + d.Machine,
		Remedy:  "install swtpm on libvirt's host (Debian, Ubuntu: swtpm and swtpm-tools; Fedora, RHEL: swtpm) and restart libvirt's daemon",
	}
}

// secureBootRemedy is what gives a host the firmware.
const secureBootRemedy = "install an OVMF with Microsoft's keys enrolled on libvirt's host (Debian, Ubuntu: ovmf; Fedora, RHEL: edk2-ovmf)"

// firmwareError adds what to do when auto-selection finds nothing: domain capabilities do not tell whether a firmware
// with keys enrolled is there. libvirt looks for it when the domain is defined or, in older versions, started, and has
// no error number of its own for it.
func firmwareError(err error) error {
	var e *Error
	if !errors.As(err, &e) || !strings.Contains(e.Message, "any firmware to satisfy") {
		return err
	}
	return withKind(withRemedy(err, secureBootRemedy), ErrUnsupported)
}

// MissingSecureBoot is an error when libvirt knows no firmware with Secure Boot. Whether one with Microsoft's keys
// is there, libvirt says only when the domain is defined.
func (d DomainCaps) MissingSecureBoot() error {
	if d.SecureBoot {
		return nil
	}
	return &Error{
		Op: "use", Object: "Secure Boot", Kind: ErrUnsupported,
		Message: "libvirt found no UEFI firmware for " + d.Machine + " that has it",
		Remedy:  secureBootRemedy,
	}
}

// DomainCaps asks what a domain with this accelerator can be; ErrUnsupported when libvirt can't make one.
func (c *Conn) DomainCaps(ctx context.Context, acc Accelerator) (DomainCaps, error) {
	doc, err := ask(ctx, c, "read the domain capabilities for", acc.String(), func(l *golibvirt.Libvirt) (string, error) {
		return l.ConnectGetDomainCapabilities(nil, opt("x86_64"), opt(defaultMachine), opt(string(acc)), 0)
	})
	if err != nil {
		// libvirt says "invalid argument" for a virt type that it has no QEMU for.
		if code(err, golibvirt.ErrInvalidArg) {
			err = withKind(err, ErrUnsupported)
		}
		return DomainCaps{}, err
	}
	return parseDomainCaps(acc, doc)
}

func opt(s string) golibvirt.OptString {
	if s == "" {
		return nil
	}
	return golibvirt.OptString{s}
}

// parseDomainCaps reads `virsh domcapabilities --machine q35`.
func parseDomainCaps(acc Accelerator, doc string) (DomainCaps, error) {
	var x libvirtxml.DomainCaps
	if err := x.Unmarshal(doc); err != nil {
		return DomainCaps{}, fmt.Errorf("libvirt's domain capabilities can't be read: %w", err)
	}
	d := DomainCaps{Accelerator: acc, Emulator: x.Path, Machine: x.Machine}
	if x.VCPU != nil {
		d.MaxCPUs = int(x.VCPU.Max)
	}
	if x.OS != nil {
		d.UEFI = slices.Contains(enum(x.OS.Enums, "firmware"), "efi")
		if x.OS.Loader != nil {
			d.Loaders = x.OS.Loader.Values
			d.SecureBoot = d.UEFI && slices.Contains(enum(x.OS.Loader.Enums, "secure"), "yes")
		}
	}
	if x.CPU != nil {
		for _, m := range x.CPU.Modes {
			if m.Supported == "yes" {
				d.CPUModes = append(d.CPUModes, m.Name)
			}
		}
	}
	if x.Devices != nil && x.Devices.TPM != nil {
		d.TPM = emulatedTPM(x.Devices.TPM)
	}
	if x.Features != nil && x.Features.HyperV != nil {
		d.HyperV = enum(x.Features.HyperV.Enums, "features")
	}
	return d, nil
}

// emulatedTPM says whether swtpm is there: libvirt lists the emulator only when it finds it. An older libvirt lists
// no versions; every swtpm has 2.0.
func emulatedTPM(tpm *libvirtxml.DomainCapsDevice) bool {
	versions := enum(tpm.Enums, "backendVersion")
	return tpm.Supported == "yes" && slices.Contains(enum(tpm.Enums, "model"), "tpm-crb") &&
		slices.Contains(enum(tpm.Enums, "backendModel"), "emulator") && (len(versions) == 0 || slices.Contains(versions, "2.0"))
}

func enum(enums []libvirtxml.DomainCapsEnum, name string) []string {
	for _, e := range enums {
		if e.Name == name {
			return e.Values
		}
	}
	return nil
}
