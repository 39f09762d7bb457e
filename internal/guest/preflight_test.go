package guest_test

import (
	"strings"
	"testing"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/guest"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/guest/scripttest"
)

// healthy is a machine that nothing keeps from being sealed.
const healthy = `
Set-Reg 'HKLM:\SOFTWARE\Microsoft\Windows\CurrentVersion\Setup\State' ImageState 'IMAGE_STATE_COMPLETE'
$global:Cim['Win32_ComputerSystem'] = [pscustomobject]@{ PartOfDomain = $false }
$global:Cim['SoftwareLicensingService'] = [pscustomobject]@{ RemainingWindowsReArmCount = 1000 }
$global:Cim['Win32_EncryptableVolume'] = [pscustomobject]@{ DriveLetter = 'C:'; Status = 0 }
`

const (
	busy      = `$global:Processes = @('TiWorker')`
	strayApp  = `$global:Provisioned = @([pscustomobject]@{ DisplayName = 'Microsoft.Paint' }); $global:Packages = @([pscustomobject]@{ Name = 'Microsoft.Paint'; PackageFullName = 'Microsoft.Paint_1'; IsFramework = $false; IsResourcePackage = $false; SignatureKind = 'Store'; PackageUserInformation = 'S-1: Installed' }, [pscustomobject]@{ Name = 'Microsoft.Copilot'; PackageFullName = 'Microsoft.Copilot_1'; IsFramework = $false; IsResourcePackage = $false; SignatureKind = 'Store'; PackageUserInformation = 'S-1: Installed' });`
	encrypted = `$global:Cim['Win32_EncryptableVolume'] = [pscustomobject]@{ DriveLetter = 'C:'; Status = 1 };`
	pending   = `Set-Reg 'HKLM:\SOFTWARE\Microsoft\Windows\CurrentVersion\WindowsUpdate\Auto Update\RebootRequired' x 1;`
	renames   = `Set-Reg 'HKLM:\SYSTEM\CurrentControlSet\Control\Session Manager' PendingFileRenameOperations @('\??\C:\a', '') MultiString;`
	external  = `Set-Reg 'HKLM:\SOFTWARE\Microsoft\Windows\CurrentVersion\Setup\SysPrepExternal\Generalize' a 'C:\gone\x.dll,Fn'; Set-File 'C:\Windows\System32\there.dll'; Set-Reg 'HKLM:\SOFTWARE\Microsoft\Windows\CurrentVersion\Setup\SysPrepExternal\Generalize' b 'there.dll,Fn';`
	reserved  = `Set-Reg 'HKLM:\SOFTWARE\Microsoft\Windows\CurrentVersion\ReserveManager' ActiveScenario 3 DWord;`
)

func TestPreflight(t *testing.T) {
	t.Parallel()
	fix := guest.PreflightParameters{Fix: true, MaxReboots: 3, WaitSeconds: 30}
	for name, c := range map[string]struct {
		set      string
		p        guest.PreflightParameters
		id       string
		severity string
		says     string
		reboot   bool
		calls    string // a command that must have been called
		sleeps   int    // of 5 seconds each
	}{
		"healthy":                    {p: fix, id: "image-state", severity: "ok"},
		"audit mode":                 {set: `Set-Reg 'HKLM:\SYSTEM\Setup\Status' AuditBoot 1 DWord`, p: fix, id: "audit-mode", severity: "fail", says: "AuditBoot=1"},
		"sealed already":             {set: `Set-Reg 'HKLM:\SOFTWARE\Microsoft\Windows\CurrentVersion\Setup\State' ImageState 'IMAGE_STATE_GENERALIZE_RESEAL_TO_OOBE'`, p: fix, id: "image-state", severity: "fail", says: "RESEAL_TO_OOBE"},
		"restart pending":            {set: pending, p: fix, id: "pending-reboot", severity: "fixed", reboot: true},
		"restart pending, no fix":    {set: pending, p: guest.PreflightParameters{MaxReboots: 3}, id: "pending-reboot", severity: "fail"},
		"restart pending for ever":   {set: pending, p: guest.PreflightParameters{Fix: true, Reboots: 3, MaxReboots: 3}, id: "pending-reboot", severity: "fail", says: "windows-update"},
		"files to rename":            {set: renames, p: fix, id: "pending-reboot", severity: "fixed", reboot: true},
		"files to rename once more":  {set: renames, p: guest.PreflightParameters{Fix: true, Reboots: 1, MaxReboots: 3}, id: "file-rename", severity: "warn"},
		"updates that never end":     {set: busy + `; Set-TestService wuauserv 3; $global:Running = @('wuauserv')`, p: fix, id: "windows-update", severity: "fail", says: "TiWorker", calls: "Stop-Service", sleeps: 6},
		"updates that end":           {set: busy + `; New-Stub Start-Sleep { $global:Processes = @() }`, p: fix, id: "windows-update", severity: "fixed"},
		"updates, no fix":            {set: busy, id: "windows-update", severity: "fail"},
		"in a domain":                {set: `$global:Cim['Win32_ComputerSystem'] = [pscustomobject]@{ PartOfDomain = $true }`, p: fix, id: "domain", severity: "fail"},
		"upgraded":                   {set: `Set-Reg 'HKLM:\SYSTEM\Setup' Upgrade 1 DWord`, p: fix, id: "upgraded", severity: "fail"},
		"rearm spent":                {set: `$global:Cim['SoftwareLicensingService'] = [pscustomobject]@{ RemainingWindowsReArmCount = 0 }`, p: fix, id: "rearm", severity: "fail", says: "skip_rearm"},
		"rearm spent, and skipped":   {set: `$global:Cim['SoftwareLicensingService'] = [pscustomobject]@{ RemainingWindowsReArmCount = 0 }`, p: guest.PreflightParameters{SkipRearm: true}, id: "rearm", severity: "warn"},
		"another sysprep":            {set: `$global:Processes = @('sysprep')`, p: fix, id: "sysprep-running", severity: "fail"},
		"a broken-off sysprep":       {set: `Set-Reg 'HKLM:\SYSTEM\Setup\Status\SysprepStatus' CleanupState 7 DWord`, p: fix, id: "sysprep-running", severity: "fixed", says: "CleanupState=7"},
		"a broken-off one, no fix":   {set: `Set-Reg 'HKLM:\SYSTEM\Setup\Status\SysprepStatus' CleanupState 7 DWord`, id: "sysprep-running", severity: "fail"},
		"a provider that is gone":    {set: external, p: fix, id: "sysprep-external", severity: "fixed", says: `C:\gone\x.dll`, calls: ""},
		"a provider gone, no fix":    {set: external, id: "sysprep-external", severity: "fail"},
		"Defender for Endpoint":      {set: `Set-Reg 'HKLM:\SOFTWARE\Microsoft\Windows Advanced Threat Protection\Status' OnboardingState 1 DWord`, p: fix, id: "defender-endpoint", severity: "fail"},
		"BitLocker":                  {set: encrypted + `$global:DecryptTo = 0`, p: fix, id: "bitlocker", severity: "fixed", calls: "Invoke-CimMethod"},
		"BitLocker that stays":       {set: encrypted + `$global:DecryptTo = 3`, p: fix, id: "bitlocker", severity: "fail", says: "conversion status 1", sleeps: 6},
		"no BitLocker there":         {set: `$global:Cim.Remove('Win32_EncryptableVolume')`, p: fix, id: "bitlocker", severity: "ok"},
		"reserved storage":           {set: reserved, p: fix, id: "reserved-storage", severity: "fixed", calls: "dism.exe"},
		"reserved storage, refused":  {set: reserved + `$global:Exit['dism.exe'] = 5`, p: fix, id: "reserved-storage", severity: "fail"},
		"reserved storage, older":    {set: reserved + `$global:Exit['dism.exe'] = 87`, p: fix, id: "reserved-storage", severity: "fixed"},
		"cloudbase-init ran":         {set: `Set-TestService 'cloudbase-init' 4; Set-File 'C:\Program Files\Cloudbase Solutions\Cloudbase-Init\log\cloudbase-init.log' 'log'`, p: fix, id: "cloudbase-init-ran", severity: "fail"},
		"cloudbase-init is enabled":  {set: `Set-TestService 'cloudbase-init' 2`, p: fix, id: "cloudbase-init-ran", severity: "fail", says: "Start=2"},
		"cloudbase-init is disabled": {set: `Set-TestService 'cloudbase-init' 4`, p: fix, id: "cloudbase-init-ran", severity: "ok"},
		"a user's package":           {set: strayApp, p: fix, id: "appx", severity: "fixed", says: "Microsoft.Copilot_1", calls: "Remove-AppxPackage"},
		"a user's package, no fix":   {set: strayApp, id: "appx", severity: "fail", says: "Microsoft.Copilot_1"},
		"a package that stays":       {set: strayApp + `$global:RemoveFails = $true`, p: fix, id: "appx", severity: "warn"},
		"Server Core without AppX":   {set: `Set-Reg 'HKLM:\SOFTWARE\Microsoft\Windows NT\CurrentVersion' InstallationType 'Server Core'; New-Stub Get-AppxPackage { throw 'not here' }`, p: fix, id: "appx", severity: "ok"},
		"AppX that does not answer":  {set: `New-Stub Get-AppxPackage { throw 'not here' }`, p: fix, id: "appx", severity: "warn", says: "not here"},
		"a package, older cmdlet":    {set: `$global:Packages = @([pscustomobject]@{ Name = 'Microsoft.Copilot'; PackageFullName = 'Microsoft.Copilot_1'; IsFramework = $false; IsResourcePackage = $false; InstallLocation = 'C:\Program Files\WindowsApps\x'; PackageUserInformation = 'S-1: Installed' }, [pscustomobject]@{ Name = 'Microsoft.LockApp'; PackageFullName = 'Microsoft.LockApp_1'; IsFramework = $false; IsResourcePackage = $false; InstallLocation = 'C:\Windows\SystemApps\x'; PackageUserInformation = 'S-1: Installed' })`, id: "appx", severity: "fail", says: "Microsoft.Copilot_1"},
		"WMI that does not answer":   {set: `New-Stub Get-CimInstance { throw 'WMI is broken' }`, p: fix, id: "machine", severity: "warn", says: "WMI is broken"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := scripttest.New(t).Set(healthy + c.set)
			r, reboot := do(t, guest.Preflight, m, c.p)
			if reboot != c.reboot {
				t.Errorf("reboot %v", reboot)
			}
			var found bool
			for _, f := range r.Findings {
				if f.ID == c.id {
					found = true
					if f.Severity != c.severity || !strings.Contains(f.Object+f.Found+f.Remedy, c.says) {
						t.Errorf("got %+v, expected %s with %q", f, c.severity, c.says)
					}
					if f.Severity == guest.FindingFail && f.Remedy == "" {
						t.Errorf("no remedy: %+v", f)
					}
				} else if f.Severity != guest.FindingOK && name != "WMI that does not answer" {
					t.Errorf("also %+v", f)
				}
			}
			if !found {
				t.Errorf("no finding %s in %+v", c.id, r.Findings)
			}
			if n := len(m.Calls(t, "Start-Sleep")); n != c.sleeps && c.sleeps > 0 {
				t.Errorf("it slept %d times, expected %d", n, c.sleeps)
			}
			if c.calls != "" && len(m.Calls(t, c.calls)) == 0 {
				t.Errorf("%s was not called", c.calls)
			}
		})
	}
}

func TestPreflightMends(t *testing.T) {
	t.Parallel()
	const status = `HKLM\SYSTEM\Setup\Status\SysprepStatus`
	m := scripttest.New(t).Set(healthy + external + reserved + `Set-Reg 'HKLM:\SYSTEM\Setup\Status\SysprepStatus' CleanupState 7 DWord; Set-Reg 'HKLM:\SYSTEM\Setup\Status\SysprepStatus' GeneralizationState 3 DWord`)
	do(t, guest.Preflight, m, guest.PreflightParameters{Fix: true})
	const key = `HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Setup\SysPrepExternal\Generalize`
	if m.Registry(t, key, "a") != nil || m.Registry(t, key, "b") == nil {
		t.Error("the wrong provider was removed, or none")
	}
	if c, g := m.Registry(t, status, "CleanupState"), m.Registry(t, status, "GeneralizationState"); c != float64(2) || g != float64(7) {
		t.Errorf("sysprep would still think it broken off: CleanupState=%v GeneralizationState=%v", c, g)
	}
	if v := m.Registry(t, `HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\ReserveManager`, "ActiveScenario"); v != float64(0) {
		t.Errorf("ActiveScenario is %v", v)
	}
}

func TestAppXRemove(t *testing.T) {
	t.Parallel()
	p := guest.AppXRemoveParameters{Packages: []string{"A_1", "B_1"}}
	m := scripttest.New(t)
	if r, _ := do(t, guest.AppXRemove, m, p); len(r.Left) != 0 || len(m.Calls(t, "Remove-AppxPackage")) != 2 {
		t.Errorf("%+v", r)
	}
	if c := m.Calls(t, "Remove-AppxPackage"); c[0].Parameters["AllUsers"] != nil {
		t.Errorf("Server 2016 has no -AllUsers: %v", c[0])
	}
	if r, _ := do(t, guest.AppXRemove, scripttest.New(t).Set(`$global:RemoveFails = $true`), p); len(r.Left) != 2 {
		t.Errorf("%+v", r)
	}
	// Later builds have the parameter.
	m = scripttest.New(t).Set(`Remove-Item Function:\Remove-AppxPackage; function global:Remove-AppxPackage($Package, [switch]$AllUsers) { Add-Record $env:WT_BEACONS "$Package $AllUsers" }`)
	do(t, guest.AppXRemove, m, p)
	if b := m.Beacons(t); len(b) != 2 || b[0] != "A_1 True" {
		t.Errorf("%v", b)
	}
}
