package model

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/answerfile"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/guest"
)

func (m *Model) facts(_ context.Context, c caller, _ guest.None) (guest.FactsResult, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	text := func(name string) string { s, _ := m.software.Text(versionKey, name); return s }
	build, _ := strconv.Atoi(text("CurrentBuildNumber"))
	revision, _ := m.software.Number(versionKey, "UBR")
	kind, _ := m.controlSet().Number("Control", "PEFirmwareType")
	firmware := map[uint64]string{1: "bios", 2: "uefi"}[kind]
	if firmware == "" {
		firmware = "unknown"
	}
	r := guest.FactsResult{
		Build: build, Revision: int(revision), ProductName: text("ProductName"), Edition: text("EditionID"),
		InstallationType: text("InstallationType"), Architecture: "AMD64", UILanguages: []string{},
		Firmware: firmware, ImageState: m.imageState(), PendingReboot: m.pendingReboot(), PageFileRemoved: m.pageFileRemoved(),
		BootID: m.bootID, UptimeSeconds: m.uptime(),
		PowerShell: fmt.Sprintf("5.1.%d.%d", build, revision), Is64Bit: true, Elevated: true, System: c.system,
	}
	r.ComputerName, _ = m.controlSet().Text(activeComputerNameKey, "ComputerName")
	r.InstallLanguage, _ = m.controlSet().Text(`Control\Nls\Language`, "InstallLanguage")
	r.TimeZone, _ = m.controlSet().Text(`Control\TimeZoneInformation`, "TimeZoneKeyName")
	for _, k := range m.controlSet().Create(`Control\MUI\UILanguages`).Subkeys() {
		r.UILanguages = append(r.UILanguages, k.Name)
	}
	return r, false, nil
}

// pendingReboot lists why Windows wants a restart.
func (m *Model) pendingReboot() []string {
	reasons := []string{}
	if m.software.Open(rebootPendingKey) != nil {
		reasons = append(reasons, "servicing")
	}
	if m.software.Open(rebootRequiredKey) != nil {
		reasons = append(reasons, "windows-update")
	}
	if v, ok := m.controlSet().Open(sessionManagerKey).Get("PendingFileRenameOperations"); ok {
		if list, _ := v.Texts(); len(list) > 0 {
			reasons = append(reasons, "file-rename")
		}
	}
	active, _ := m.controlSet().Text(activeComputerNameKey, "ComputerName")
	if next, _ := m.controlSet().Text(computerNameKey, "ComputerName"); active != next {
		reasons = append(reasons, "computer-name")
	}
	return reasons
}

func (m *Model) waitReady(_ context.Context, _ caller, p guest.ReadyParameters) (guest.ReadyResult, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := guest.ReadyResult{WaitingFor: []string{}, ImageState: m.imageState(), BootID: m.bootID, UptimeSeconds: m.uptime()}
	if p.ManifestSHA256 != "" {
		b, err := m.file(answerfile.BootstrapMarker)
		if err != nil {
			r.WaitingFor = append(r.WaitingFor, "marker")
		} else {
			var done answerfile.BootstrapDone
			if err := json.Unmarshal(b, &done); err != nil {
				return r, false, err
			}
			if done.ManifestSHA256 != p.ManifestSHA256 {
				return r, false, failure("other-build", "the bootstrap's marker %s names the disc manifest %s, this build's is %s: this machine belongs to another build", answerfile.BootstrapMarker, done.ManifestSHA256, p.ManifestSHA256)
			}
		}
	}
	for _, c := range []struct{ value, reason string }{{"OOBEInProgress", "oobe"}, {"SystemSetupInProgress", "system-setup"}} {
		if n, _ := m.system.Number("Setup", c.value); n != 0 {
			r.WaitingFor = append(r.WaitingFor, c.reason)
		}
	}
	if r.ImageState != stateComplete && r.ImageState != stateSealed {
		r.WaitingFor = append(r.WaitingFor, "image-state")
	}
	r.Ready = len(r.WaitingFor) == 0
	return r, false, nil
}
