package model

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/guest"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/regf"
)

// Where Windows keeps Store packages: those that a user has, by SID, and those
// that every new user gets.
const (
	appxKey            = `Microsoft\Windows\CurrentVersion\Appx\AppxAllUserStore`
	appxProvisionedKey = appxKey + `\Applications`
	appxUserKey        = appxKey + `\` + machineSID + "500"
	reserveKey         = currentVersionKey + `\ReserveManager`
	sysprepStatusKey   = `Setup\Status\SysprepStatus`
	rearmKey           = versionKey + `\SoftwareProtectionPlatform`
	rearmName          = "RemainingRearmCount" // Windows keeps it in a store of its own
	atpKey             = `Microsoft\Windows Advanced Threat Protection\Status`
	externalKey        = currentVersionKey + `\Setup\SysPrepExternal\Generalize`
)

// AddAppX registers a Store package by its full name, for the build's user or
// for all.
func (m *Model) AddAppX(fullName string, provisioned bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if provisioned {
		m.software.Create(appxProvisionedKey + `\` + fullName)
	}
	m.software.Create(appxUserKey + `\` + fullName)
}

// strayPackages are installed for a user and not provisioned: sysprep refuses
// each (Microsoft KB2769827).
func (m *Model) strayPackages() []string {
	var provisioned, stray []string
	if k := m.software.Open(appxProvisionedKey); k != nil {
		for _, sub := range k.Subkeys() {
			provisioned = append(provisioned, strings.ToLower(family(sub.Name)))
		}
	}
	for _, user := range []string{appxUserKey, orphanUserKey} {
		for _, sub := range m.software.Create(user).Subkeys() {
			if !slices.Contains(provisioned, strings.ToLower(family(sub.Name))) {
				stray = append(stray, sub.Name)
			}
		}
	}
	return stray
}

// family is a full name's first part: Microsoft.MicrosoftEdge.Stable.
func family(fullName string) string { name, _, _ := strings.Cut(fullName, "_"); return name }

func (m *Model) appxRemove(_ context.Context, c caller, p guest.AppXRemoveParameters) (guest.AppXRemoveResult, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return guest.AppXRemoveResult{Left: m.removePackages(c, p.Packages)}, false, nil
}

// removePackages does Remove-AppxPackage and gives what is left: LocalSystem is
// refused per-user deployment (windows-powershell-docs#2391), and of a user who
// is gone nothing can be removed.
func (m *Model) removePackages(c caller, names []string) []string {
	left := []string{}
	for _, name := range names {
		if c.system || !m.software.Delete(appxUserKey+`\`+name) {
			left = append(left, name)
		}
	}
	return left
}

func (m *Model) preflight(ctx context.Context, c caller, p guest.PreflightParameters) (guest.PreflightResult, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	reboot := false
	findings := []guest.PreflightFinding{}
	add := func(id, severity, object, found, remedy string) {
		findings = append(findings, guest.PreflightFinding{ID: id, Severity: severity, Object: object, Found: found, Remedy: remedy})
	}
	ok := func(id string) { add(id, guest.FindingOK, "", "", "") }
	// problem is mended when the caller wishes it and mend can.
	problem := func(id, object, found, remedy string, mend func() bool) {
		if p.Fix && mend != nil && mend() {
			add(id, guest.FindingFixed, object, found, remedy)
			return
		}
		add(id, guest.FindingFail, object, found, remedy)
	}

	audit, _ := m.system.Number(`Setup\Status`, "AuditBoot")
	switch state := m.imageState(); {
	case strings.Contains(state, "AUDIT") || audit != 0:
		problem("audit-mode", "ImageState", fmt.Sprintf("%s, AuditBoot=%d", state, audit), "leave audit mode", nil)
	case state != stateComplete:
		problem("image-state", "ImageState", state, "install afresh", nil)
	default:
		add("image-state", guest.FindingOK, "ImageState", state, "")
	}
	reasons := m.pendingReboot()
	switch hard := slices.DeleteFunc(slices.Clone(reasons), func(r string) bool { return r == "file-rename" }); {
	case len(reasons) == 0:
		ok("pending-reboot")
	case len(hard) == 0 && p.Reboots > 0:
		add("file-rename", guest.FindingWarn, "PendingFileRenameOperations", "files wait to be renamed at the next restart", "none is needed: sysprep goes on")
	default:
		problem("pending-reboot", "restart", strings.Join(reasons, ", "), "the machine is restarted", func() bool {
			reboot = p.Reboots < p.MaxReboots
			return reboot
		})
	}
	m.preflightUpdates(ctx, p, problem, ok)
	if m.inDomain() {
		problem("domain", "Win32_ComputerSystem", "the machine is in a domain", "leave the domain before the sysprep block", nil)
	} else {
		ok("domain")
	}
	if n, _ := m.system.Number("Setup", "Upgrade"); n != 0 {
		problem("upgraded", `HKLM\SYSTEM\Setup!Upgrade`, "this Windows was upgraded from an older one", "install afresh: sysprep refuses an upgraded Windows", nil)
	} else {
		ok("upgraded")
	}
	left, counted := m.software.Number(rearmKey, rearmName)
	switch {
	case !counted || left > 0:
		ok("rearm")
	case p.SkipRearm:
		add("rearm", guest.FindingWarn, "rearm count", "0", "skip_rearm is set: all clones share one client machine id")
	default:
		problem("rearm", "rearm count", "0", "install afresh, or set skip_rearm", nil)
	}
	cleanup, _ := m.system.Number(sysprepStatusKey, "CleanupState")
	general, _ := m.system.Number(sysprepStatusKey, "GeneralizationState")
	if m.processRuns("sysprep") {
		problem("sysprep-running", "sysprep.exe", "another sysprep runs", "wait until it has ended", nil)
	} else if cleanup != 2 || general != 7 {
		problem("sysprep-running", sysprepStatusKey, fmt.Sprintf("CleanupState=%d GeneralizationState=%d", cleanup, general), "set to 2 and 7", func() bool {
			m.system.SetDWord(sysprepStatusKey, "CleanupState", 2)
			m.system.SetDWord(sysprepStatusKey, "GeneralizationState", 7)
			return true
		})
	} else {
		ok("sysprep-running")
	}
	if gone := m.goneProviders(); len(gone) > 0 {
		problem("sysprep-external", externalKey, strings.Join(gone, ", ")+" was not there", "the value was deleted", func() bool {
			for _, name := range gone {
				m.software.Open(externalKey).Unset(name)
			}
			return true
		})
	} else {
		ok("sysprep-external")
	}
	if n, _ := m.software.Number(atpKey, "OnboardingState"); n != 0 {
		problem("defender-endpoint", "Defender for Endpoint", "the machine is onboarded", "run the offboarding script of your tenant", nil)
	} else {
		ok("defender-endpoint")
	}
	m.preflightBitLocker(ctx, p, problem, ok)
	if n, _ := m.software.Number(reserveKey, "ActiveScenario"); n != 0 {
		problem("reserved-storage", reserveKey, fmt.Sprintf("ActiveScenario=%d", n), "reserved storage was disabled", func() bool {
			m.software.SetDWord(reserveKey, "ActiveScenario", 0)
			return true
		})
	} else {
		ok("reserved-storage")
	}
	if start := m.serviceStart(cloudbaseService); start >= 0 {
		switch {
		case m.disk.size(cloudbaseLog) > 0:
			problem("cloudbase-init-ran", "cloudbase-init.log", "cloudbase-init has run in this machine", "install it by the cloudbase_init block, which keeps its service disabled", nil)
		case start != startDisabled:
			problem("cloudbase-init-ran", cloudbaseService, fmt.Sprintf("Start=%d, expected 4 (disabled)", start), "nothing but the seal may enable the service", nil)
		default:
			ok("cloudbase-init-ran")
		}
	}
	switch stray := m.strayPackages(); {
	case len(stray) == 0:
		ok("appx")
	case !p.Fix:
		problem("appx", strings.Join(stray, ", "), "installed for one user, not for all", "Remove-AppxPackage, as the user who has it", nil)
	default:
		if left := m.removePackages(c, stray); len(left) > 0 {
			add("appx", guest.FindingWarn, strings.Join(left, ", "), "installed for one user, and could not be removed", "sysprep will say whether it minds")
		} else {
			add("appx", guest.FindingFixed, strings.Join(stray, ", "), "installed for one user, not for all", "removed")
		}
	}
	return guest.PreflightResult{Findings: findings}, reboot, nil
}

// preflightUpdates waits for servicing, when it may.
func (m *Model) preflightUpdates(ctx context.Context, p guest.PreflightParameters, problem problemFunc, ok func(string)) {
	busy := func() bool { return m.processRuns("TiWorker") }
	if !busy() {
		ok("windows-update")
		return
	}
	if p.Fix && m.await(ctx, time.Duration(p.WaitSeconds)*time.Second, func() bool { return !busy() }) {
		problem("windows-update", "servicing", "was busy", "waited until it had ended", func() bool { return true })
		return
	}
	problem("windows-update", "TiWorker", "still runs", "let updates and installations end before the sysprep block", nil)
}

// preflightBitLocker decrypts drive C:, when it may.
func (m *Model) preflightBitLocker(ctx context.Context, p guest.PreflightParameters, problem problemFunc, ok func(string)) {
	found := m.conversionStatus()
	if found == fullyDecrypted {
		ok("bitlocker")
		return
	}
	if p.Fix {
		m.decrypt()
		if m.await(ctx, time.Duration(p.WaitSeconds)*time.Second, func() bool { return m.conversionStatus() == fullyDecrypted }) {
			problem("bitlocker", "C:", fmt.Sprintf("conversion status %d", found), "decrypted", func() bool { return true })
			return
		}
	}
	problem("bitlocker", "C:", fmt.Sprintf("conversion status %d, not 0 (fully decrypted)", found), "manage-bde -off C:, and PreventDeviceEncryption=1 in the installation", nil)
}

// problemFunc reports a problem: mended when the caller wishes it and mend can.
type problemFunc = func(id, object, found, remedy string, mend func() bool)

// goneProviders are sysprep providers whose library is not there.
func (m *Model) goneProviders() []string {
	k := m.software.Open(externalKey)
	if k == nil {
		return nil
	}
	var gone []string
	for _, v := range k.Values() {
		library, _, _ := strings.Cut(v.String(), ",")
		library = strings.TrimPrefix(library, `C:\`)
		if !strings.Contains(library, `\`) {
			library = `Windows\System32\` + library
		}
		if !m.disk.exists(library) {
			gone = append(gone, v.Name)
		}
	}
	return gone
}

// RequireRestart makes Windows want a restart, as servicing does.
func (m *Model) RequireRestart() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.software.Create(rebootPendingKey).Set(regf.DWordValue("", 1))
}
