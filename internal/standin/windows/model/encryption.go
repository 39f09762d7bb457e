package model

import (
	"strconv"
	"strings"
)

const (
	// firstAutoEncrypted is the build whose clients encrypt drive C: in OOBE.
	firstAutoEncrypted = 26100
	bitLockerKey       = `Control\BitLocker`
)

// encryptByItself is device encryption of Windows 11 24H2: drive C: is encrypted
// without a question unless PreventDeviceEncryption says no, and sysprep then
// refuses (0x80310039: canonical/packer-maas#341, antifob/incus-windows#30). It
// is as strict here on machines without a TPM.
func (m *Model) encryptByItself() {
	kind, _ := m.software.Text(versionKey, "InstallationType")
	number, _ := m.software.Text(versionKey, "CurrentBuildNumber")
	build, err := strconv.Atoi(number)
	if err != nil || !strings.EqualFold(kind, "Client") || build < firstAutoEncrypted {
		return
	}
	if prevented, _ := m.controlSet().Number(bitLockerKey, "PreventDeviceEncryption"); prevented == 1 {
		return
	}
	m.software.SetDWord(standinKey, conversionName, fullyEncrypted)
}
