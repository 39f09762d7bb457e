package guest

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/guest"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/guest/scripttest"
)

// foreign is what code pages and quoting would spoil.
const foreign = "한글 日本語 \"double\" 'single' `backtick` $env:PATH $(Get-Date) % & é"

// way is one operation, called through our transport, with what must come back.
type way struct {
	set  string
	call func(t *testing.T, s *guest.Session)
}

// asked makes a way of an operation that must succeed; good judges its result.
func asked[P, R any](set string, c guest.Call[P, R], p P, good func(R) bool) (string, way) {
	return c.Name, way{set, func(t *testing.T, s *guest.Session) {
		r, _, err := c.Do(t.Context(), s, p)
		if err != nil || !good(r) {
			t.Errorf("%+v, %v", r, err)
		}
	}}
}

// failing makes a way of one that must fail with this code, and say this.
func failing[P, R any](set string, c guest.Call[P, R], p P, code, says string) (string, way) {
	return c.Name + " fails", way{set, func(t *testing.T, s *guest.Session) {
		_, _, err := c.Do(t.Context(), s, p)
		var e *guest.Error
		if !errors.As(err, &e) || e.Code != code || !strings.Contains(e.Message+e.Detail, says) {
			t.Errorf("%v, expected %s and %q", err, code, says)
		}
	}}
}

const licensed = `
$global:Cim['SoftwareLicensingService'] = [pscustomobject]@{ RemainingWindowsReArmCount = 5 }
$global:Cim['SoftwareLicensingProduct'] = [pscustomobject]@{ LicenseStatus = 1; PartialProductKey = 'VMK7H'; ProductKeyChannel = 'Volume:GVLK' }
foreach ($n in 'RefreshLicenseStatus', 'SetKeyManagementServiceMachine', 'Activate') { $global:Licensing[$n] = { } }
$global:Cim['Win32_ComputerSystem'] = [pscustomobject]@{ PartOfDomain = $false; DomainRole = 2; AutomaticManagedPagefile = $false }
$global:Cim['Win32_LogicalDisk'] = [pscustomobject]@{ FreeSpace = 1 }
`

// sealing is a task that sysprep succeeds in, and gives its answer file back.
const sealing = `
$global:WintemplateTask = 'C:\ProgramData\wintemplate\tasks\seal-1'
Set-File "$global:WintemplateTask\release"
$global:OnRun['sysprep.exe'] = {
    Set-File 'C:\Windows\System32\Sysprep\Panther\setupact.log' 'Beginning of a new sysprep run'
    Set-File 'C:\Windows\Panther\unattend.xml' (Get-Content 'C:\ProgramData\wintemplate\unattend.xml' -Raw -Encoding UTF8)
    Set-Reg 'HKLM:\SOFTWARE\Microsoft\Windows\CurrentVersion\Setup\State' ImageState 'IMAGE_STATE_GENERALIZE_RESEAL_TO_OOBE'
}
`

// TestScriptEveryOperation calls each operation the whole way: Go struct, our
// transport, a WinRM server whose powershell.exe is an engine, and back.
func TestScriptEveryOperation(t *testing.T) {
	t.Parallel()
	const folder = `C:\ProgramData\wintemplate\tasks\x`
	text := "[DEFAULT]\r\n# $x `q \"d\" 's'\r\n"
	digest := func(s string) string { d := sha256.Sum256([]byte(s)); return hex.EncodeToString(d[:]) }
	msi := guest.InstallParameters{Path: `C:\x.msi`, SHA256: digest("msi"), Properties: []string{}, TimeoutSeconds: 60}
	const file = "Set-File 'C:\\x.msi'; [IO.File]::WriteAllText((Get-Item 'C:\\x.msi').FullName, 'msi'); "
	const cloudbase = aServer + `Set-TestService 'cloudbase-init' 4; foreach ($n in 'bin\OpenStackService.exe', 'Python\Scripts\cloudbase-init.exe', 'conf\x') { Set-File "C:\Program Files\Cloudbase Solutions\Cloudbase-Init\$n" }; `
	none := func(guest.None) bool { return true }
	well := func(r guest.InstallResult) bool { return r.ExitCode == 0 }

	ways := map[string]way{}
	add := func(name string, w way) { ways[name] = w }
	add(asked(aServer, guest.Facts, guest.None{}, func(r guest.FactsResult) bool { return r.Build == 20348 }))
	add(asked(aServer, guest.WaitReady, guest.ReadyParameters{}, func(r guest.ReadyResult) bool { return r.Ready }))
	add(asked("", guest.PayloadFind, guest.PayloadFindParameters{SHA256: digest("x"), Patterns: []string{foreign}}, func(r guest.PayloadFindResult) bool { return !r.Found }))
	add(failing("", guest.PayloadFind, guest.PayloadFindParameters{Patterns: []string{foreign}}, "unpinned", foreign))
	add(asked("", guest.DriversVerify, guest.DriversVerifyParameters{Services: []string{foreign}}, func(r guest.DriversVerifyResult) bool { return len(r.Drivers) == 1 && r.Drivers[0].Name == foreign }))
	add(asked(file, guest.DriversInstall, msi, well))
	add(failing("", guest.DriversInstall, guest.InstallParameters{Path: `C:\설치 日本.msi`}, "not-found", `C:\설치 日本.msi`))
	add(asked("", guest.AgentVerify, guest.None{}, func(r guest.AgentVerifyResult) bool { return !r.OK && len(r.Problems) == 2 }))
	add(asked(file, guest.AgentInstall, msi, well))
	add(asked("", guest.BusPrepare, guest.BusPrepareParameters{BootServices: []string{foreign}}, func(r guest.BusPrepareResult) bool { return slices.Equal(r.Missing, []string{foreign}) }))
	add(asked(cloudbase, guest.CloudbaseInstall, msi, func(r guest.CloudbaseInstallResult) bool { return r.ServiceStart == 4 }))
	add(asked(cloudbase, guest.CloudbaseConfigure, guest.CloudbaseConfigureParameters{Conf: text, UnattendConf: text}, func(r guest.CloudbaseConfigureResult) bool { return r.ConfSHA256 == digest(text) }))
	add(failing("", guest.CloudbaseConfigure, guest.CloudbaseConfigureParameters{}, "not-installed", "conf"))
	add(asked(cloudbase, guest.CloudbaseVerify, guest.None{}, func(r guest.CloudbaseVerifyResult) bool { return r.Installed }))
	add(asked(licensed, guest.EditionConvert, guest.EditionConvertParameters{Target: "ServerStandard", ProductKey: "x", TimeoutSeconds: 60}, func(r guest.EditionConvertResult) bool { return slices.Contains(r.Targets, "ServerStandard") }))
	add(failing(licensed, guest.EditionConvert, guest.EditionConvertParameters{Target: foreign}, "no-target", foreign))
	add(asked(licensed, guest.Activation, guest.ActivationParameters{KMSHost: foreign, Activate: true}, func(r guest.ActivationResult) bool { return r.LicenseStatus == 1 }))
	add(failing("", guest.Activation, guest.ActivationParameters{}, "no-key", "product_key"))
	add(asked(`$global:Rules = @('a'); $global:RuleGroups = @{ a = '@FirewallAPI.dll,-28752' }`, guest.RDP, guest.RDPParameters{Enable: true}, func(r guest.RDPResult) bool { return r.Enabled }))
	add(failing("", guest.RDP, guest.RDPParameters{Enable: true}, "no-rules", "28752"))
	add(asked("", guest.Firewall, guest.FirewallParameters{State: "on"}, func(r guest.FirewallResult) bool { return len(r.Groups) == 0 }))
	add(failing("", guest.Firewall, guest.FirewallParameters{Groups: []string{foreign}}, "no-rules", foreign))
	add(asked("", guest.Power, guest.None{}, func(r guest.PowerResult) bool { return len(r.Steps) == 4 }))
	add(asked("Set-TestService wuauserv 3", guest.UpdatesPause, guest.None{}, func(r guest.UpdatesPauseResult) bool { return len(r.Services) == 1 }))
	add(asked(licensed, guest.Cleanup, guest.CleanupParameters{Temp: true, TimeoutSeconds: 60}, func(r guest.CleanupResult) bool { return len(r.Steps) > 1 }))
	add(asked("$global:Pnp = @([pscustomobject]@{ InstanceId = 'PCI\\a b'; Present = $false })", guest.NetworkReset, guest.None{}, func(r guest.NetworkResetResult) bool { return slices.Equal(r.Removed, []string{`PCI\a b`}) }))
	add(asked(aServer+licensed, guest.Preflight, guest.PreflightParameters{Fix: true}, func(r guest.PreflightResult) bool {
		return len(r.Findings) > 10 && !slices.ContainsFunc(r.Findings, func(f guest.PreflightFinding) bool { return f.Severity != guest.FindingOK })
	}))
	add(asked("$global:RemoveFails = $true", guest.AppXRemove, guest.AppXRemoveParameters{Packages: []string{foreign}}, func(r guest.AppXRemoveResult) bool { return slices.Equal(r.Left, []string{foreign}) }))
	add(asked("New-Stub Get-Partition { [pscustomobject]@{ DiskNumber = 0; PartitionNumber = 3; Offset = 1; Size = 5; DriveLetter = 'C'; GptType = 'x' } }", guest.RecoveryRemove, guest.RecoveryRemoveParameters{Keep: true}, func(r guest.RecoveryRemoveResult) bool { return r.SizeAfter == 5 }))
	add(asked(sealing, guest.Seal, guest.SealParameters{Unattend: foreign, Folder: `C:\ProgramData\wintemplate`, SysprepTimeoutSeconds: 60}, func(r guest.SealResult) bool { return strings.HasSuffix(r.ImageState, "RESEAL_TO_OOBE") }))
	add(failing("", guest.Seal, guest.SealParameters{}, "not-detached", ""))
	add(asked("", guest.Reboot, guest.RebootParameters{Reason: foreign}, func(r guest.RebootResult) bool { return r.BootID == "boot-1" }))
	add(asked("", guest.TaskStart, guest.TaskStartParameters{ID: "x", Operation: foreign, Parameters: strings.Repeat(foreign, 1200), Script: "#", Launcher: "#", TimeoutSeconds: 9}, func(r guest.TaskStartResult) bool { return r.Folder == folder }))
	add(asked("Set-File '"+folder+"\\stage' 'close'; $global:Tasks['wintemplate-x'] = 'Running'", guest.TaskStatus, guest.TaskParameters{ID: "x"}, func(r guest.TaskStatusResult) bool { return r.Stage == "close" }))
	add(asked("Set-File '"+folder+"\\stage'", guest.TaskRelease, guest.TaskParameters{ID: "x"}, none))
	add(failing("", guest.TaskRelease, guest.TaskParameters{ID: foreign}, "not-found", foreign))
	add(asked("", guest.TaskRemove, guest.TaskParameters{ID: "x"}, none))

	for _, o := range guest.Operations() {
		if _, ok := ways[o.Name]; !ok {
			t.Errorf("%s goes no way here", o.Name)
		}
	}
	for name, w := range ways {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := scripttest.New(t).Set(w.set)
			g := serve(t, m)
			wire := newWire(seat{Host: g.Host, Port: g.Port, User: g.User, Password: g.Password, pin: g.Pin}.endpoint(), func(line string) { t.Log(line) })
			w.call(t, guest.NewSession(wire))
			if name != guest.Seal.Name {
				return
			}
			if b, err := os.ReadFile(m.Path(`C:\Windows\Panther\unattend.xml`)); err != nil || !strings.Contains(string(b), foreign) {
				t.Errorf("sysprep got another answer file: %q, %v", b, err)
			}
		})
	}
}
