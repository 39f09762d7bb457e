package libvirtapi

import (
	"errors"
	"fmt"
	"net"
	"path"
	"regexp"
	"strings"
)

// The limits of what hangs on q35's AHCI controller, and of a virtio-blk serial number in QEMU.
const (
	sataPorts     = 6
	serialMax     = 20
	maxDiskLetter = 26
)

var uuidText = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

// validate finds what libvirt would refuse later, or worse, accept and read in another way.
func (s DomainSpec) validate() error {
	var errs []error
	wrong := func(field, format string, args ...any) {
		errs = append(errs, fmt.Errorf("domain: %s: %s", field, fmt.Sprintf(format, args...)))
	}
	if s.Name == "" || strings.ContainsAny(s.Name, "/\n") {
		wrong("Name", "%q can't be a domain's name", s.Name)
	}
	if s.UUID != "" && !uuidText.MatchString(s.UUID) {
		wrong("UUID", "%q is not a UUID in lower case", s.UUID)
	}
	if s.Accelerator != KVM && s.Accelerator != TCG {
		wrong("Accelerator", "%q is neither %q nor %q", string(s.Accelerator), string(KVM), string(TCG))
	}
	if s.Firmware != UEFI && s.Firmware != BIOS {
		wrong("Firmware", "%q is neither %q nor %q", s.Firmware, UEFI, BIOS)
	}
	if s.SecureBoot && s.Firmware != UEFI {
		wrong("SecureBoot", "firmware is %q; only %q has Secure Boot", s.Firmware, UEFI)
	}
	if m := s.Machine; m != "" && m != defaultMachine && !strings.Contains(m, "q35") {
		wrong("Machine", "%q is not a q35 machine", m)
	}
	if s.CPUs < 1 {
		wrong("CPUs", "%d; at least 1", s.CPUs)
	}
	if s.MemoryMiB < 1 {
		wrong("MemoryMiB", "%d; at least 1", s.MemoryMiB)
	}
	if s.ClockOffset%1e9 != 0 {
		wrong("ClockOffset", "%s is not a whole number of seconds", s.ClockOffset)
	}
	errs = append(errs, s.validateDrives()...)
	if hw, err := net.ParseMAC(s.NIC.MAC); err != nil || len(hw) != 6 {
		wrong("NIC.MAC", "%q is not an Ethernet address", s.NIC.MAC)
	} else if hw[0]&1 != 0 {
		wrong("NIC.MAC", "%q is a group address", s.NIC.MAC)
	}
	if (s.NIC.Network == "") == (s.NIC.Bridge == "") {
		wrong("NIC", "Network %q, Bridge %q; exactly one must be set", s.NIC.Network, s.NIC.Bridge)
	}
	if s.VNC != "" && s.VNC != VNCSocket && s.VNC != VNCLocalhost {
		wrong("VNC", "%q is neither %q nor %q", s.VNC, VNCSocket, VNCLocalhost)
	}
	return errors.Join(errs...)
}

func (s DomainSpec) validateDrives() []error {
	var errs []error
	add := func(err error) {
		if err != nil {
			errs = append(errs, err)
		}
	}
	orders := map[int]string{}
	order := func(field string, n int) {
		if n == 0 {
			return
		}
		if n < 0 {
			add(fmt.Errorf("domain: %s.BootOrder: %d is negative", field, n))
		} else if other := orders[n]; other != "" {
			add(fmt.Errorf("domain: %s.BootOrder: %d is taken by %s", field, n, other))
		}
		orders[n] = field
	}
	sata := len(s.CDs)
	for i, d := range s.Disks {
		field := fmt.Sprintf("Disks[%d]", i)
		add(d.validate("domain: " + field))
		order(field, d.BootOrder)
		if d.Bus == SATA {
			sata++
		}
	}
	for i, cd := range s.CDs {
		field := fmt.Sprintf("CDs[%d]", i)
		add(cd.validate("domain: " + field))
		order(field, cd.BootOrder)
	}
	if sata > sataPorts {
		add(fmt.Errorf("domain: %d drives on SATA; the controller has %d ports", sata, sataPorts))
	}
	if n := len(s.Disks) + len(s.CDs); n > maxDiskLetter {
		add(fmt.Errorf("domain: %d drives; at most %d", n, maxDiskLetter))
	}
	return errs
}

func (d DiskSpec) validate(field string) error {
	var errs []error
	if !path.IsAbs(d.Path) {
		errs = append(errs, fmt.Errorf("%s.Path: %q is not absolute", field, d.Path))
	}
	if d.Format != "qcow2" && d.Format != "raw" {
		errs = append(errs, fmt.Errorf("%s.Format: %q is neither qcow2 nor raw", field, d.Format))
	}
	if d.Bus != VirtioBlk && d.Bus != VirtioSCSI && d.Bus != SATA {
		errs = append(errs, fmt.Errorf("%s.Bus: %q is none of %q, %q, %q", field, d.Bus, VirtioBlk, VirtioSCSI, SATA))
	}
	if len(d.Serial) > serialMax {
		errs = append(errs, fmt.Errorf("%s.Serial: %q is longer than %d characters", field, d.Serial, serialMax))
	}
	return errors.Join(errs...)
}

func (cd CDSpec) validate(field string) error {
	if cd.Path == "" {
		return nil
	}
	var errs []error
	if !path.IsAbs(cd.Path) {
		errs = append(errs, fmt.Errorf("%s.Path: %q is not absolute", field, cd.Path))
	}
	switch {
	case cd.Format != "qcow2" && cd.Format != "raw" && cd.Format != "":
		errs = append(errs, fmt.Errorf("%s.Format: %q is neither qcow2 nor raw", field, cd.Format))
	case cd.Backing != nil && cd.Format != "qcow2":
		errs = append(errs, fmt.Errorf("%s.Backing: only a qcow2 overlay has one, and the format is %q", field, cd.Format))
	}
	if b := cd.Backing; b != nil && (!path.IsAbs(b.Path) || b.Format == "") {
		errs = append(errs, fmt.Errorf("%s.Backing: path %q must be absolute and format %q set", field, b.Path, b.Format))
	}
	return errors.Join(errs...)
}

// sameMAC compares two Ethernet addresses in any spelling.
func sameMAC(a, b string) bool {
	x, errX := net.ParseMAC(a)
	y, errY := net.ParseMAC(b)
	return errX == nil && errY == nil && x.String() == y.String()
}
