package guest_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/guest"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/guest/scripttest"
)

func TestPower(t *testing.T) {
	t.Parallel()
	m := scripttest.New(t).Set(`$global:Exit['powercfg.exe'] = @(0, 0, 0, 1)`)
	r, _ := do(t, guest.Power, m, guest.None{})
	if len(r.Steps) != 4 || r.Steps[3].Name != "hibernate" || r.Steps[3].Code != 1 || r.Steps[0].Code != 0 {
		t.Errorf("%+v", r)
	}
	if c := m.Calls(t, "powercfg.exe"); c[0].String() != "powercfg.exe /change standby-timeout-ac 0" || c[3].String() != "powercfg.exe /hibernate off" {
		t.Errorf("%v", c)
	}
}

func TestRDP(t *testing.T) {
	t.Parallel()
	const rules = `$global:Rules = @('RemoteDesktop-UserMode-In-TCP', 'x'); $global:RuleGroups = @{ 'RemoteDesktop-UserMode-In-TCP' = '@FirewallAPI.dll,-28752' };`
	const server = `HKLM\SYSTEM\CurrentControlSet\Control\Terminal Server`
	m := scripttest.New(t).Set(rules)
	r, _ := do(t, guest.RDP, m, guest.RDPParameters{Enable: true, NLA: true})
	if !r.Enabled || r.Rules != 1 || len(m.Calls(t, "Enable-NetFirewallRule")) != 1 {
		t.Errorf("%+v", r)
	}
	if m.Registry(t, server, "fDenyTSConnections") != float64(0) || m.Registry(t, server+`\WinStations\RDP-Tcp`, "UserAuthentication") != float64(1) {
		t.Error("the registry says otherwise")
	}
	do(t, guest.RDP, m, guest.RDPParameters{})
	if m.Registry(t, server, "fDenyTSConnections") != float64(1) || len(m.Calls(t, "Disable-NetFirewallRule")) != 1 {
		t.Error("it was not closed")
	}
	fails(t, guest.RDP, scripttest.New(t), guest.RDPParameters{Enable: true}, "no-rules")
}

func TestFirewall(t *testing.T) {
	t.Parallel()
	const group = "@FirewallAPI.dll,-28502"
	m := scripttest.New(t).Set(`$global:Rules = @('a', 'b', 'FPS-ICMP4-ERQ-In'); $global:RuleGroups = @{ a = '` + group + `'; b = '` + group + `' }`)
	r, _ := do(t, guest.Firewall, m, guest.FirewallParameters{State: "on", Groups: []string{group}, Ping: true})
	if len(r.Groups) != 1 || r.Groups[0].Rules != 2 || len(m.Calls(t, "Enable-NetFirewallRule")) != 3 {
		t.Errorf("%+v, %v", r, m.Calls(t, "Enable-NetFirewallRule"))
	}
	if c := m.Calls(t, "Set-NetFirewallProfile"); len(c) != 1 || c[0].Parameters["Enabled"] != "True" {
		t.Errorf("%v", c)
	}
	m = scripttest.New(t)
	do(t, guest.Firewall, m, guest.FirewallParameters{State: "off"})
	if c := m.Calls(t, "Set-NetFirewallProfile"); len(c) != 1 || c[0].Parameters["Enabled"] != "False" {
		t.Errorf("%v", c)
	}
	m = scripttest.New(t)
	fails(t, guest.Firewall, m, guest.FirewallParameters{State: "off", Groups: []string{"Remote Desktop"}}, "no-rules")
	if len(m.Calls(t, "Set-NetFirewallProfile")) > 0 {
		t.Error("half of it was done")
	}
	fails(t, guest.Firewall, scripttest.New(t), guest.FirewallParameters{Ping: true}, "no-rules")
}

func TestUpdatesPause(t *testing.T) {
	t.Parallel()
	m := scripttest.New(t).Set(`Set-TestService wuauserv 3; Set-TestService bits 3; $global:Running = @('wuauserv')`)
	r, _ := do(t, guest.UpdatesPause, m, guest.None{})
	if len(r.Services) != 2 || r.Services[0].Running || len(m.Calls(t, "Stop-Service")) != 1 || m.Registry(t, auKey, "NoAutoUpdate") != float64(1) {
		t.Errorf("%+v", r)
	}
}

func TestBusPrepare(t *testing.T) {
	t.Parallel()
	p := guest.BusPrepareParameters{BootServices: []string{"viostor", "vioscsi"}, WaitSeconds: 9}
	m := scripttest.New(t).Set(`Set-TestService viostor 0; $global:n = 0; New-Stub Start-Sleep { if (++$global:n -eq 2) { Set-TestService vioscsi 0 } }`)
	if r, _ := do(t, guest.BusPrepare, m, p); !slices.Equal(r.Bound, p.BootServices) || len(r.Missing) != 0 || len(m.Calls(t, "Update-HostStorageCache")) != 3 {
		t.Errorf("%+v", r)
	}
	m = scripttest.New(t).Set(`Set-TestService viostor 0; Set-TestService vioscsi 3`)
	if r, _ := do(t, guest.BusPrepare, m, p); !slices.Equal(r.Missing, []string{"vioscsi"}) || len(m.Calls(t, "Start-Sleep")) != 3 {
		t.Errorf("%+v", r)
	}
}

func TestNetworkReset(t *testing.T) {
	t.Parallel()
	const set = `
$global:Pnp = @([pscustomobject]@{ InstanceId = 'PCI\VEN_1AF4&DEV_1041\1'; Present = $false }, [pscustomobject]@{ InstanceId = 'PCI\VEN_1AF4&DEV_1041\2'; Present = $true }, [pscustomobject]@{ InstanceId = 'SWD\X'; Present = $false })
Set-Reg 'HKLM:\SOFTWARE\Microsoft\Windows NT\CurrentVersion\NetworkList\Profiles\{1}' ProfileName 'Network'
Set-Reg 'HKLM:\SOFTWARE\Microsoft\Windows NT\CurrentVersion' CurrentBuildNumber `
	// 3010: gone with the next restart.
	m := scripttest.New(t).Set(set + "'20348'; $global:Pnp += [pscustomobject]@{ InstanceId = 'PCI\\VEN_8086&DEV_100E\\3'; Present = $false }; $global:Exit['pnputil.exe'] = @(0, 3010)")
	r, _ := do(t, guest.NetworkReset, m, guest.None{})
	if !slices.Equal(r.Removed, []string{`PCI\VEN_1AF4&DEV_1041\1`, `PCI\VEN_8086&DEV_100E\3`}) || len(r.Left) != 0 {
		t.Errorf("%+v", r)
	}
	if m.Registry(t, `HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion\NetworkList\Profiles\{1}`, "ProfileName") != nil {
		t.Error("the network of the build is still known")
	}
	if c := m.Calls(t, "pnputil.exe"); len(c) != 2 || c[0].String() != `pnputil.exe /remove-device PCI\VEN_1AF4&DEV_1041\1` {
		t.Errorf("%v", c)
	}
	m = scripttest.New(t).Set(set + "'14393'")
	if r, _ := do(t, guest.NetworkReset, m, guest.None{}); !slices.Equal(r.Removed, []string{`PCI\VEN_1AF4&DEV_1041\1`}) || len(r.Left) != 0 || len(m.Calls(t, "pnputil.exe")) != 0 {
		t.Errorf("Server 2016's pnputil has no /remove-device: %+v", r)
	}
	if !slices.Equal(m.Beacons(t), []string{`uninstalled PCI\VEN_1AF4&DEV_1041\1`}) {
		t.Errorf("%v", m.Beacons(t))
	}
	for _, api := range []string{"5", "{ throw 'csc.exe is forbidden here' }"} {
		if r, _ := do(t, guest.NetworkReset, scripttest.New(t).Set(set+"'14393'; $global:SetupAPI = "+api), guest.None{}); len(r.Left) != 1 || len(r.Removed) != 0 {
			t.Errorf("%s: %+v", api, r)
		}
	}
	m = scripttest.New(t).Set(set + "'20348'; $global:Exit['pnputil.exe'] = 5")
	if r, _ := do(t, guest.NetworkReset, m, guest.None{}); len(r.Left) != 1 {
		t.Errorf("%+v", r)
	}
}

func TestEditionConvert(t *testing.T) {
	t.Parallel()
	const eval = `Set-Reg 'HKLM:\SOFTWARE\Microsoft\Windows NT\CurrentVersion' EditionID 'ServerStandardEval'; $global:Cim['Win32_ComputerSystem'] = [pscustomobject]@{ DomainRole = 2 };`
	p := guest.EditionConvertParameters{Target: "ServerStandard", ProductKey: "VDYBN-27WPP-V4HQT-9VMD4-VMK7H", TimeoutSeconds: 60}
	m := scripttest.New(t).Set(eval + `$global:Exit['dism.exe'] = 3010`)
	r, reboot := do(t, guest.EditionConvert, m, p)
	if r.From != "ServerStandardEval" || r.ExitCode != 3010 || !reboot {
		t.Errorf("%+v %v", r, reboot)
	}
	if c := m.Calls(t, "dism.exe"); c[0].String() != `dism.exe /Online /Set-Edition:ServerStandard /ProductKey:VDYBN-27WPP-V4HQT-9VMD4-VMK7H /AcceptEula /Quiet /NoRestart /LogPath:C:\Windows\Temp\wintemplate-dism.log` {
		t.Errorf("%v", c)
	}
	m = scripttest.New(t).Set(strings.Replace(eval, "ServerStandardEval", "ServerStandard", 1))
	if _, reboot := do(t, guest.EditionConvert, m, p); reboot || len(m.Calls(t, "dism.exe")) > 0 {
		t.Error("it is that edition already")
	}
	fails(t, guest.EditionConvert, scripttest.New(t).Set(eval+pending), p, "pending-reboot")
	fails(t, guest.EditionConvert, scripttest.New(t).Set(eval+`$global:Cim['Win32_ComputerSystem'] = [pscustomobject]@{ DomainRole = 5 }`), p, "domain-controller")
	if e := fails(t, guest.EditionConvert, scripttest.New(t).Set(eval+`$global:Targets = @('ServerDatacenter')`), p, "no-target"); !strings.Contains(e.Message, "it can become ServerDatacenter") {
		t.Error(e.Message)
	}
	fails(t, guest.EditionConvert, scripttest.New(t).Set(eval+`$global:Exit['dism.exe'] = 1168`), p, "dism")
}

// Server Core has one edition id in its registry, and another of DISM's.
func TestEditionConvertOfServerCore(t *testing.T) {
	t.Parallel()
	const (
		version = `HKLM:\SOFTWARE\Microsoft\Windows NT\CurrentVersion`
		member  = `$global:Cim['Win32_ComputerSystem'] = [pscustomobject]@{ DomainRole = 2 }; $global:Exit['dism.exe'] = 3010; $global:Targets = @('ServerStandardCor', 'ServerDatacenterCor');`
	)
	for _, c := range []struct{ from, kind, target, dism, code string }{
		{"ServerStandardEval", "Server Core", "ServerStandard", "ServerStandardCor", ""},
		{"ServerStandardEval", "Server Core", "ServerStandardCor", "ServerStandardCor", ""},
		{"ServerStandardEvalCor", "Server Core", "serverdatacenter", "ServerDatacenterCor", ""},
		{"ServerStandard", "Server Core", "ServerStandardCor", "", ""},
		{"ServerStandardCor", "Server Core", "ServerStandard", "", ""},
		{"ServerStandardEval", "Server Core", "ServerSolution", "", "no-target"},
		{"ServerStandardEval", "Server", "ServerStandard", "", "no-target"}, // it would lose its desktop
	} {
		t.Run(c.from+" to "+c.target, func(t *testing.T) {
			m := scripttest.New(t).Set(fmt.Sprintf("Set-Reg '%s' EditionID '%s'; Set-Reg '%s' InstallationType '%s'; %s", version, c.from, version, c.kind, member))
			p := guest.EditionConvertParameters{Target: c.target, ProductKey: "VDYBN-27WPP-V4HQT-9VMD4-VMK7H", TimeoutSeconds: 60}
			if c.code != "" {
				fails(t, guest.EditionConvert, m, p, c.code)
			} else if r, reboot := do(t, guest.EditionConvert, m, p); r.From != c.from || reboot != (c.dism != "") {
				t.Errorf("%+v, restart %v", r, reboot)
			}
			calls := m.Calls(t, "dism.exe")
			if (len(calls) == 1) != (c.dism != "") || len(calls) == 1 && !strings.Contains(calls[0].String(), " /Set-Edition:"+c.dism+" ") {
				t.Errorf("%v; want one for %q", calls, c.dism)
			}
		})
	}
}

// TestKeyLeavesDismsLog: however dism.exe ends, and in whatever it writes.
func TestKeyLeavesDismsLog(t *testing.T) {
	t.Parallel()
	const key, log = "VDYBN-27WPP-V4HQT-9VMD4-VMK7H", `C:\Windows\Temp\wintemplate-dism.log`
	const eval = `Set-Reg 'HKLM:\SOFTWARE\Microsoft\Windows NT\CurrentVersion' EditionID 'ServerStandardEval'; $global:Cim['Win32_ComputerSystem'] = [pscustomobject]@{ DomainRole = 2 };`
	const writes = `$global:OnRun['dism.exe'] = {
    $line = 'Info DISM.EXE: Executing command line: dism.exe /Online /ProductKey:vdybn-27wpp-v4hqt-9vmd4-vmk7h'
    Set-File 'C:\Windows\Temp\wintemplate-dism.log' "$line, $(($line.ToCharArray() -join [char]0)), VDYBN-27WPP-V4HQT-9VMD4-VMK7H and no more"
};`
	p := guest.EditionConvertParameters{Target: "ServerStandard", ProductKey: key, TimeoutSeconds: 60}
	for _, exit := range []string{"3010", "1168"} {
		m := scripttest.New(t).Set(eval + writes + "$global:Exit['dism.exe'] = " + exit)
		if exit == "3010" {
			do(t, guest.EditionConvert, m, p)
		} else if f := fails(t, guest.EditionConvert, m, p, "dism"); !strings.Contains(f.Message, log) {
			t.Errorf("%+v", f)
		}
		got := strings.TrimPrefix(strings.ReplaceAll(m.Get(t, log), "\x00", ""), "\ufeff")
		if strings.Contains(strings.ToUpper(got), key) || strings.Count(got, "*****-*****-*****-*****-*****") != 3 ||
			!strings.HasPrefix(got, "Info DISM.EXE: Executing command line: dism.exe /Online /ProductKey:") || !strings.HasSuffix(got, " and no more") {
			t.Errorf("%s: %q", exit, got)
		}
	}
}

func TestActivation(t *testing.T) {
	t.Parallel()
	const licensed = `
$global:Cim['SoftwareLicensingService'] = [pscustomobject]@{ Name = 's' }
$global:Cim['SoftwareLicensingProduct'] = [pscustomobject]@{ LicenseStatus = 5; PartialProductKey = 'VMK7H'; ProductKeyChannel = 'Volume:GVLK' }
foreach ($n in 'InstallProductKey', 'RefreshLicenseStatus', 'SetKeyManagementServiceMachine', 'SetKeyManagementServicePort') { $global:Licensing[$n] = { } }
$global:Licensing['Activate'] = { $global:Cim['SoftwareLicensingProduct'].LicenseStatus = 1 }
`
	p := guest.ActivationParameters{ProductKey: "AAAAA-BBBBB-CCCCC-DDDDD-EEEEE", KMSHost: "kms.example", KMSPort: 1689, Activate: true}
	m := scripttest.New(t).Set(licensed)
	r, _ := do(t, guest.Activation, m, p)
	if r.LicenseStatus != 1 || r.PartialKey != "VMK7H" || r.Channel != "Volume:GVLK" {
		t.Errorf("%+v", r)
	}
	var methods []string
	given := map[string]any{}
	for _, c := range m.Calls(t, "Invoke-CimMethod") {
		methods = append(methods, c.Parameters["MethodName"].(string))
		if a, is := c.Parameters["Arguments"].(map[string]any); is {
			maps.Copy(given, a)
		}
	}
	if want := (map[string]any{"ProductKey": p.ProductKey, "MachineName": "kms.example", "PortNumber": float64(1689)}); !maps.Equal(given, want) {
		t.Errorf("the arguments are %v", given)
	}
	if want := []string{"InstallProductKey", "RefreshLicenseStatus", "SetKeyManagementServiceMachine", "SetKeyManagementServicePort", "Activate", "RefreshLicenseStatus"}; !slices.Equal(methods, want) {
		t.Errorf("%v", methods)
	}
	if r, _ := do(t, guest.Activation, scripttest.New(t).Set(licensed), guest.ActivationParameters{}); r.LicenseStatus != 5 {
		t.Errorf("%+v", r)
	}
	e := fails(t, guest.Activation, scripttest.New(t).Set(licensed+`$global:Licensing['InstallProductKey'] = { throw (New-Object System.Runtime.InteropServices.COMException -ArgumentList 'x', 0xC004F069) }`), p, "licensing")
	if !strings.Contains(e.Message, "InstallProductKey failed with 0x") || strings.Contains(e.Message+e.Detail, p.ProductKey) {
		t.Errorf("%+v", e)
	}
	// What Invoke-CimMethod throws on Windows: its status is an unsigned number.
	e = fails(t, guest.Activation, scripttest.New(t).Set(licensed+`$global:Licensing['Activate'] = { throw (New-Object System.InvalidOperationException -ArgumentList 'x' | Add-Member -NotePropertyName StatusCode -NotePropertyValue ([uint32]3221549172) -PassThru) }`), p, "licensing")
	if !strings.Contains(e.Message, "Activate failed with 0xC004F074") {
		t.Errorf("%+v", e)
	}
	fails(t, guest.Activation, scripttest.New(t).Set(`$global:Cim['SoftwareLicensingService'] = [pscustomobject]@{ Name = 's' }`), guest.ActivationParameters{}, "no-key")
}

func TestCleanup(t *testing.T) {
	t.Parallel()
	const set = `
$global:Cim['Win32_LogicalDisk'] = [pscustomobject]@{ FreeSpace = 100 }
$global:Cim['Win32_ComputerSystem'] = [pscustomobject]@{ AutomaticManagedPagefile = $true }
$global:Running = @('wuauserv')
$global:OnRun['dism.exe'] = { $global:Cim['Win32_LogicalDisk'].FreeSpace = 700 }
Set-Reg 'HKLM:\SYSTEM\CurrentControlSet\Control\Session Manager\Memory Management' PagingFiles @('?:\pagefile.sys') MultiString
foreach ($f in 'Temp\a.tmp', 'Temp\wintemplate-x.log', 'SoftwareDistribution\Download\b\c.cab', 'Logs\CBS\CBS.log', 'Logs\DISM\dism.log') { Set-File "C:\Windows\$f" }
`
	all := guest.CleanupParameters{ComponentStore: true, ResetBase: true, Temp: true, EventLogs: true, Hibernation: true, PageFile: true, Trim: true, TimeoutSeconds: 60}
	m := scripttest.New(t).Set(set)
	r, reboot := do(t, guest.Cleanup, m, all)
	if r.FreedBytes != 600 || !reboot {
		t.Errorf("%+v %v", r, reboot)
	}
	for _, s := range r.Steps {
		if s.Code != 0 || s.Error != "" {
			t.Errorf("%+v", s)
		}
	}
	if m.Has(`C:\Windows\Logs\DISM\dism.log`) || m.Has(`C:\Windows\Temp\a.tmp`) || m.Has(`C:\Windows\SoftwareDistribution\Download\b`) || !m.Has(`C:\Windows\Temp\wintemplate-x.log`) {
		t.Error("the wrong files are gone")
	}
	if c := m.Calls(t, "dism.exe"); len(c) != 1 || !strings.HasSuffix(c[0].String(), "/StartComponentCleanup /Quiet /NoRestart /ResetBase") {
		t.Errorf("%v", c)
	}
	if v, is := m.Registry(t, `HKLM\SYSTEM\CurrentControlSet\Control\Session Manager\Memory Management`, "PagingFiles").([]any); !is || len(v) > 0 {
		t.Errorf("PagingFiles names %v", v)
	}
	if c := m.Calls(t, "powercfg.exe"); len(c) != 1 || c[0].String() != "powercfg.exe /hibernate off" {
		t.Errorf("hibernation: %v", c)
	}
	if len(m.Calls(t, "Stop-Service")) != 1 {
		t.Error("Windows Update downloads on while its folder is emptied")
	}
	if len(m.Calls(t, "wevtutil.exe")) != 4 || len(m.Calls(t, "Set-CimInstance")) != 1 || len(m.Calls(t, "defrag.exe")) != 1 {
		t.Error("steps are missing")
	}
	f, _ := do(t, guest.Facts, scripttest.New(t).Set(`New-Item 'HKLM:\SYSTEM\CurrentControlSet\Control\Session Manager\Memory Management' -Force | Out-Null; New-ItemProperty 'HKLM:\SYSTEM\CurrentControlSet\Control\Session Manager\Memory Management' -Name PagingFiles -PropertyType MultiString -Value @() | Out-Null`), guest.None{})
	if !f.PageFileRemoved {
		t.Error("the facts do not tell that the page file is gone")
	}

	m = scripttest.New(t).Set(set + `$global:Exit['dism.exe'] = 1726; $global:Exit['wevtutil.exe'] = 5`)
	r, _ = do(t, guest.Cleanup, m, guest.CleanupParameters{ComponentStore: true, EventLogs: true, TimeoutSeconds: 60})
	if len(r.Steps) != 2 || r.Steps[0].Code != 1726 || !strings.Contains(r.Steps[1].Error, "ended with 5") {
		t.Errorf("%+v", r)
	}
	m = scripttest.New(t).Set(set)
	r, reboot = do(t, guest.Cleanup, m, guest.CleanupParameters{})
	if len(r.Steps) != 0 || reboot || len(m.Calls(t, "dism.exe")) > 0 {
		t.Errorf("%+v", r)
	}
}
