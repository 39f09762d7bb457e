package setup

import (
	"fmt"
	"slices"
	"strings"
)

// firstWindows11 is the first build whose client Setup looks at TPM, secure
// boot and memory.
const firstWindows11 = 22000

// minimumMemoryMiB of Windows 11. Firmware keeps some of a machine's 4 GiB.
const minimumMemoryMiB = 4096 - 256

// labConfigKey is where Setup's own checks are switched off, in the registry of
// Windows PE (cschneegans/unattend-generator and dockur/windows do so up to
// 25H2).
const labConfigKey = `HKLM\SYSTEM\Setup\LabConfig`

// checkRequirements: Windows 11 wants TPM 2.0, firmware that is capable of
// secure boot, and 4 GB of memory (Microsoft, "Windows 11 requirements"); its
// servers want none of them.
func (s *Session) checkRequirements(installation string) *Screen {
	if s.Machine.Medium.Build < firstWindows11 || installation != "Client" {
		return nil
	}
	bypassed := s.labConfig()
	var lacks []string
	for _, r := range []struct {
		met    bool
		bypass string
		what   string
	}{
		{s.Machine.TPM2, "BypassTPMCheck", "no TPM 2.0"},
		{s.Machine.SecureBoot, "BypassSecureBootCheck", "no secure boot"},
		{s.Machine.MemoryMiB >= minimumMemoryMiB, "BypassRAMCheck", fmt.Sprintf("%d MiB of memory", s.Machine.MemoryMiB)},
	} {
		if !r.met && !slices.Contains(bypassed, strings.ToLower(r.bypass)) {
			lacks = append(lacks, r.what)
		}
	}
	if len(lacks) == 0 {
		return nil
	}
	return &Screen{
		ID: "requirements", Pass: "windowsPE", Title: "Windows Setup",
		Text:   "This PC can't run Windows 11. This PC doesn't meet the minimum system requirements to install this version of Windows.",
		Log:    strings.Join(lacks, ", ") + ", and no LabConfig says otherwise",
		Source: "learn.microsoft.com: Windows 11 requirements; cschneegans/unattend-generator, dockur/windows: LabConfig",
	}
}

// labConfig lists the checks that the windowsPE commands have switched off, in
// lower case. They have all run by the time that Setup looks.
func (s *Session) labConfig() []string {
	var off []string
	for _, c := range s.Commands {
		action, err := Interpret(c.Line)
		if err != nil || action.Registry == nil {
			continue
		}
		v := action.Registry
		if strings.EqualFold(v.Key, labConfigKey) && v.Type == "REG_DWORD" && v.Data == "1" {
			off = append(off, strings.ToLower(v.Name))
		}
	}
	return off
}
