package guest_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/guest"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/guest/cloudbase"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/guest/scripttest"
)

const (
	winlogonKey = `HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion\Winlogon`
	auKey       = `HKLM\SOFTWARE\Policies\Microsoft\Windows\WindowsUpdate\AU`
	policyKey   = `HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Policies\System`
	spkKey      = `HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion\SoftwareProtectionPlatform\Activation`
)

// aBuild is a machine as the bootstrap and the blocks left it, in a task.
const aBuild = `
$global:WintemplateTask = 'C:\ProgramData\wintemplate\tasks\seal-1'
New-Item -ItemType Directory -Path $global:WintemplateTask -Force | Out-Null
Set-File "$global:WintemplateTask\release"
Set-File 'C:\ProgramData\wintemplate\bootstrap.before.json' '{"version":1,"winrm_start":2,"winrm_delayed":true,"wsman":{"MaxTimeoutms":"60000","Shell\\MaxMemoryPerShellMB":"1024"}}'
$global:Tasks['wintemplate-seal-1'] = 'Running'
$global:Rules = @('wintemplate-winrm')
$global:Users = @{ Administrator = 'S-1-5-21-1-2-3-500'; builder = 'S-1-5-21-1-2-3-1001' }
$global:Cim['Win32_UserProfile'] = [pscustomobject]@{ SID = 'S-1-5-21-1-2-3-1001' }
Set-Reg 'HKLM:\SOFTWARE\Microsoft\Windows NT\CurrentVersion\ProfileList\S-1-5-21-1-2-3-1001' ProfileImagePath 'C:\Users\builder.PC.000'
Set-Reg 'HKLM:\SOFTWARE\Microsoft\Windows NT\CurrentVersion\ProfileList\S-1-5-21-1-2-3-500' ProfileImagePath 'C:\Users\Administrator'
foreach ($f in 'builder', 'builder.PC.000', 'Administrator') { Set-File "C:\Users\$f\NTUSER.DAT" }
$global:Running = @('WinRM')
Set-Reg 'HKLM:\SOFTWARE\Microsoft\Windows\CurrentVersion\Setup\State' ImageState 'IMAGE_STATE_COMPLETE'
Set-Reg 'HKLM:\SOFTWARE\Microsoft\Windows NT\CurrentVersion\Winlogon' AutoAdminLogon '1'
Set-Reg 'HKLM:\SOFTWARE\Microsoft\Windows NT\CurrentVersion\Winlogon' DefaultPassword 'secret'
Set-Reg 'HKLM:\SOFTWARE\Microsoft\Windows NT\CurrentVersion\Winlogon' Shell 'explorer.exe'
foreach ($n in 'AutoLogonSID', 'DefaultUserName', 'DefaultDomainName', 'ForceAutoLogon') { Set-Reg 'HKLM:\SOFTWARE\Microsoft\Windows NT\CurrentVersion\Winlogon' $n '1' }
Set-Reg 'HKLM:\SOFTWARE\Microsoft\Windows NT\CurrentVersion\Winlogon' AutoLogonCount 999 DWord
Set-Reg 'HKLM:\SECURITY\Policy\Secrets\DefaultPassword\CurrVal' x 'y'
Set-Reg 'HKLM:\SOFTWARE\Microsoft\Windows\CurrentVersion\Run' UnattendSomething 'x'
Set-Reg 'HKLM:\SOFTWARE\Microsoft\Windows\CurrentVersion\Run' SecurityHealth 'x'
Set-Reg 'HKLM:\SOFTWARE\Policies\Microsoft\Windows\WindowsUpdate\AU' NoAutoUpdate 1 DWord
Set-Reg 'HKLM:\SOFTWARE\Microsoft\Windows\CurrentVersion\Policies\System' LocalAccountTokenFilterPolicy 1 DWord
Set-Reg 'HKLM:\SOFTWARE\Microsoft\Windows NT\CurrentVersion\SoftwareProtectionPlatform\Activation' Manual 1 DWord
Set-Reg 'HKLM:\SYSTEM\CurrentControlSet\Control\Network\NewNetworkWindowOff' x 1
Set-Reg 'HKLM:\SYSTEM\Setup' UnattendFile 'C:\x.xml'
Set-Reg 'HKLM:\SOFTWARE\Microsoft\Windows\CurrentVersion\WSMAN\Listener\*+HTTPS' Port 5986 DWord
Set-Reg 'HKLM:\SOFTWARE\Cloudbase Solutions\Cloudbase-Init\i-1\Plugins' SetHostNamePlugin 1 DWord
Set-TestService 'cloudbase-init' 4
Set-TestService 'WinRM' 2
foreach ($f in 'Panther\unattend.xml', 'Panther\unattend-original.xml', 'Panther\autounattend.xml', 'Panther\Unattend\unattend.xml', 'System32\Sysprep\unattend.xml', 'Temp\wintemplate-x.log') { Set-File "C:\Windows\$f" }
foreach ($f in 'Autounattend.xml', 'unattend.xml') { Set-File "C:\$f" }
`

// good is a sysprep that succeeds.
const good = `
$global:OnRun['sysprep.exe'] = {
    Set-File 'C:\Windows\System32\Sysprep\Panther\setupact.log' 'Beginning of a new sysprep run'
    Set-File 'C:\Windows\Panther\unattend.xml' (Get-Content 'C:\ProgramData\wintemplate\unattend.xml' -Raw)
    Set-Reg 'HKLM:\SOFTWARE\Microsoft\Windows\CurrentVersion\Setup\State' ImageState 'IMAGE_STATE_GENERALIZE_RESEAL_TO_OOBE'
}
`

// bad is one that fails, with these lines in setuperr.log.
func bad(state, lines string) string {
	return `
$global:OnRun['sysprep.exe'] = {
    Set-File 'C:\Windows\System32\Sysprep\Panther\setupact.log' 'Beginning of a new sysprep run'
    Set-File 'C:\Windows\System32\Sysprep\Panther\setuperr.log' @'
` + lines + `
'@
    Set-Reg 'HKLM:\SOFTWARE\Microsoft\Windows\CurrentVersion\Setup\State' ImageState '` + state + `'
}
$global:Exit['sysprep.exe'] = 1
`
}

func sealParameters() guest.SealParameters {
	return guest.SealParameters{
		Unattend: "<unattend>한글</unattend>", CertificateSHA256: "aa11", Account: "builder", SysprepAccount: "builder", WinRM: true, CloudbaseInit: true,
		SetupComplete: "rem wintemplate-setupcomplete\r\n", SetupCompleteScript: "# start", Folder: `C:\ProgramData\wintemplate`,
		SysprepTimeoutSeconds: 600, ReleaseTimeoutSeconds: 5,
		Reverts: []guest.Revert{
			{ID: "no-auto-update", Kind: "registry-value", Key: auKey, Name: "NoAutoUpdate", Type: "REG_DWORD"},
			{ID: "skip-auto-activation", Kind: "registry-value", Key: spkKey, Name: "Manual", Type: "REG_DWORD", Restore: true, Data: "0"},
			{ID: "not-there", Kind: "registry-value", Key: `HKLM\SOFTWARE\Nowhere`, Name: "X", Type: "REG_SZ", Restore: true, Data: "0"},
			{ID: "value-not-there", Kind: "registry-value", Key: winlogonKey, Name: "X", Type: "REG_SZ", Restore: true, Data: "0"},
			{ID: "new-network-window-off", Kind: "registry-key", Key: `HKLM\SYSTEM\CurrentControlSet\Control\Network\NewNetworkWindowOff`},
			{ID: "remote-token-filter", Kind: "registry-value", Key: policyKey, Name: "LocalAccountTokenFilterPolicy", Type: "REG_DWORD", Late: true},
			{ID: "winrm-timeout", Kind: "wsman-item", Name: "MaxTimeoutms", Late: true},
			{ID: "winrm-shell-memory", Kind: "wsman-item", Name: `Shell\MaxMemoryPerShellMB`, Late: true},
			{ID: "winrm-listener", Kind: "winrm-listener", Name: "HTTPS", Late: true},
			{ID: "winrm-service", Kind: "service", Name: "WinRM", Late: true},
			{ID: "winrm-certificate", Kind: "certificate", Name: `Cert:\LocalMachine\My`, Late: true},
			{ID: "winrm-firewall-rule", Kind: "firewall-rule", Name: "wintemplate-winrm", Late: true},
			{ID: "build-folder", Kind: "folder", Name: `C:\ProgramData\wintemplate`, Late: true},
		},
	}
}

func TestSeal(t *testing.T) {
	t.Parallel()
	// Its session is still there, and takes three seconds to tell it to go on.
	m := scripttest.New(t).Set(aBuild + good + `
Remove-Item "$global:WintemplateTask\release"
$global:n = 0
New-Stub Start-Sleep {
    if (++$global:n -eq 3) { Set-File "$global:WintemplateTask\release"; Add-Record $env:WT_BEACONS "released, stage $("$(Get-Content "$global:WintemplateTask\stage")".Trim())" }
}
New-Stub Stop-Service {
    $filter = (Get-Item 'HKLM:\SOFTWARE\Microsoft\Windows\CurrentVersion\Policies\System').GetValue('LocalAccountTokenFilterPolicy')
    Add-Record $env:WT_BEACONS "$Name is stopped, token filter $filter"
}`)
	m.Put(t, `C:\Windows\Setup\Scripts\SetupComplete.cmd`, "rem the user's own\r\nexit\r\n")
	r, _ := do(t, guest.Seal, m, sealParameters())
	if r.ImageState != "IMAGE_STATE_GENERALIZE_RESEAL_TO_OOBE" || !slices.Equal(r.Reverted, []string{"no-auto-update", "skip-auto-activation", "not-there", "value-not-there", "new-network-window-off"}) {
		t.Errorf("%+v", r)
	}
	for what, gone := range map[string]any{
		"NoAutoUpdate":                    m.Registry(t, auKey, "NoAutoUpdate"),
		"token filter":                    m.Registry(t, policyKey, "LocalAccountTokenFilterPolicy"),
		"DefaultPassword":                 m.Registry(t, winlogonKey, "DefaultPassword"),
		"LSA secret":                      m.Registry(t, `HKLM\SECURITY\Policy\Secrets\DefaultPassword\CurrVal`, "x"),
		"Run":                             m.Registry(t, `HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Run`, "UnattendSomething"),
		"UnattendFile":                    m.Registry(t, `HKLM\SYSTEM\Setup`, "UnattendFile"),
		"network window":                  m.Registry(t, `HKLM\SYSTEM\CurrentControlSet\Control\Network\NewNetworkWindowOff`, "x"),
		"listener":                        m.Registry(t, `HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\WSMAN\Listener\*+HTTPS`, "Port"),
		"cloudbase's key":                 m.Registry(t, `HKLM\SOFTWARE\Cloudbase Solutions\Cloudbase-Init\i-1\Plugins`, "SetHostNamePlugin"),
		"a value that never was":          m.Registry(t, winlogonKey, "X"),
		"a client's mark on a server":     m.Registry(t, `HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Setup\OOBE`, "UnattendCreatedUser"),
		"a value of a key that never was": m.Registry(t, `HKLM\SOFTWARE\Nowhere`, "X"),
	} {
		if gone != nil {
			t.Errorf("%s is still there: %v", what, gone)
		}
	}
	for _, name := range []string{"AutoLogonCount", "AutoLogonSID", "DefaultUserName", "DefaultDomainName", "ForceAutoLogon"} {
		if v := m.Registry(t, winlogonKey, name); v != nil {
			t.Errorf("%s is still there: %v", name, v)
		}
	}
	if v := m.Registry(t, winlogonKey, "AutoAdminLogon"); v != "0" {
		t.Errorf("AutoAdminLogon is %v", v)
	}
	if v := m.Registry(t, winlogonKey, "Shell"); v != "explorer.exe" {
		t.Errorf("Shell is %v: more was removed than the build had set", v)
	}
	if v := m.Registry(t, `HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Run`, "SecurityHealth"); v != "x" {
		t.Errorf("what others start at a logon was removed: %v", v)
	}
	if v := m.Registry(t, spkKey, "Manual"); v != float64(0) {
		t.Errorf("Manual is %v", v)
	}
	if v := m.Registry(t, `HKLM\SYSTEM\CurrentControlSet\Services\cloudbase-init`, "Start"); v != float64(3) {
		t.Errorf("cloudbase-init has Start=%v", v)
	}
	for _, f := range []string{`C:\Windows\Panther\unattend-original.xml`, `C:\Windows\Panther\Unattend`, `C:\Windows\System32\Sysprep\unattend.xml`, `C:\Windows\Panther\autounattend.xml`, `C:\Autounattend.xml`, `C:\unattend.xml`, `C:\ProgramData\wintemplate`, `C:\Windows\Temp\wintemplate-x.log`} {
		if m.Has(f) {
			t.Errorf("%s is still there", f)
		}
	}
	if got := strings.TrimPrefix(m.Get(t, `C:\Windows\Panther\unattend.xml`), "\ufeff"); !strings.Contains(got, "한글") {
		t.Errorf("the cached answer file is %q", got)
	}
	if m.Get(t, `C:\Windows\Setup\Scripts\SetupComplete.user.cmd`) != "rem the user's own\r\nexit\r\n" || m.Get(t, `C:\Windows\Setup\Scripts\SetupComplete.cmd`) != "rem wintemplate-setupcomplete\r\n" {
		t.Error("SetupComplete.cmd was not composed")
	}
	want := []string{"seal start", "seal.sysprep start", "seal.sysprep ok", "released, stage sealed", "certificate removed aa11", "WinRM is stopped, token filter 1", "seal ok"}
	if b := m.Beacons(t); !slices.Equal(b, want) {
		t.Errorf("beacons %v, expected %v", b, want)
	}
	var order []string
	for _, c := range m.Calls(t, "sysprep.exe", "Remove-WSManInstance", "Set-WSManInstance", "Stop-Service", "sc.exe", "Remove-NetFirewallRule", "Remove-CimInstance", "Remove-LocalUser", "defrag.exe", "shutdown.exe", "Unregister-ScheduledTask", "logoff.exe", "powershell.exe", "netsh.exe") {
		order = append(order, c.String())
	}
	joined := strings.Join(order, "\n")
	if !strings.Contains(joined, `sysprep.exe /generalize /oobe /quit /quiet /unattend:C:\ProgramData\wintemplate\unattend.xml`) || !strings.Contains(joined, "sc.exe config WinRM start= delayed-auto") || !strings.Contains(joined, "shutdown.exe /s /t 30 /f /d p:2:4") || !strings.Contains(joined, "defrag.exe C: /L") || strings.Contains(joined, "powershell.exe") {
		t.Errorf("calls:\n%s", joined)
	}
	for _, address := range []string{"0.0.0.0:5986", "[::]:5986"} {
		if !slices.Contains(order, "netsh.exe http delete sslcert ipport="+address) {
			t.Errorf("the build's certificate stays bound to %s:\n%s", address, joined)
		}
	}
	for _, quota := range []string{`{"ResourceURI":"winrm/config","ValueSet":{"MaxTimeoutms":"60000"}}`, `{"ResourceURI":"winrm/config/winrs","ValueSet":{"MaxMemoryPerShellMB":"1024"}}`} {
		if !slices.Contains(order, "Set-WSManInstance "+quota) {
			t.Errorf("what WinRM had before the build is not %s:\n%s", quota, joined)
		}
	}
	position := -1
	for _, c := range []string{"logoff.exe", "sysprep.exe", "Set-WSManInstance", "Remove-WSManInstance", "sc.exe", "Remove-NetFirewallRule", "Stop-Service", "Remove-CimInstance", "Remove-LocalUser", "shutdown.exe", "Unregister-ScheduledTask"} {
		at := strings.Index(joined, c)
		if at <= position {
			t.Errorf("%s comes too early, or not at all:\n%s", c, joined)
		}
		position = at
	}
}

// TestSealRemovesTheProfileOfTheSID: not the folder that has the account's name,
// which is why Windows gave it another.
func TestSealRemovesTheProfileOfTheSID(t *testing.T) {
	t.Parallel()
	m := scripttest.New(t).Set(aBuild + good)
	do(t, guest.Seal, m, sealParameters())
	asked := m.Calls(t, "Get-CimInstance")
	if !slices.ContainsFunc(asked, func(c scripttest.Call) bool {
		return c.Parameters["ClassName"] == "Win32_UserProfile" && c.Parameters["Filter"] == "SID = 'S-1-5-21-1-2-3-1001'"
	}) {
		t.Errorf("%v", asked)
	}
	if m.Has(`C:\Users\builder.PC.000`) || !m.Has(`C:\Users\builder`) || !m.Has(`C:\Users\Administrator`) {
		t.Error("another folder than the account's was removed, or none")
	}
}

// TestSealOfAProfileInUse: a file that nobody can delete is told, with its folder.
func TestSealOfAProfileInUse(t *testing.T) {
	t.Parallel()
	m := scripttest.New(t).Set(aBuild + good + `New-Stub Remove-Item { if ("$LiteralPath" -like '*builder.PC.000') { throw "$LiteralPath is in use" } }; New-Stub Start-Sleep`)
	f := fails(t, guest.Seal, m, sealParameters(), "close")
	if !strings.Contains(f.Message, `C:\Users\builder.PC.000 is in use`) {
		t.Errorf("%+v", f)
	}
	if n := len(m.Calls(t, "Remove-LocalUser")); n != 0 {
		t.Error("the account was removed, and with it the SID by which its profile is known")
	}
}

func TestSealKeepsTheBuiltInAdministrator(t *testing.T) {
	t.Parallel()
	// 1190: a shutdown is under way already.
	m := scripttest.New(t).Set(aBuild + good + `$global:Exit['shutdown.exe'] = 1190
Set-File 'C:\ProgramData\wintemplate\bootstrap.before.json' '{"version":1,"winrm_start":3,"winrm_delayed":false,"wsman":{"MaxTimeoutms":"60000","Shell\\MaxMemoryPerShellMB":"1024"}}'`)
	p := sealParameters()
	p.Account, p.Client = "Administrator", true
	// An earlier try of this seal has put the user's own script aside already.
	const own, ours = `C:\Windows\Setup\Scripts\SetupComplete.user.cmd`, `C:\Windows\Setup\Scripts\SetupComplete.cmd`
	p.SetupComplete = cloudbase.SetupComplete(true)
	m.Put(t, own, "rem the user's own\r\n")
	m.Put(t, ours, p.SetupComplete)
	do(t, guest.Seal, m, p)
	if c := m.Calls(t, "sc.exe"); len(c) != 1 || c[0].String() != "sc.exe config WinRM start= demand" {
		t.Errorf("a client starts WinRM on demand: %v", c)
	}
	if m.Get(t, own) != "rem the user's own\r\n" || m.Get(t, ours) != p.SetupComplete {
		t.Errorf("SetupComplete.cmd would call itself in each clone: SetupComplete.user.cmd is\n%s", m.Get(t, own))
	}
	if c := m.Calls(t, "Remove-LocalUser", "Remove-CimInstance"); len(c) > 0 {
		t.Errorf("%v", c)
	}
	if v := m.Registry(t, `HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Setup\OOBE`, "UnattendCreatedUser"); v != float64(1) {
		t.Errorf("UnattendCreatedUser is %v on a client", v)
	}
}

func TestSealOfAnotherBuildersGuest(t *testing.T) {
	t.Parallel()
	// Nobody is there to release it, and a shutdown is under way (1115).
	m := scripttest.New(t).Set(aBuild + good + `Remove-Item "$global:WintemplateTask\release"; $global:Exit['shutdown.exe'] = 1115`)
	p := guest.SealParameters{Unattend: "<unattend/>", Folder: `C:\ProgramData\wintemplate`, SysprepTimeoutSeconds: 60, ReleaseTimeoutSeconds: 2}
	do(t, guest.Seal, m, p)
	if n := len(m.Calls(t, "Start-Sleep")); n != 2 {
		t.Errorf("it waited %d s for a session that is gone, expected 2", n)
	}
	if m.Has(`C:\Windows\Setup\Scripts\SetupComplete.cmd`) {
		t.Error("SetupComplete.cmd would start a cloudbase-init that is not there")
	}
	if c := m.Calls(t, "Stop-Service", "Remove-WSManInstance", "Remove-NetFirewallRule", "sc.exe", "Set-Service"); len(c) > 0 {
		t.Errorf("its doors are not ours: %v", c)
	}
}

func TestSealFails(t *testing.T) {
	t.Parallel()
	const complete, undeployable = "IMAGE_STATE_COMPLETE", "IMAGE_STATE_UNDEPLOYABLE"
	for name, c := range map[string]struct {
		set    string
		retry  bool
		code   string
		says   string
		beacon string // the last one
	}{
		"a Store package": {
			set:  bad(complete, "2025-01-02 03:04:05, Error SYSPRP Package Microsoft.Copilot_1.0_neutral__8wekyb was installed for a user, but not provisioned for all users.\nError SYSPRP Failed to remove apps for the current user: 0x80073cf2."),
			code: guest.SealAppX, says: "package: Microsoft.Copilot_1.0_neutral__8wekyb", beacon: "seal fail",
		},
		"a Store package, and it is tried again": {
			set: bad(complete, "SYSPRP Package A_1 was installed for a user, but not provisioned"), retry: true, code: guest.SealAppX, says: "package: A_1", beacon: "seal info",
		},
		"BitLocker":        {set: bad(complete, "Error SYSPRP BitLocker-Sysprep: BitLocker is on for the OS volume. (0x80310039)"), code: guest.SealBitLocker, says: "manage-bde", beacon: "seal fail"},
		"reserved storage": {set: bad(complete, "ActionPlatform: 0x800F0975"), code: guest.SealReservedStorage, says: "reserved storage", beacon: "seal fail"},
		"rearm":            {set: bad(complete, "RunExternalDlls: 0xc004d307"), code: guest.SealRearm, says: "skip_rearm", beacon: "seal fail"},
		"a provider": {
			set:  bad(complete, `Error SYSPRP ActionPlatform::LaunchModule: Failure occurred while executing 'SysPrep_Cleanup' from C:\Windows\System32\DscCore.dll; dwRet = 0x2[gle=0x00000000]`),
			code: guest.SealProvider, says: `SysPrep_Cleanup of C:\Windows\System32\DscCore.dll failed with 0x2`, beacon: "seal fail",
		},
		// as in MicrosoftDocs/azure-docs#43893 and #49145
		"an external provider": {
			set:  bad(complete, `Error [0x0f0082] SYSPRP LaunchDll:Failure occurred while executing 'DscCore.dll,SysPrep_Cleanup', returned error code 0x2`),
			code: guest.SealProvider, says: `SysPrep_Cleanup of DscCore.dll failed with 0x2`, beacon: "seal fail",
		},
		// as in actions/runner-images#9659
		"Defender for Endpoint": {
			set:  bad(complete, `Error SYSPRP ActionPlatform::DeleteValue: Error from RegDeleteValueW for value senseGuid under key HKEY_LOCAL_MACHINE\Software\Microsoft\Windows Advanced Threat Protection; dwRet = 0x5`),
			code: guest.SealDefender, says: `offboarding`, beacon: "seal fail",
		},
		"an upgraded Windows":  {set: bad(complete, "Error SYSPRP spopk.dll:: Sysprep will not run on an upgraded OS. You can only run Sysprep on a custom (clean) install version of Windows."), code: guest.SealUpgraded, says: "afresh", beacon: "seal fail"},
		"half-way":             {set: bad(undeployable, "Failure occurred while executing 'X' from C:\\y.dll; dwRet = 0x5"), retry: true, code: guest.SealUndeployable, says: "spoiled", beacon: "seal fail"},
		"of no known cause":    {set: bad(complete, "Error something new"), code: guest.SealValidate, says: "something new", beacon: "seal fail"},
		"sysprep does nothing": {set: `$global:Exit['sysprep.exe'] = 0`, retry: true, code: guest.SealNotStarted, says: "neither as LocalSystem (it ended with 0x0 and has begun nothing) nor as builder (it ended with 0x0", beacon: "seal fail"},
		"sysprep never ends": {
			set: `$global:OnStart = { Set-File 'C:\Windows\System32\Sysprep\Panther\setupact.log' 'Beginning of a new sysprep run' }
New-Stub Start-Process { & $global:OnStart; $p = [pscustomobject]@{ Handle = 1 }; $p | Add-Member -MemberType ScriptMethod -Name WaitForExit -Value { $false }; $p | Add-Member -MemberType ScriptMethod -Name Kill -Value { }; $p }`,
			code: guest.SealTimeout, says: "600 seconds", beacon: "seal fail",
		},
		"sysprep hangs before its start": {
			set:  `New-Stub Start-Process { $p = [pscustomobject]@{ Handle = 1 }; $p | Add-Member -MemberType ScriptMethod -Name WaitForExit -Value { $false }; $p | Add-Member -MemberType ScriptMethod -Name Kill -Value { }; $p }`,
			code: guest.SealNotStarted, says: "60 seconds", beacon: "seal fail",
		},
		"sysprep says why": {
			set: `$global:OnRun['sysprep.exe'] = {
    Set-File 'C:\Windows\System32\Sysprep\Panther\setupact.log' "Beginning of a new sysprep run` + "`n" + `what it did"
    Set-File 'C:\Windows\System32\Sysprep\Panther\setuperr.log' "Error SYSPRP ValidatePrivileges: $global:RunsAs"
}
$env:COMPUTERNAME = 'PC'
$global:Exit['sysprep.exe'] = -2147024891`, retry: true, code: guest.SealNotStarted,
			says: "LocalSystem (it ended with 0x80070005 and has begun nothing: Error SYSPRP ValidatePrivileges: ) nor as builder (it ended with 0x80070005 and has begun nothing: Error SYSPRP ValidatePrivileges: PC\\builder)\nBeginning of a new sysprep run\nwhat it did", beacon: "seal fail",
		},
		"a Store package, as the account": {
			set: bad(complete, "SYSPRP Package A_1 was installed for a user, but not provisioned") + refusing, retry: true, code: guest.SealAppX, says: "package: A_1", beacon: "seal info",
		},
		"half-way, as the account": {set: bad(undeployable, "dwRet = 0x5") + refusing, retry: true, code: guest.SealUndeployable, says: "spoiled", beacon: "seal fail"},
		"the account may not log on": {
			set: good + refusing + `$global:LaunchResult = 2147943785`, retry: true, code: guest.SealNotStarted, says: `nor as builder (it ended with 0x80070569 and has begun nothing, since the account may not "Log on as a batch job"`, beacon: "seal fail",
		},
		"the account is not known": {
			set: good + refusing + `New-Stub Register-ScheduledTask { throw 'No mapping between account names and security IDs was done.' }`, retry: true, code: guest.SealNotStarted, says: `refuses LocalSystem, and no task can be made for PC\builder to run it: No mapping`, beacon: "seal fail",
		},
		"sysprep hangs before its start, as the account": {
			set: `$global:NeverEnds = $true; $global:OnRun['sysprep.exe'] = { if ($global:RunsAs -ne '') { $global:Processes = @('sysprep') } }`, retry: true, code: guest.SealNotStarted, says: "nor as builder (it has begun nothing within 300 seconds)", beacon: "seal fail",
		},
		"sysprep never ends, as the account": {
			set:  `$global:NeverEnds = $true; $global:OnRun['sysprep.exe'] = { $global:Processes = @('sysprep'); Set-File 'C:\Windows\System32\Sysprep\Panther\setupact.log' 'Beginning of a new sysprep run' }` + refusing,
			code: guest.SealTimeout, says: "600 seconds", beacon: "seal fail",
		},
		"another sysprep runs":    {set: good + `$global:Processes = @('sysprep')`, code: "sysprep-running", says: "another", beacon: "seal fail"},
		"cloudbase-init is armed": {set: good + `Set-TestService 'cloudbase-init' 2`, code: "not-disabled", says: "cloudbase-init", beacon: "seal fail"},
		"an unknown setting":      {set: good, code: "script", says: "unknown kind", beacon: "seal fail"},
		"the listener stays":      {set: good + `New-Stub Remove-WSManInstance { }`, code: "close", says: "listener", beacon: "seal fail"},
		"WinRM's start stays":     {set: good + `$global:Exit['sc.exe'] = 5`, code: "close", says: "sc.exe config WinRM ended with 5", beacon: "seal fail"},
		"the profile stays":       {set: good + `$global:ProfileLocks = 99`, code: "close", says: "profile", beacon: "seal fail"},
		"it does not power off":   {set: good + `$global:Exit['shutdown.exe'] = 5`, code: "shutdown", says: "shutdown.exe /s ended with 5", beacon: "seal fail"},
		"what was before is lost": {set: good + `Remove-Item 'C:\ProgramData\wintemplate\bootstrap.before.json'`, code: "close", says: "bootstrap.before.json", beacon: "seal fail"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := scripttest.New(t).Set(aBuild + c.set)
			p := sealParameters()
			p.Retry = c.retry
			if name == "an unknown setting" {
				p.Reverts = append(p.Reverts, guest.Revert{ID: "x", Kind: "nonsense"})
			}
			e := fails(t, guest.Seal, m, p, c.code)
			if !strings.Contains(e.Message+"\n"+e.Detail, c.says) {
				t.Errorf("%q is not in: %s\n%s", c.says, e.Message, e.Detail)
			}
			b := m.Beacons(t)
			if !strings.HasPrefix(b[len(b)-1], c.beacon) {
				t.Errorf("beacons: %v", b)
			}
			if c := m.Calls(t, "Register-ScheduledTask", "Unregister-ScheduledTask"); len(c)%2 != 0 && name != "the account is not known" {
				t.Errorf("sysprep's task is left: %v", c)
			}
			if strings.Contains(c.set, "$global:NeverEnds") && len(m.Calls(t, "Stop-ScheduledTask")) != 1 {
				t.Error("sysprep's task was left running")
			}
			if strings.Contains(c.set, "$global:NeverEnds") && len(m.Calls(t, "Stop-Process")) != 1 {
				t.Error("sysprep was left running")
			}
			if len(m.Calls(t, "shutdown.exe")) > 0 && c.code != "shutdown" {
				t.Error("it powers off, as if it were sealed")
			}
		})
	}
}

func TestSealWithoutAnAccount(t *testing.T) {
	t.Parallel()
	m := scripttest.New(t).Set(aBuild + good + refusing)
	p := sealParameters()
	p.SysprepAccount = ""
	if e := fails(t, guest.Seal, m, p, guest.SealNotStarted); !strings.Contains(e.Message, "LocalSystem") || strings.Contains(e.Message, "instead") {
		t.Errorf("%+v", e)
	}
	p.NoSysprepAccount = "it is of a domain"
	if e := fails(t, guest.Seal, m, p, guest.SealNotStarted); !strings.Contains(e.Message, "has begun nothing. No account can run it instead: it is of a domain") {
		t.Errorf("%+v", e)
	}
	if c := m.Calls(t, "Register-ScheduledTask"); len(c) > 0 {
		t.Errorf("%v", c)
	}
}

// In another builder's guest sysprep runs as an account that is not ours to remove.
func TestSealAsAnAccountThatStays(t *testing.T) {
	t.Parallel()
	m := scripttest.New(t).Set(aBuild + good + refusing)
	p := sealParameters()
	p.Account = ""
	do(t, guest.Seal, m, p)
	if c := m.Calls(t, "New-ScheduledTaskPrincipal"); len(c) != 1 || c[0].Parameters["UserId"] != `PC\builder` {
		t.Errorf("%v", c)
	}
	if c := m.Calls(t, "Remove-LocalUser", "Remove-CimInstance"); len(c) > 0 {
		t.Errorf("%v", c)
	}
}

// refusing makes the sysprep that is set refuse LocalSystem.
const refusing = `
$global:Sysprep = $global:OnRun['sysprep.exe']
$global:OnRun['sysprep.exe'] = { if ($global:RunsAs -ne '') { & $global:Sysprep } }
$env:COMPUTERNAME = 'PC'
`

// TestSealRunsSysprepAsTheAccount: a task of the build's account runs sysprep and
// nothing else; what only SYSTEM can do, and the account's own removal, stay the
// seal's.
func TestSealRunsSysprepAsTheAccount(t *testing.T) {
	t.Parallel()
	// How it would say so is not known: a refusal's line is like the one that
	// it writes when it takes the user.
	const refusal = `
$global:Sysprep = $global:OnRun['sysprep.exe']
$global:OnRun['sysprep.exe'] = {
    if ($global:RunsAs -ne '') { & $global:Sysprep; return }
    Set-File 'C:\Windows\System32\Sysprep\Panther\setupact.log' 'Beginning of a new sysprep run'
    Set-File 'C:\Windows\System32\Sysprep\Panther\setuperr.log' 'Error SYSPRP ValidatePrivileges: x'
}
$env:COMPUTERNAME = 'PC'
`
	const hangs = `
New-Stub Start-Process { if ($FilePath -notlike '*sysprep.exe') { $p = [pscustomobject]@{ Handle = 1; ExitCode = 0 }; $p | Add-Member -MemberType ScriptMethod -Name WaitForExit -Value { $true }; return $p }
    $p = [pscustomobject]@{ Handle = 1 }; $p | Add-Member -MemberType ScriptMethod -Name WaitForExit -Value { $false }; $p | Add-Member -MemberType ScriptMethod -Name Kill -Value { Add-Record $env:WT_BEACONS 'killed' }; $p }
`
	for name, c := range map[string]struct {
		set     string
		system  int // runs as LocalSystem that begin
		beacons []string
	}{
		"begins nothing": {refusing, 1, []string{"seal.sysprep info run as LocalSystem, it ended with 0x0 and has begun nothing; it is run as builder now"}},
		"says so":        {refusal, 1, []string{"seal.sysprep info run as LocalSystem, it ended with 0x0 and has begun nothing: Error SYSPRP ValidatePrivileges: x; it is run as builder now"}},
		"hangs":          {refusing + hangs, 0, []string{"killed", "seal.sysprep info run as LocalSystem, it has begun nothing within 60 seconds; it is run as builder now"}},
		"did so before":  {refusing + `Set-File 'C:\ProgramData\wintemplate\sysprep-as-account' 'x'`, 0, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := scripttest.New(t).Set(aBuild + good + c.set + `
New-Stub Remove-LocalUser { Add-Record $env:WT_BEACONS "removed $Name, stage $(Get-Content "$global:WintemplateTask\stage")" }`)
			r, _ := do(t, guest.Seal, m, sealParameters())
			if r.ImageState != "IMAGE_STATE_GENERALIZE_RESEAL_TO_OOBE" {
				t.Errorf("%+v", r)
			}
			if v := m.Registry(t, `HKLM\SECURITY\Policy\Secrets\DefaultPassword\CurrVal`, "x"); v != nil {
				t.Errorf("LSA's secret is still there: %v", v)
			}
			want := append([]string{"seal start", "seal.sysprep start"}, c.beacons...)
			want = append(want, "seal.sysprep ok", "certificate removed aa11", "removed builder, stage close", "seal ok")
			if b := m.Beacons(t); !slices.Equal(b, want) {
				t.Errorf("beacons\n%q, expected\n%q", b, want)
			}
			var calls []string
			for _, call := range m.Calls(t, "sysprep.exe", "Register-ScheduledTask", "Unregister-ScheduledTask", "Stop-ScheduledTask", "Remove-CimInstance", "Remove-LocalUser") {
				calls = append(calls, call.Command)
			}
			order := strings.Repeat("sysprep.exe ", c.system) + "Register-ScheduledTask sysprep.exe Unregister-ScheduledTask Remove-CimInstance Remove-CimInstance Remove-CimInstance Remove-LocalUser Unregister-ScheduledTask"
			if got := strings.Join(calls, " "); got != order {
				t.Errorf("calls\n%s, expected\n%s", got, order)
			}
			if p := m.Calls(t, "New-ScheduledTaskPrincipal"); len(p) != 1 || p[0].Parameters["UserId"] != `PC\builder` || p[0].Parameters["LogonType"] != "S4U" || p[0].Parameters["RunLevel"] != "Highest" {
				t.Errorf("%v", p)
			}
			// Longer than the seal's own wait, and no more than that: what ends the seal must not leave sysprep running for days.
			if limit := m.TaskLimits(t)["wintemplate-seal-1-sysprep"]; limit <= 600 || limit > 1800 {
				t.Errorf("the task scheduler ends sysprep after %d s, the seal after 600", limit)
			}
			action := m.Calls(t, "New-ScheduledTaskAction")
			if len(action) != 1 || action[0].Parameters["Execute"] != `C:\Windows\System32\Sysprep\sysprep.exe` || action[0].Parameters["Argument"] != `/generalize /oobe /quit /quiet /unattend:C:\ProgramData\wintemplate\unattend.xml` {
				t.Errorf("%v", action)
			}
			if task := m.Calls(t, "Unregister-ScheduledTask"); task[0].Parameters["TaskName"] == nil || !strings.Contains(task[0].String(), "wintemplate-seal-1-sysprep") {
				t.Errorf("%v", task)
			}
		})
	}
}

// TestSealLeavesGeneralizeAlone: once the image is half-way, sysprep is not ended
// for what its log lacks.
func TestSealLeavesGeneralizeAlone(t *testing.T) {
	t.Parallel()
	m := scripttest.New(t).Set(aBuild + `
$global:Looks = 0
New-Stub Start-Process {
    $p = [pscustomobject]@{ Handle = 1; ExitCode = 0 }
    if ($FilePath -notlike '*sysprep.exe') { $p | Add-Member -MemberType ScriptMethod -Name WaitForExit -Value { $true }; return $p }
    Set-File 'C:\Windows\System32\Sysprep\Panther\setuperr.log' 'Error SYSPRP ValidatePrivileges: x'
    $p | Add-Member -MemberType ScriptMethod -Name Kill -Value { Add-Record $env:WT_BEACONS 'killed' }
    $p | Add-Member -MemberType ScriptMethod -Name WaitForExit -Value {
        $state = 'IMAGE_STATE_UNDEPLOYABLE'
        if (++$global:Looks -ge 40) { $state = 'IMAGE_STATE_GENERALIZE_RESEAL_TO_OOBE' }
        Set-Reg 'HKLM:\SOFTWARE\Microsoft\Windows\CurrentVersion\Setup\State' ImageState $state
        $global:Looks -ge 40
    }
    $p
}`)
	if r, _ := do(t, guest.Seal, m, sealParameters()); r.ImageState != "IMAGE_STATE_GENERALIZE_RESEAL_TO_OOBE" {
		t.Errorf("%+v", r)
	}
	want := []string{"seal start", "seal.sysprep start", "seal.sysprep ok", "certificate removed aa11", "seal ok"}
	if b := m.Beacons(t); !slices.Equal(b, want) {
		t.Errorf("beacons %v, expected %v", b, want)
	}
}

func TestSealOnAPublicNetwork(t *testing.T) {
	t.Parallel()
	m := scripttest.New(t).Set(aBuild + good + `$global:Profiles = @('Public'); $global:WSManFails = $true; $global:ProfileLocks = 2`)
	do(t, guest.Seal, m, sealParameters())
	if v := m.Registry(t, `HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\WSMAN\Listener\*+HTTPS`, "Port"); v != nil {
		t.Errorf("the listener is still there: %v", v)
	}
}

func TestSealIsRefusedOutsideATask(t *testing.T) {
	t.Parallel()
	fails(t, guest.Seal, scripttest.New(t), sealParameters(), "not-detached")
}

// TestSealWipes keeps a second name of each file that may hold a password, to
// see what its clusters hold once the file is gone.
func TestSealWipes(t *testing.T) {
	t.Parallel()
	m := scripttest.New(t).Set(aBuild + good + `
New-Stub Remove-ItemProperty { Add-Record $env:WT_BEACONS "removed $($Name[0]) $((Get-Item -LiteralPath $LiteralPath[0]).GetValue($Name[0]))" }`)
	const secret = "<Value>kQ7-xT2w_Vb9</Value>"
	kept := t.TempDir()
	files := []string{`C:\Windows\Panther\unattend.xml`, `C:\Windows\Panther\unattend-original.xml`, `C:\Windows\Panther\Unattend\unattend.xml`, `C:\Autounattend.xml`, `C:\ProgramData\wintemplate\tasks\x\request`, `C:\Windows\Temp\wintemplate-x.log`}
	for i, path := range files {
		m.Put(t, path, secret)
		if err := os.Link(m.Path(path), filepath.Join(kept, fmt.Sprint(i))); err != nil {
			t.Fatal(err)
		}
	}
	// The scenario writes some of these files anew, over the same inode.
	m.Set(`foreach ($f in 'Panther\unattend.xml', 'Panther\unattend-original.xml', 'Panther\Unattend\unattend.xml', 'Temp\wintemplate-x.log') { Set-File "C:\Windows\$f" '` + secret + `' }; Set-File 'C:\Autounattend.xml' '` + secret + `'`)
	do(t, guest.Seal, m, sealParameters())
	for i, path := range files {
		b, err := os.ReadFile(filepath.Join(kept, fmt.Sprint(i)))
		if err != nil {
			t.Fatal(err)
		}
		if len(b) < len(secret) || strings.Trim(string(b), "\x00") != "" {
			t.Errorf("%s: its clusters hold %q", path, b)
		}
	}
	if b := m.Beacons(t); !slices.Contains(b, "removed DefaultPassword 000000") {
		t.Errorf("DefaultPassword is removed as it was: %v", b)
	}
}

func TestSealWithoutTrim(t *testing.T) {
	t.Parallel()
	m := scripttest.New(t).Set(aBuild + good + `$global:Exit['defrag.exe'] = 7`)
	do(t, guest.Seal, m, sealParameters())
	if c := m.Calls(t, "powershell.exe"); len(c) != 1 || !strings.Contains(c[0].String(), "Optimize-Volume -DriveLetter C -ReTrim") {
		t.Errorf("the cmdlet is not tried: %v", c)
	}
	m = scripttest.New(t).Set(aBuild + good + `$global:Exit['defrag.exe'] = 7; $global:Exit['powershell.exe'] = 1`)
	do(t, guest.Seal, m, sealParameters())
	b := m.Beacons(t)
	if !slices.Contains(b, "seal info drive C: is not trimmed: defrag.exe ended with 7; powershell.exe ended with 1") || b[len(b)-1] != "seal ok" {
		t.Errorf("beacons: %v", b)
	}
	if len(m.Calls(t, "shutdown.exe")) != 1 {
		t.Error("a disk that cannot be trimmed is no reason to stay on")
	}
}

// Edge's updater registers Store packages for one user while sysprep looks.
func TestSealStopsTheUpdaterOfEdge(t *testing.T) {
	t.Parallel()
	m := scripttest.New(t).Set(aBuild + good + `$global:Running += 'edgeupdate'`)
	do(t, guest.Seal, m, sealParameters())
	calls := m.Calls(t, "Stop-Service", "sysprep.exe")
	if len(calls) < 2 || !strings.Contains(calls[0].String(), "edgeupdate") || calls[1].Command != "sysprep.exe" {
		t.Errorf("%v", calls)
	}
}

func TestSealResetsTheNetwork(t *testing.T) {
	t.Parallel()
	const adapters = `
$global:Pnp = @([pscustomobject]@{ InstanceId = 'PCI\VEN_1AF4&DEV_1041\2'; Present = $true }, [pscustomobject]@{ InstanceId = 'SWD\X'; Present = $true })
Set-Reg 'HKLM:\SOFTWARE\Microsoft\Windows NT\CurrentVersion' CurrentBuildNumber '20348'
`
	p := sealParameters()
	m := scripttest.New(t).Set(aBuild + good + adapters)
	do(t, guest.Seal, m, p)
	if c := m.Calls(t, "pnputil.exe"); len(c) > 0 {
		t.Errorf("nobody asked for it: %v", c)
	}
	p.ResetNetwork = true
	m = scripttest.New(t).Set(aBuild + good + adapters)
	do(t, guest.Seal, m, p)
	if c := m.Calls(t, "Stop-Service", "pnputil.exe", "shutdown.exe"); len(c) != 3 || c[1].String() != `pnputil.exe /remove-device PCI\VEN_1AF4&DEV_1041\2` {
		t.Errorf("%v", c)
	}
	m = scripttest.New(t).Set(aBuild + good + adapters + `$global:Exit['pnputil.exe'] = 5`)
	do(t, guest.Seal, m, p)
	if b := strings.Join(m.Beacons(t), "\n"); !strings.Contains(b, `seal info the network adapter PCI\VEN_1AF4&DEV_1041\2 was not removed: 5`) || !strings.Contains(b, "seal ok") {
		t.Errorf("%s", b)
	}
}
