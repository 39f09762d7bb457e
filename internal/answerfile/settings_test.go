package answerfile

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The template keeps these on purpose: what the user asked for, and what any
// installation has. A path stands for all below it.
var keptElements = []string{
	"specialize|Microsoft-Windows-Shell-Setup|ComputerName", // sysprep gives a new one
	"specialize|Microsoft-Windows-Shell-Setup|TimeZone",
	"specialize|Microsoft-Windows-Shell-Setup|ProductKey",
	"specialize|Microsoft-Windows-Shell-Setup|RegisteredOrganization",
	"specialize|Microsoft-Windows-Shell-Setup|RegisteredOwner",
	"specialize|Microsoft-Windows-TerminalServices-LocalSessionManager|fDenyTSConnections",
	"specialize|Microsoft-Windows-TerminalServices-RDP-WinStationExtensions|UserAuthentication",
	"specialize|Networking-MPSSVC-Svc|FirewallGroups/FirewallGroup",
	"specialize|Networking-MPSSVC-Svc|DomainProfile_EnableFirewall",
	"specialize|Networking-MPSSVC-Svc|PrivateProfile_EnableFirewall",
	"specialize|Networking-MPSSVC-Svc|PublicProfile_EnableFirewall",
	"oobeSystem|Microsoft-Windows-International-Core|",
	"oobeSystem|Microsoft-Windows-SecureStartup-FilterDriver|PreventDeviceEncryption",
	"oobeSystem|Microsoft-Windows-Shell-Setup|Display/",
	"oobeSystem|Microsoft-Windows-Shell-Setup|OOBE/",
	"oobeSystem|Microsoft-Windows-Shell-Setup|UserAccounts/", // the seal removes the build's own account
}

// These are set for the build alone, and the settings are what they leave.
var buildElements = map[string][]string{
	"specialize|Microsoft-Windows-Security-SPP-UX|SkipAutoActivation":                            {"skip-auto-activation"},
	"specialize|Microsoft-Windows-ServerManager-SvrMgrNc|DoNotOpenServerManagerAtLogon":          {"no-server-manager-at-logon"},
	"oobeSystem|Microsoft-Windows-Shell-Setup|AutoLogon/":                                        {"autologon", "autologon-count", "autologon-sid", "autologon-user", "autologon-domain", "autologon-password"},
	"oobeSystem|Microsoft-Windows-Shell-Setup|FirstLogonCommands/SynchronousCommand/Order":       nil, // what it does is the bootstrap's
	"oobeSystem|Microsoft-Windows-Shell-Setup|FirstLogonCommands/SynchronousCommand/CommandLine": nil,
	"specialize|Microsoft-Windows-Deployment|RunSynchronous/RunSynchronousCommand/Order":         nil,
	"specialize|Microsoft-Windows-Deployment|RunSynchronous/RunSynchronousCommand/Path":          nil, // each line is looked at
}

// everyAnswer are answers that between them have each element rendered.
func everyAnswer() []Answers {
	all := []Answers{everything(), applyAnswers(UEFI)}
	all[0].Fragments, all[0].SpecializeCommands = nil, nil // the user's own, whatever it is
	for version := range products {
		for _, firmware := range []Firmware{UEFI, BIOS} {
			a := answers(version, firmware, "ko-KR")
			a.LabConfig, a.FirewallOff, a.KMSHost = true, true, "kms.example"
			a.RemoteDesktop = &RemoteDesktop{WithoutNLA: true}
			all = append(all, a)
		}
	}
	return all
}

// TestEverySettingOfTheAnswerFileIsJudged derives from the generated files what
// stays in Windows after the windowsPE pass, and finds each in the list of what
// the seal reverts or among what a template keeps. And nothing is in the list
// that no file sets.
func TestEverySettingOfTheAnswerFileIsJudged(t *testing.T) {
	set := map[string]bool{} // ids
	for _, a := range everyAnswer() {
		data, err := Autounattend(a)
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range elementPaths(t, data) {
			if strings.HasPrefix(path, passWindowsPE+"|") || slices.ContainsFunc(keptElements, func(kept string) bool { return strings.HasPrefix(path, kept) }) {
				continue
			}
			judged := false
			for element, ids := range buildElements {
				if strings.HasPrefix(path, element) {
					judged = true
					for _, id := range ids {
						set[id] = true
					}
				}
			}
			if !judged {
				t.Errorf("%s: nobody says whether %s stays in the template", a.Product.Name, path)
			}
		}
		for _, line := range specializeLines(t, data) {
			if id := revertedBy(line, a.Product.Server); id != "" {
				set[id] = true
			} else if !keptCommand(line, a) {
				t.Errorf("%s: nobody reverts %s", a.Product.Name, line)
			}
		}
	}
	for _, s := range BuildSettings() {
		if s.By != SetByBootstrap && !set[s.ID] {
			t.Errorf("%s is to be reverted, and no answer file sets it", s.ID)
		}
		delete(set, s.ID)
	}
	for id := range set {
		t.Errorf("%s is set, and is not in BuildSettings", id)
	}
}

// specializeLines are the commands of a file's specialize pass.
func specializeLines(t *testing.T, data []byte) []string {
	t.Helper()
	root, err := parse(data)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, command := range (userFile{root: root}).component(passSpecialize, componentDeployment).find("RunSynchronous").kids {
		out = append(out, command.value("Path"))
	}
	return out
}

func revertedBy(line string, server bool) string {
	for _, s := range BuildSettings() {
		if s.By == SetBySpecialize && s.Applies(server) && s.reg() == line {
			return s.ID
		}
	}
	return ""
}

func keptCommand(line string, a Answers) bool {
	kept := []string{BeaconCommand("setup.specialize start"), preventEncryption()}
	for _, c := range kmsCommands(a.KMSHost) {
		kept = append(kept, c.line)
	}
	return slices.Contains(kept, line)
}

// What of Windows the bootstrap's commands change, by the line's text, and the
// settings that it leaves; nil for what a template keeps. Lines of the script
// that change Windows are known by their command.
var bootstrapChanges = []struct {
	text string
	ids  []string
}{
	{`powercfg.exe /change $setting 0`, nil}, // no sleep
	{`powercfg.exe /hibernate off`, nil},
	{`Import-Certificate -FilePath $file -CertStoreLocation Cert:\LocalMachine\TrustedPublisher`, nil}, // the drivers' signer
	{`netsh.exe winhttp set proxy`, []string{"proxy-winhttp"}},
	{`Set-RegistryValue $policy 'ProxySettingsPerUser'`, []string{"proxy-per-machine"}},
	{`Set-RegistryValue $machine 'ProxyEnable'`, []string{"proxy-enable"}},
	{`Set-RegistryValue $machine 'ProxyServer'`, []string{"proxy-server"}},
	{`Set-RegistryValue $machine 'ProxyOverride'`, []string{"proxy-bypass"}},
	{`New-ItemProperty -LiteralPath $Key -Name $Name`, nil},    // Set-RegistryValue itself
	{`Set-NetConnectionProfile -NetworkCategory Private`, nil}, // of the build's network, which a clone does not have
	{`Set-Item -Path "WSMan:\localhost\$Path"`, nil},           // Set-WSManValue itself
	{`Import-PfxCertificate -FilePath $file -CertStoreLocation Cert:\LocalMachine\My`, []string{"winrm-certificate"}},
	// Takes the logon back that the answer file has set, long before the seal.
	{`Set-RegistryValue $key 'DefaultPassword' ('0'`, nil},
	{`Remove-ItemProperty -LiteralPath $key -Name 'DefaultPassword'`, nil},
	{`Set-RegistryValue $key 'AutoAdminLogon' '0'`, nil},
	{`Set-WSManValue 'Service\Auth\Basic'`, []string{"winrm-basic"}},
	{`Set-RegistryValue 'HKLM:\SOFTWARE\Microsoft\Windows\CurrentVersion\WSMAN\Service' 'auth_basic'`, []string{"winrm-basic"}},
	{`Set-WSManValue $path $Quotas[$path]`, []string{"winrm-timeout", "winrm-shell-memory", "winrm-shell-processes", "winrm-shells"}},
	{`Remove-Item -Path "WSMan:\localhost\Listener\`, []string{"winrm-listener"}},
	{`Disable-NetFirewallRule`, nil}, // HTTP's: closed is what a template wants
	{`New-Item -Path WSMan:\localhost\Listener`, []string{"winrm-listener"}},
	{`Set-RegistryValue 'HKLM:\SOFTWARE\Microsoft\Windows\CurrentVersion\Policies\System' 'LocalAccountTokenFilterPolicy'`, []string{"remote-token-filter"}},
	{`sc.exe config WinRM`, []string{"winrm-service"}},
	{`Remove-NetFirewallRule`, []string{"winrm-firewall-rule"}}, // of a run before
	{`New-NetFirewallRule -Name $rule`, []string{"winrm-firewall-rule"}},
	{`New-Item -ItemType Directory -Path $Work`, []string{"build-folder"}},
	{`New-Item -Path $Key`, nil}, // Set-RegistryValue itself
	{`Set-Content -LiteralPath $Before`, []string{"build-folder"}},
	{`Set-Content -LiteralPath $Marker`, []string{"build-folder"}},
	{`Add-Content -LiteralPath $Log`, []string{"build-folder"}},
}

// changing are the commands that change Windows. Read-only ones and those of
// the language are not among them.
var changing = regexp.MustCompile(`\b(Set-(?:Item|ItemProperty|Content|RegistryValue|WSManValue|NetConnectionProfile|NetFirewall\w+|Service|LocalUser|ExecutionPolicy|MpPreference|TimeZone|Date)|New-(?:Item|ItemProperty|NetFirewallRule|LocalUser|Service|PSDrive)|Add-\w+|Remove-\w+|Rename-\w+|Copy-Item|Move-Item|Out-File|Enable-\w+|Disable-\w+|Import-(?:Certificate|PfxCertificate)|Register-\w+|Unregister-\w+|Install-\w+|\w+\.exe)\b`)

// TestEverySettingOfTheBootstrapIsJudged does the same for the script: each line
// that changes Windows is known, and what it leaves is in the list.
func TestEverySettingOfTheBootstrapIsJudged(t *testing.T) {
	// Functions of the script itself, programs that change nothing, and those
	// that install what the template is for.
	harmless := regexp.MustCompile(`^(?:function |#)|\b(?:fltmc\.exe|Install-Stage|Import-Publishers)\b|'(?:msiexec|cmd)\.exe'`)
	set, used := map[string]bool{}, make([]bool, len(bootstrapChanges))
	for i, line := range strings.Split(string(bootstrapScript), "\n") {
		line = strings.TrimSpace(line)
		if !changing.MatchString(line) || harmless.MatchString(line) || strings.Contains(line, "Write-Log \"") && strings.Contains(line, "LASTEXITCODE") || strings.Contains(line, "throw \"") {
			continue
		}
		found := false
		for k, change := range bootstrapChanges {
			if strings.Contains(line, change.text) {
				found, used[k] = true, true
				for _, id := range change.ids {
					set[id] = true
				}
			}
		}
		if !found {
			t.Errorf("line %d: nobody says whether this stays in the template: %s", i+1, line)
		}
	}
	for k, change := range bootstrapChanges {
		if !used[k] {
			t.Errorf("the script has no %q any more", change.text)
		}
	}
	for _, s := range BuildSettings() {
		if s.By == SetByBootstrap && !set[s.ID] {
			t.Errorf("%s is to be reverted, and the bootstrap does not set it", s.ID)
		}
		delete(set, s.ID)
	}
	for id := range set {
		t.Errorf("%s is set, and is not in BuildSettings", id)
	}
}
