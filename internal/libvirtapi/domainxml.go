package libvirtapi

import (
	"cmp"
	"encoding/xml"
	"fmt"
	"strconv"
	"strings"

	"libvirt.org/go/libvirtxml"
)

// defaultMachine is QEMU's PCI Express machine, by the alias of its newest version.
const defaultMachine = "q35"

// DomainXML renders the domain. It is pure: equal specs give equal bytes. Errors name the
// fields of the spec, all of them at once.
func DomainXML(spec DomainSpec) (string, error) {
	if err := spec.validate(); err != nil {
		return "", err
	}
	owner, err := spec.Owner.xml()
	if err != nil {
		return "", err
	}
	d := libvirtxml.Domain{
		Type:        string(spec.Accelerator),
		Name:        spec.Name,
		UUID:        spec.UUID,
		Description: "Temporary machine of a Packer build (packer-plugin-wintemplate); removed when the build ends",
		Metadata:    &libvirtxml.DomainMetadata{XML: owner},
		Memory:      &libvirtxml.DomainMemory{Value: uint(spec.MemoryMiB), Unit: "MiB"},
		VCPU:        &libvirtxml.DomainVCPU{Placement: "static", Value: uint(spec.CPUs)},
		OS:          osXML(spec),
		Features:    featuresXML(spec),
		CPU:         cpuXML(spec),
		Clock:       clockXML(spec),
		OnPoweroff:  "destroy",
		OnReboot:    "restart",
		OnCrash:     "destroy",
		// A guest that sleeps looks like one that hangs, and a template must not learn that it can.
		PM: &libvirtxml.DomainPM{
			SuspendToMem:  &libvirtxml.DomainPMPolicy{Enabled: "no"},
			SuspendToDisk: &libvirtxml.DomainPMPolicy{Enabled: "no"},
		},
		Devices: deviceList(spec),
	}
	if spec.Accelerator == KVM {
		// With the panic device: a blue screen becomes an event, and stays on the screen for a picture.
		d.OnCrash = "preserve"
	}
	return d.Marshal()
}

func osXML(spec DomainSpec) *libvirtxml.DomainOS {
	os := &libvirtxml.DomainOS{
		Type: &libvirtxml.DomainOSType{Arch: "x86_64", Machine: cmp.Or(spec.Machine, defaultMachine), Type: "hvm"},
	}
	if spec.Firmware != UEFI {
		return os
	}
	// Said explicitly, since libvirt else takes whichever firmware descriptor comes first, which on most hosts has
	// Secure Boot and Microsoft's keys: Windows updates then raise the boot manager's revision in this guest's
	// variables, and a clone with others may refuse it (cjee21/Check-UEFISecureBootVariables#12).
	enabled := yesNo(spec.SecureBoot)
	os.Firmware = "efi"
	os.FirmwareInfo = &libvirtxml.DomainOSFirmwareInfo{Features: []libvirtxml.DomainOSFirmwareFeature{
		{Enabled: enabled, Name: "enrolled-keys"},
		{Enabled: enabled, Name: "secure-boot"},
	}}
	if spec.SecureBoot {
		os.Loader = &libvirtxml.DomainLoader{Secure: "yes"}
	}
	return os
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// cpuMode is what Windows can run on: Windows 11 24H2 and Server 2025 reboot or stop with a blue screen on a
// CPU without SSE4.2 and POPCNT (pbatard/rufus#2600, #2568), and libvirt's default, qemu64, has neither.
func cpuMode(acc Accelerator) string {
	if acc == KVM {
		return "host-passthrough"
	}
	return "maximum"
}

func cpuXML(spec DomainSpec) *libvirtxml.DomainCPU {
	cpu := &libvirtxml.DomainCPU{
		Mode: cpuMode(spec.Accelerator),
		// One socket: `<vcpu>4` alone is four, and Windows clients use two at most.
		Topology: &libvirtxml.DomainCPUTopology{Sockets: 1, Dies: 1, Cores: spec.CPUs, Threads: 1},
	}
	if spec.Accelerator == KVM {
		cpu.Check, cpu.Migratable = "none", "on"
	}
	return cpu
}

// clockXML gives Windows the hardware clock that it expects, its own zone's local time, wherever the host is:
// `localtime` would be the host's zone, and libvirt's QEMU driver has no offset='timezone'.
func clockXML(spec DomainSpec) *libvirtxml.DomainClock {
	clock := &libvirtxml.DomainClock{
		Offset: "variable", Basis: "utc", Adjustment: strconv.Itoa(int(spec.ClockOffset.Seconds())),
		Timer: []libvirtxml.DomainTimer{
			{Name: "rtc", TickPolicy: "catchup"},
			{Name: "pit", TickPolicy: "delay"},
			{Name: "hpet", Present: "no"},
		},
	}
	if spec.Accelerator == KVM {
		clock.Timer = append(clock.Timer, libvirtxml.DomainTimer{Name: "hypervclock", Present: "yes"})
	}
	return clock
}

func featuresXML(spec DomainSpec) *libvirtxml.DomainFeatureList {
	f := &libvirtxml.DomainFeatureList{
		ACPI:   &libvirtxml.DomainFeature{},
		APIC:   &libvirtxml.DomainFeatureAPIC{},
		VMPort: &libvirtxml.DomainFeatureState{State: "off"},
	}
	if spec.SecureBoot {
		// The firmware keeps its variables from the guest by system management mode.
		f.SMM = &libvirtxml.DomainFeatureSMM{State: "on"}
	}
	if spec.Accelerator == KVM {
		f.HyperV = hypervXML(spec.HyperV)
	}
	return f
}

// hypervXML is the list that Windows gains from. Never mode='passthrough': with SeaBIOS it freezes Windows at
// boot (canonical/lxd#18732, #18740). None under TCG, where nobody runs them.
func hypervXML(supported []string) *libvirtxml.DomainFeatureHyperV {
	on := func(name string) *libvirtxml.DomainFeatureState {
		if supported != nil && !contains(supported, name) {
			return nil
		}
		return &libvirtxml.DomainFeatureState{State: "on"}
	}
	h := &libvirtxml.DomainFeatureHyperV{
		Mode:        "custom",
		Relaxed:     on("relaxed"),
		VAPIC:       on("vapic"),
		VPIndex:     on("vpindex"),
		Runtime:     on("runtime"),
		Synic:       on("synic"),
		Reset:       on("reset"),
		Frequencies: on("frequencies"),
	}
	if s := on("spinlocks"); s != nil {
		h.Spinlocks = &libvirtxml.DomainFeatureHyperVSpinlocks{DomainFeatureState: *s, Retries: 8191}
	}
	if s := on("stimer"); s != nil {
		h.STimer = &libvirtxml.DomainFeatureHyperVSTimer{DomainFeatureState: *s}
	}
	return h
}

func contains(list []string, s string) bool {
	for _, v := range list {
		if strings.EqualFold(v, s) {
			return true
		}
	}
	return false
}

// ownerNamespace names the plugin's element in a domain's metadata.
const ownerNamespace = "https://github.com/wintemplate/packer-plugin-wintemplate/domain/1"

// ownerXML is that element. libvirt demands a prefix, which encoding/xml writes only when it is part of the
// name, and gives the element back without it.
type ownerXML struct {
	XMLName   xml.Name `xml:"wintemplate:build"`
	Namespace string   `xml:"xmlns:wintemplate,attr"`
	ID        string   `xml:"id,attr"`
	Version   string   `xml:"version,attr"`
}

func (o Owner) xml() (string, error) {
	b, err := xml.Marshal(ownerXML{Namespace: ownerNamespace, ID: o.Build, Version: o.Version})
	if err != nil {
		return "", fmt.Errorf("owner: %w", err)
	}
	return string(b), nil
}

// parseOwner reads the element as DomainGetMetadata gives it.
func parseOwner(doc string) (Owner, error) {
	var x struct {
		ID      string `xml:"id,attr"`
		Version string `xml:"version,attr"`
	}
	if err := xml.Unmarshal([]byte(doc), &x); err != nil {
		return Owner{}, fmt.Errorf("the domain's metadata can't be read: %w", err)
	}
	return Owner{Build: x.ID, Version: x.Version}, nil
}
