package guest

import (
	"errors"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// hasTPM2 says whether the machine has a TPM of version 2.0.
func hasTPM2() bool {
	version, err := os.ReadFile("/sys/class/tpm/tpm0/tpm_version_major")
	return err == nil && strings.TrimSpace(string(version)) == "2"
}

// knowsSecureBoot says whether the firmware has the variable SecureBoot, on or
// off: Windows 11 wants a machine that is capable of it.
func knowsSecureBoot() bool {
	const variables, global = "/sys/firmware/efi/efivars", "8be4df61-93ca-11d2-aa0d-00e098032b8c"
	if err := unix.Mount("efivarfs", variables, "efivarfs", unix.MS_RDONLY, ""); err != nil && !errors.Is(err, unix.EBUSY) {
		return false // a BIOS
	}
	_, err := os.Stat(variables + "/SecureBoot-" + global)
	return err == nil
}

// memoryMiB is what the firmware gave the kernel.
func memoryMiB() int64 {
	var info unix.Sysinfo_t
	if err := unix.Sysinfo(&info); err != nil {
		return 0
	}
	return int64(info.Totalram*uint64(info.Unit)) >> 20
}
