package libvirt

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/hashicorp/packer-plugin-sdk/template/config"
)

// MachineConfig says what the build machine looks like.
type MachineConfig struct {
	// The name of the libvirt domain, and of the disk image without its ending.
	// Default: `packer-` and the name of the source block. It must not be taken
	// on the host.
	VMName string `mapstructure:"vm_name"`
	// `uefi` (default) or `bios`. The template boots only on machines with the
	// same firmware. OVMF is found by libvirt's firmware auto-selection.
	Firmware string `mapstructure:"firmware"`
	// Give the machine a TPM 2.0, which swtpm emulates on libvirt's host. Needs
	// `firmware = "uefi"`. The default is `true` for Windows 11, whose Setup
	// demands it, unless `lab_config` or `install_method = "apply"` spares the
	// demand, and `false` for everything else. Its contents are not part of the
	// template: each clone has a TPM of its own, or none.
	VTPM config.Trilean `mapstructure:"vtpm"`
	// Start the machine with Secure Boot and Microsoft's keys: OVMF with these
	// enrolled, found by libvirt's firmware auto-selection. Needs
	// `firmware = "uefi"`. Default: as with `vtpm`. A template that is built so
	// starts on clones without Secure Boot too.
	SecureBoot config.Trilean `mapstructure:"secure_boot"`
	// The size of the disk that the template's clones see, such as `40G`. The
	// units are K, M, G and T (powers of 1024); a bare number is mebibytes. The
	// default is `40G`.
	DiskSize string `mapstructure:"disk_size"`
	// How the disk is attached while Windows is installed: `virtio-blk`
	// (default) or `virtio-scsi`. Both drivers are made to start at boot either
	// way, so that the template runs on both.
	DiskBus string `mapstructure:"disk_bus"`
	// Virtual processors, all in one socket, since Windows clients use at most
	// two sockets. Default 2.
	CPUs int `mapstructure:"cpus"`
	// Memory in mebibytes. Default 4096, which Windows 11 and Server 2025 need.
	Memory int `mapstructure:"memory"`
	// `auto` (default) uses KVM when a probe shows that it really runs a guest,
	// and QEMU's TCG otherwise, with a warning: Windows then installs in hours.
	// `kvm` fails when the probe fails; `tcg` never uses KVM.
	Accelerator string `mapstructure:"accelerator"`
}

// minMemory is what even Windows PE does not start with.
const minMemory = 512

var (
	// domainName is what libvirt, a file name and an AppArmor profile all take.
	domainName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._+-]{0,62}$`)
	notInName  = regexp.MustCompile(`[^A-Za-z0-9._+-]+`)
)

// Prepare checks the section and sets its defaults.
func (c *MachineConfig) Prepare(buildName string) []error {
	var errs []error
	if c.VMName == "" {
		c.VMName = "packer-" + notInName.ReplaceAllString(buildName, "-")
	}
	if !unknown(c.VMName) && !domainName.MatchString(c.VMName) {
		errs = append(errs, fmt.Errorf("vm_name: %q can't name a libvirt domain and its files; use up to 63 letters, digits and ._+-, the first a letter or digit", c.VMName))
	}
	setDefault(&c.Firmware, "uefi")
	setDefault(&c.DiskSize, "40G")
	setDefault(&c.DiskBus, "virtio-blk")
	setDefault(&c.Accelerator, "auto")
	if c.CPUs == 0 {
		c.CPUs = 2
	}
	if c.Memory == 0 {
		c.Memory = 4096
	}

	check := func(err error) {
		if err != nil {
			errs = append(errs, err)
		}
	}
	check(oneOf("firmware", c.Firmware, "uefi", "bios"))
	if c.Firmware == "bios" {
		if c.VTPM.True() {
			check(errors.New(`vtpm: true, but Windows uses a TPM 2.0 under UEFI only; set firmware = "uefi", or leave vtpm out`))
		}
		if c.SecureBoot.True() {
			check(errors.New(`secure_boot: true, but a BIOS has no Secure Boot; set firmware = "uefi", or leave secure_boot out`))
		}
	}
	check(oneOf("disk_bus", c.DiskBus, "virtio-blk", "virtio-scsi"))
	check(oneOf("accelerator", c.Accelerator, "auto", "kvm", "tcg"))
	if !unknown(c.DiskSize) {
		size, err := parseSize(c.DiskSize)
		switch {
		case err != nil:
			check(fmt.Errorf("disk_size: %w", err))
		case size < 1<<30:
			check(fmt.Errorf("disk_size: %q is under 1 GiB; a bare number is mebibytes, Windows Server wants 32G or more", c.DiskSize))
		case size > 8<<40:
			check(fmt.Errorf("disk_size: %q is over 8 TiB", c.DiskSize))
		}
	}
	if c.CPUs < 1 || c.CPUs > 255 {
		check(fmt.Errorf("cpus: %d is not between 1 and 255", c.CPUs))
	}
	if c.Memory < minMemory {
		check(fmt.Errorf("memory: %d MiB is under %d; Windows Server 2022 wants 2048, Windows 11 and Server 2025 want 4096", c.Memory, minMemory))
	}
	return errs
}

func setDefault(field *string, value string) {
	if *field == "" {
		*field = value
	}
}

// parseSize reads "40G" as bytes; a bare number is mebibytes, as in Packer's
// QEMU builder.
func parseSize(text string) (int64, error) {
	units := map[string]int64{"": 1 << 20, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
	digits := strings.TrimRight(text, "KMGTkmgtiIbB ")
	unit := strings.ToUpper(strings.TrimSpace(text[len(digits):]))
	unit = strings.TrimSuffix(strings.TrimSuffix(unit, "B"), "I")
	scale, ok := units[unit]
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || !ok || n <= 0 || n > (1<<62)/scale {
		return 0, fmt.Errorf("%q is not a size such as 40G", text)
	}
	return n * scale, nil
}
