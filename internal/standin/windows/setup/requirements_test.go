package setup

import (
	"strings"
	"testing"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/windows/wimfile"
)

func labConfigCommands(names ...string) []Command {
	var list []Command
	for _, name := range names {
		list = append(list, Command{Line: `reg.exe add "HKLM\SYSTEM\Setup\LabConfig" /v ` + name + ` /t REG_DWORD /d 1 /f`})
	}
	return list
}

func TestRequirements(t *testing.T) {
	full := Machine{TPM2: true, SecureBoot: true, MemoryMiB: 3900}
	for name, c := range map[string]struct {
		build    int
		kind     string
		machine  Machine
		commands []Command
		lacks    string
	}{
		"a machine for it":              {26100, "Client", full, nil, ""},
		"Windows 10":                    {19045, "Client", Machine{}, nil, ""},
		"Server 2025":                   {26100, "Server", Machine{}, nil, ""},
		"no TPM":                        {26100, "Client", Machine{SecureBoot: true, MemoryMiB: 4096}, nil, "no TPM 2.0"},
		"no secure boot":                {22000, "Client", Machine{TPM2: true, MemoryMiB: 4096}, nil, "no secure boot"},
		"2 GiB":                         {26100, "Client", Machine{TPM2: true, SecureBoot: true, MemoryMiB: 2048}, nil, "2048 MiB"},
		"nothing, LabConfig":            {26100, "Client", Machine{}, labConfigCommands("BypassTPMCheck", "BypassSecureBootCheck", "BypassRAMCheck"), ""},
		"nothing, half a LabConfig":     {26100, "Client", Machine{}, labConfigCommands("BypassTPMCheck", "BypassRAMCheck"), "no secure boot"},
		"a LabConfig that is set to 0":  {26100, "Client", Machine{}, []Command{{Line: `reg.exe add "HKLM\SYSTEM\Setup\LabConfig" /v BypassTPMCheck /t REG_DWORD /d 0 /f`}}, "no TPM 2.0"},
		"a LabConfig in another key":    {26100, "Client", Machine{}, []Command{{Line: `reg.exe add "HKLM\SYSTEM\LabConfig" /v BypassTPMCheck /t REG_DWORD /d 1 /f`}}, "no TPM 2.0"},
		"a LabConfig that is no number": {26100, "Client", Machine{}, []Command{{Line: `reg.exe add "HKLM\SYSTEM\Setup\LabConfig" /v BypassTPMCheck /t REG_SZ /d 1 /f`}}, "no TPM 2.0"},
	} {
		c.machine.Medium = Medium{Build: c.build, Images: []wimfile.Image{{InstallationType: c.kind}}}
		s := &Session{Machine: c.machine, Commands: c.commands}
		switch screen := s.checkRequirements(c.kind); {
		case c.lacks == "" && screen != nil:
			t.Errorf("%s: %v (%s)", name, screen, screen.Log)
		case c.lacks != "" && (screen == nil || screen.ID != "requirements" || !strings.Contains(screen.Log, c.lacks)):
			t.Errorf("%s: %v, want %q", name, screen, c.lacks)
		}
	}
}

func TestNetworkPage(t *testing.T) {
	bypass := []Command{{Line: `reg.exe add "HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\OOBE" /v BypassNRO /t REG_DWORD /d 1 /f`}}
	for _, c := range []struct {
		build    int
		kind     string
		commands []Command
		page     bool
	}{
		{26100, "Client", nil, true},
		{26100, "Client", bypass, false},
		{19045, "Client", nil, false},
		{26100, "Server", nil, false},
	} {
		if screen := NetworkPage(c.build, c.kind, c.commands); (screen != nil) != c.page {
			t.Errorf("%d %s: %v", c.build, c.kind, screen)
		}
	}
}
