package guest

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/windows/setup"
)

// pciDevices lists the machine's PCI functions.
func pciDevices() []setup.Device {
	folders, _ := filepath.Glob("/sys/bus/pci/devices/*")
	var all []setup.Device
	for _, folder := range folders {
		all = append(all, setup.Device{Vendor: hexFile(folder + "/vendor"), Device: hexFile(folder + "/device")})
	}
	return all
}

func hexFile(path string) uint16 {
	text, _ := os.ReadFile(path)
	number, _ := strconv.ParseUint(strings.TrimSpace(string(text)), 0, 16)
	return uint16(number)
}

// firmware tells how the machine was started.
func firmware() setup.Firmware {
	if _, err := os.Stat("/sys/firmware/efi"); err == nil {
		return setup.UEFI
	}
	return setup.BIOS
}

// cpuFlags are the first processor's features.
func cpuFlags() []string {
	text, _ := os.ReadFile("/proc/cpuinfo")
	for _, line := range strings.Split(string(text), "\n") {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "flags" {
			return strings.Fields(value)
		}
	}
	return nil
}

// blockDisks are the hard disks by their device names ("vda"), in the order
// of their controllers on the PCI bus: that is the order of Windows' numbers.
func blockDisks() []string {
	entries, _ := os.ReadDir("/sys/block")
	var names []string
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), "vd") || strings.HasPrefix(e.Name(), "sd") || strings.HasPrefix(e.Name(), "nvme") {
			names = append(names, e.Name())
		}
	}
	slices.SortStableFunc(names, func(a, b string) int { return strings.Compare(sysPath(a), sysPath(b)) })
	return names
}

func sysPath(block string) string {
	path, _ := filepath.EvalSymlinks("/sys/block/" + block)
	return path
}

// diskBytes is a disk's size.
func diskBytes(block string) int64 {
	text, _ := os.ReadFile("/sys/block/" + block + "/size")
	sectors, _ := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	return sectors * 512
}

// partitionsOf lists a disk's partitions in the order of their numbers.
func partitionsOf(block string) []string {
	folders, _ := filepath.Glob("/sys/block/" + block + "/" + block + "*/partition")
	var names []string
	for _, f := range folders {
		names = append(names, filepath.Base(filepath.Dir(f)))
	}
	slices.SortFunc(names, func(a, b string) int { return len(a)*1000 + int(a[len(a)-1]) - len(b)*1000 - int(b[len(b)-1]) })
	return names
}

// partitionNode is the device node of a disk's partition, from 1.
func partitionNode(block string, number int) string {
	if strings.HasPrefix(block, "nvme") {
		return "/dev/" + block + "p" + strconv.Itoa(number)
	}
	return "/dev/" + block + strconv.Itoa(number)
}
