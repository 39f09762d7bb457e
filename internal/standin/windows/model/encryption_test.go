package model

import (
	"slices"
	"testing"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/answerfile"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/guest"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/windows/setup"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/windows"
)

// TestDeviceEncryption: Windows 11 24H2 encrypts its drive by itself; with the
// commands of a generated answer file it does not.
func TestDeviceEncryption(t *testing.T) {
	generated := generatedRegistry(t)
	for name, c := range map[string]struct {
		build     int
		kind      string
		registry  []RegValue
		encrypted bool
	}{
		"Windows 11 24H2":            {26100, "Client", nil, true},
		"the generated answer file":  {26100, "Client", generated, false},
		"Windows 11 23H2":            {22631, "Client", nil, false},
		"Server 2025":                {26100, "Server", nil, false},
		"the policy, switched to no": {26100, "Client", []RegValue{{Key: `HKLM\SYSTEM\CurrentControlSet\Control\BitLocker`, Name: "PreventDeviceEncryption", Type: "REG_DWORD", Data: "0"}}, true},
	} {
		w := newWorld(t, func(_ *world, i *Install) {
			i.InstallationType, i.Build, i.EditionID = c.kind, c.build, "Professional"
			i.Registry = append(i.Registry, c.registry...)
		})
		found, _, err := guest.Preflight.Do(t.Context(), guest.NewSession(w), guest.PreflightParameters{})
		if err != nil {
			t.Fatal(err)
		}
		got := slices.ContainsFunc(found.Findings, func(f guest.PreflightFinding) bool {
			return f.ID == "bitlocker" && f.Severity == guest.FindingFail
		})
		if got != c.encrypted {
			t.Errorf("%s: encrypted %v, want %v", name, got, c.encrypted)
		}
	}
}

// generatedRegistry is what the plugin's answer file for Windows 11 sets in the
// specialize pass.
func generatedRegistry(t *testing.T) []RegValue {
	t.Helper()
	product, err := windows.ProductOf(26100, "Client")
	if err != nil {
		t.Fatal(err)
	}
	data, err := answerfile.Autounattend(answerfile.Answers{
		Product: product, Firmware: answerfile.UEFI, Language: "en-US", BuildAccount: &answerfile.LocalAccount{Name: "packer", Password: testPassword, Administrator: true},
		Image: answerfile.Image{Index: 1, EditionID: "Professional", Architecture: "amd64", Languages: []string{"en-US"}, DefaultLanguage: "en-US", SetupLanguages: []string{"en-US"}, Channel: answerfile.Retail, Editions: 2},
	})
	if err != nil {
		t.Fatal(err)
	}
	answers, screen := setup.Parse(`D:\Autounattend.xml`, data)
	if screen != nil {
		t.Fatal(screen)
	}
	s, screen := answers.Specialize(setup.Installed{Type: "Client", EditionID: "Professional", Build: 26100}, func(string) bool { return true })
	if screen != nil {
		t.Fatal(screen)
	}
	var list []RegValue
	for _, c := range s.Commands {
		if action, err := setup.Interpret(c.Line); err == nil && action.Registry != nil {
			list = append(list, RegValue(*action.Registry))
		}
	}
	return list
}
