package answerfile

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/beacon"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/powershell"
)

type outcome struct {
	COM1      []string
	Code      int
	Listeners []string
	Rules     []string
	WSMan     map[string]string
	Category  string
	Slept     int
	Filter    int
	Basic     int
	Killed    []string // programs that were ended
	Started   map[string]int
	calls     []call
	root      string // of drive C:
}

// registryValue is a value as the engine saves it.
type registryValue struct {
	Type  string
	Value any
}

// registry is what is in the registry, in the end, by key and name.
func (o outcome) registry(t *testing.T) map[string]map[string]registryValue {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(o.root, "..", "registry.json"))
	if err != nil {
		t.Fatal(err)
	}
	var all map[string]map[string]registryValue
	if err := json.Unmarshal(data, &all); err != nil {
		t.Fatal(err)
	}
	return all
}

type call struct {
	Command    string
	Parameters map[string]any
	Args       []any
}

func (o outcome) events(t *testing.T) []beacon.Event {
	t.Helper()
	var out []beacon.Event
	for _, line := range o.COM1 {
		event, ok := beacon.Parse(line)
		if !ok {
			t.Errorf("COM1 got %q, which is no beacon", line)
		}
		if strings.ContainsAny(line, "&|<>^%") || !strings.HasSuffix(line, "\r\n") || strings.ContainsFunc(line, func(r rune) bool { return r > '~' }) {
			t.Errorf("COM1 got %q", line)
		}
		out = append(out, event)
	}
	return out
}

func (o outcome) file(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(o.root, path))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func hexSHA256(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

const pfxPassword = "Pfx-S3cret!"

// runBootstrap lays an answer disc out, as the builder does, and runs the
// script from it.
func runBootstrap(t *testing.T, scenario string, change func(*BootstrapParameters)) outcome {
	t.Helper()
	engine := powershell.Find(t)
	root := t.TempDir()
	disc := map[string][]byte{
		"virtio-win-gt-x64.msi": []byte("guest tools"),
		"qemu-ga-x86_64.msi":    []byte("agent"),
	}
	manifest := []byte(`{"version":1,"files":[]}` + "\n")
	p, err := NewBootstrapParameters(server2022(), "build-1")
	if err != nil {
		t.Fatal(err)
	}
	p.ManifestSHA256 = hexSHA256(manifest)
	p.Certificate = BootstrapCertificate{Path: CertificatePath, Password: pfxPassword, SHA256: hexSHA256([]byte("the certificate of this build"))}
	p.TrustedPublishers = []DiscFile{{Path: "wintemplate/certs/redhat.cer", SHA256: hexSHA256([]byte("cert"))}}
	p.Installers = []Installer{
		{Stage: StageDrivers, DiscFile: DiscFile{Path: "wintemplate/tools/virtio-win-gt-x64.msi", SHA256: hexSHA256(disc["virtio-win-gt-x64.msi"])}, Arguments: []string{"ADDLOCAL=ALL"}},
		{Stage: StageAgent, DiscFile: DiscFile{Path: "wintemplate/tools/qemu-ga-x86_64.msi", SHA256: hexSHA256(disc["qemu-ga-x86_64.msi"])}, Services: []string{"QEMU-GA", "QEMU Guest Agent VSS Provider"}},
	}
	if change != nil {
		change(&p)
	}
	parameters, err := p.Encode()
	if err != nil {
		t.Fatal(err)
	}
	write := func(path string, data []byte) {
		full := filepath.Join(root, "c", "disc", filepath.FromSlash(path))
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(full, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, data := range disc {
		write("wintemplate/tools/"+name, data)
	}
	write("wintemplate/certs/redhat.cer", []byte("cert"))
	write(CertificatePath, []byte("pfx"))
	write(ManifestPath, manifest)
	write(BootstrapParametersPath, parameters)
	write(BootstrapPath, BootstrapScript())

	run := exec.CommandContext(t.Context(), engine, "-NoProfile", "-File", "testdata/bootstrap/run.ps1",
		"-Script", filepath.Join(root, "c", "disc", filepath.FromSlash(BootstrapPath)), "-Scenario", scenario)
	calls := filepath.Join(root, "calls")
	run.Env = append(os.Environ(), "PWSH_C="+filepath.Join(root, "c"), "PWSH_CALLS="+calls, "PWSH_REGISTRY="+filepath.Join(root, "registry.json"))
	var stderr bytes.Buffer
	run.Stderr = &stderr
	stdout, err := run.Output()
	if err != nil {
		t.Fatalf("%v\n%s%s", err, stdout, stderr.String())
	}
	lines := strings.Split(strings.TrimSpace(string(stdout)), "\n")
	var o outcome
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &o); err != nil {
		t.Fatalf("%v\n%s%s", err, stdout, stderr.String())
	}
	o.root = filepath.Join(root, "c")
	data, _ := os.ReadFile(calls)
	for line := range strings.Lines(string(data)) {
		var c call
		if err := json.Unmarshal([]byte(line), &c); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		o.calls = append(o.calls, c)
	}
	for _, place := range []string{strings.Join(o.COM1, ""), o.file(t, "ProgramData/wintemplate/bootstrap.log")} {
		if strings.Contains(place, pfxPassword) {
			t.Errorf("the certificate's password is told: %s", place)
		}
	}
	return o
}

func stages(events []beacon.Event) []string {
	var out []string
	for _, e := range events {
		out = append(out, strings.TrimSpace(e.Stage+" "+string(e.State)+" "+e.Text))
	}
	return out
}

func TestBootstrap(t *testing.T) {
	t.Parallel()
	// The link goes up a while after the first beacon, the address comes later.
	o := runBootstrap(t, `$global:State.Links = 3; $global:State.Addresses = 2; $global:State.Profiles = 1; $global:State.ExitCodes['virtio-win-gt-x64.msi'] = 3010`, nil)
	want := []string{
		"bootstrap start",
		"bootstrap.drivers start",
		"bootstrap.drivers info virtio-win-gt-x64.msi wants a restart",
		"bootstrap.drivers ok",
		"bootstrap.agent start",
		"bootstrap.agent ok",
		"bootstrap.network start",
		"bootstrap.network ok",
		"bootstrap.winrm start",
		"bootstrap.winrm ok",
		"bootstrap.ready ok",
	}
	if got := stages(o.events(t)); !slices.Equal(got, want) {
		t.Errorf("beacons:\n%s", strings.Join(got, "\n"))
	}
	if o.Code != 0 {
		t.Errorf("exit code %d", o.Code)
	}
	if o.Slept != 12 {
		t.Errorf("waited %d s for the network, want 12", o.Slept)
	}
	if !slices.Equal(o.Listeners, []string{"Listener_5986"}) {
		t.Errorf("listeners %v", o.Listeners)
	}
	if !slices.Equal(o.Rules, []string{WinRMFirewallRule}) {
		t.Errorf("open rules %v", o.Rules)
	}
	if o.Category != "Private" || o.Filter != 1 {
		t.Errorf("network %s, LocalAccountTokenFilterPolicy %d", o.Category, o.Filter)
	}
	wantWSMan := map[string]string{
		"MaxTimeoutms": "1800000", `Shell\MaxMemoryPerShellMB`: "2048", `Shell\MaxProcessesPerShell`: "200",
		`Shell\MaxShellsPerUser`: "2147483647", // more than is asked for: left alone
		`Service\Auth\Basic`:     "True",
	}
	for path, value := range wantWSMan {
		if o.WSMan[path] != value {
			t.Errorf("%s is %s, want %s", path, o.WSMan[path], value)
		}
	}

	var done BootstrapDone
	if err := json.Unmarshal([]byte(o.file(t, "ProgramData/wintemplate/bootstrap.done")), &done); err != nil {
		t.Fatal(err)
	}
	if done.Version != BootstrapVersion || done.BuildID != "build-1" || len(done.ManifestSHA256) != 64 {
		t.Errorf("marker %+v", done)
	}
	var before BootstrapBefore
	if err := json.Unmarshal([]byte(o.file(t, "ProgramData/wintemplate/bootstrap.before.json")), &before); err != nil {
		t.Fatal(err)
	}
	if before.Version != BootstrapVersion || before.WinRMStart != 3 || before.WinRMDelayed ||
		before.WSMan["MaxTimeoutms"] != "60000" || before.WSMan[`Shell\MaxMemoryPerShellMB`] != "1024" {
		t.Errorf("before: %+v", before)
	}
	checkOrder(t, o)
}

// checkOrder: the firewall opens after everything else, WinRM is touched only
// after the installers, and nothing calls what would open HTTP.
func checkOrder(t *testing.T, o outcome) {
	t.Helper()
	index := func(match func(call) bool) int { return slices.IndexFunc(o.calls, match) }
	named := func(name string) func(call) bool { return func(c call) bool { return c.Command == name } }
	msi := func(leaf string) func(call) bool {
		return func(c call) bool {
			data, _ := json.Marshal(c.Parameters)
			return c.Command == "Start-Process" && bytes.Contains(data, []byte(leaf))
		}
	}
	order := []struct {
		what string
		at   int
	}{
		{"powercfg.exe", index(named("powercfg.exe"))},
		{"Import-Certificate", index(named("Import-Certificate"))},
		{"guest tools", index(msi("virtio-win-gt-x64.msi"))},
		{"agent", index(msi("qemu-ga-x86_64.msi"))},
		{"Get-NetAdapter", index(named("Get-NetAdapter"))},
		{"Start-Service", index(named("Start-Service"))},
		{"Import-PfxCertificate", index(named("Import-PfxCertificate"))},
		{"Set-Item", index(named("Set-Item"))},
		{"Remove-Item", index(named("Remove-Item"))},
		{"Disable-NetFirewallRule", index(named("Disable-NetFirewallRule"))},
		{"New-Item", index(named("New-Item"))},
		{"sc.exe", index(named("sc.exe"))},
		{"New-NetFirewallRule", index(named("New-NetFirewallRule"))},
	}
	for i, step := range order {
		if step.at < 0 {
			t.Errorf("%s was not called", step.what)
		}
		if i > 0 && step.at < order[i-1].at {
			t.Errorf("%s came before %s", step.what, order[i-1].what)
		}
	}
	for _, c := range o.calls {
		if slices.Contains([]string{"Enable-PSRemoting", "Set-WSManQuickConfig", "winrm.cmd"}, c.Command) {
			t.Errorf("%s opens HTTP", c.Command)
		}
		if c.Command == "New-NetFirewallRule" && (c.Parameters["LocalPort"] == nil || !strings.Contains(jsonText(c.Parameters["LocalPort"]), "5986")) {
			t.Errorf("firewall rule %v", c.Parameters)
		}
		if c.Command == "New-Item" && (c.Parameters["Transport"] != "HTTPS" || c.Parameters["CertificateThumbPrint"] != "AA00" || c.Parameters["Port"] != 5986.0) {
			t.Errorf("listener %v", c.Parameters)
		}
	}
	tools := o.calls[index(msi("virtio-win-gt-x64.msi"))]
	line := jsonText(tools.Parameters["ArgumentList"])
	for _, part := range []string{"/i", "/qn", "/norestart", "/l*v", "ADDLOCAL=ALL"} {
		if !strings.Contains(line, part) {
			t.Errorf("msiexec.exe %s lacks %s", line, part)
		}
	}
}

func jsonText(v any) string {
	data, _ := json.Marshal(v)
	return string(data)
}

func TestBootstrapFailures(t *testing.T) {
	t.Parallel()
	noWait := func(p *BootstrapParameters) { p.Network.WaitSeconds = 10 }
	tests := []struct {
		name, scenario string
		change         func(*BootstrapParameters)
		want           string // the last beacon
	}{
		{"32-bit", `$env:PROCESSOR_ARCHITECTURE = 'x86'`, nil, "bootstrap fail this PowerShell is a 32-bit process"},
		{"not elevated", `$global:State.ExitCodes['fltmc.exe'] = 5`, nil, "bootstrap fail the account that logged on is no elevated administrator"},
		{"manifest", `Set-Content -Path C:\disc\wintemplate\manifest.json -Value x`, nil, "bootstrap fail wintemplate/manifest.json on the answer disc is damaged: its SHA-256 is"},
		{"no manifest", `Remove-Item -Path C:\disc\wintemplate\manifest.json`, nil, "bootstrap fail the answer disc has no wintemplate/manifest.json"},
		{"parameters", `Set-Content -Path C:\disc\wintemplate\bootstrap.json -Value '{"version":9}'`, nil, "bootstrap fail bootstrap.json has version 9, this script reads 1"},
		{"no parameters", `Remove-Item -Path C:\disc\wintemplate\bootstrap.json`, nil, "bootstrap fail Get-Content PathNotFound 0x"},
		{"publisher", `New-Stub Import-Certificate { throw [System.UnauthorizedAccessException]::new([string][char]0xAC70 + 'x<y') }`, nil, "bootstrap.drivers fail"},
		{"publisher damaged", `Set-Content -Path C:\disc\wintemplate\certs\redhat.cer -Value x`, nil, "bootstrap.drivers fail wintemplate/certs/redhat.cer on the answer disc is damaged"},
		{"guest tools", `$global:State.ExitCodes['virtio-win-gt-x64.msi'] = 1603`, nil, "bootstrap.drivers fail virtio-win-gt-x64.msi ended with code 1603"},
		{"guest tools damaged", `Set-Content -Path C:\disc\wintemplate\tools\virtio-win-gt-x64.msi -Value x`, nil, "bootstrap.drivers fail wintemplate/tools/virtio-win-gt-x64.msi on the answer disc is damaged"},
		{"guest tools hang", `$global:State.Hang = 'virtio-win-gt-x64.msi'`, nil, "bootstrap.drivers fail virtio-win-gt-x64.msi did not end within 1800 s"},
		{"busy installer for ever", `$global:State.ExitCodes['virtio-win-gt-x64.msi'] = 1618`, nil, "bootstrap.drivers fail virtio-win-gt-x64.msi ended with code 1618"},
		{"agent", `$global:State.ExitCodes['qemu-ga-x86_64.msi'] = 1619`, nil, "bootstrap.agent fail qemu-ga-x86_64.msi ended with code 1619"},
		{"agent's service", `Remove-Item -Path 'HKLM:\SYSTEM\CurrentControlSet\Services\QEMU Guest Agent VSS Provider' -Recurse -Force`, nil, "bootstrap.agent fail qemu-ga-x86_64.msi was installed, but there is no service QEMU Guest Agent VSS Provider"},
		{"command", `$global:State.ExitCodes['cmd.exe'] = @(0, 7)`, func(p *BootstrapParameters) { p.Commands = []string{"one", "secret two"} }, "bootstrap fail first_logon_commands 2 of 2 ended with code 7"},
		{"proxy", `$global:State.ExitCodes['netsh.exe'] = 1`, func(p *BootstrapParameters) { p.Proxy = &BootstrapProxy{Server: "proxy:3128"} }, "bootstrap fail netsh.exe winhttp set proxy ended with code 1"},
		{"no adapter", `$global:State.Links = -1`, noWait, "bootstrap.network fail no network within 10 s: Windows has no network adapter; is its NetKVM driver on the answer disc?"},
		{"no link", `$global:State.Links = 1000`, noWait, "bootstrap.network fail no network within 10 s: the network adapter has no link; is its link state up?"},
		{"no address", `$global:State.Addresses = 1000`, noWait, "bootstrap.network fail no network within 10 s: the network adapter has no address; does DHCP answer?"},
		{"no profile", `$global:State.Profiles = 1000`, noWait, "bootstrap.network fail no network within 10 s: the network has no connection profile yet"},
		{"service", `New-Stub Start-Service { throw 'no' }`, nil, "bootstrap.winrm fail no"},
		{"pfx", `New-Stub Import-PfxCertificate { throw [System.ComponentModel.Win32Exception]::new(86) }`, nil, "bootstrap.winrm fail"},
		{"another certificate", `New-Stub Import-PfxCertificate { [pscustomobject]@{ Thumbprint = 'BB'; RawData = [byte[]]@(1, 2) } }`, nil, "bootstrap.winrm fail wintemplate/winrm.pfx does not hold the certificate of this build"},
		{"listener", `$global:State.Refuse['Listener'] = 'refused'`, nil, "bootstrap.winrm fail refused"},
		{"start type", `$global:State.ExitCodes['sc.exe'] = 5`, nil, "bootstrap.winrm fail sc.exe config WinRM ended with code 5"},
		{"quotas unread", `Remove-Item -Path 'HKLM:\SYSTEM\CurrentControlSet\Services\WinRM' -Recurse -Force`, nil, "bootstrap.winrm fail Get-ItemProperty"},
		{"policy", `New-Stub New-ItemProperty { throw 'no policy' }`, nil, "bootstrap.winrm fail no policy"},
		{"restart of the service", `New-Stub Restart-Service { throw 'no restart' }`, nil, "bootstrap.winrm fail no restart"},
		{"listener that does not stay", `New-Stub Get-ChildItem { }`, nil, "bootstrap.winrm fail WinRM has not exactly one listener"},
		{"firewall", `New-Stub New-NetFirewallRule { throw 'MpsSvc is stopped' }`, nil, "bootstrap.ready fail MpsSvc is stopped"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			o := runBootstrap(t, test.scenario, test.change)
			got := stages(o.events(t))
			last := got[len(got)-1]
			if !strings.HasPrefix(last, test.want) {
				t.Errorf("COM1 ends with %q\nwant %q", last, test.want)
			}
			if o.Code != 1 {
				t.Errorf("exit code %d", o.Code)
			}
			if slices.Contains(o.Rules, WinRMFirewallRule) {
				t.Error("the firewall was opened")
			}
			if _, err := os.Stat(filepath.Join(o.root, "ProgramData/wintemplate/bootstrap.done")); err == nil {
				t.Error("the marker was written")
			}
			if strings.Contains(strings.Join(o.COM1, ""), "secret two") {
				t.Error("a user's command is told")
			}
		})
	}
}

func TestBootstrapGoesOn(t *testing.T) {
	t.Parallel()
	ready := "bootstrap.ready ok"
	tests := []struct {
		name, scenario string
		change         func(*BootstrapParameters)
		check          func(*testing.T, outcome)
	}{
		{"no power management", `$global:State.ExitCodes['powercfg.exe'] = 1`, nil, nil},
		{"busy installer", `$global:State.ExitCodes['virtio-win-gt-x64.msi'] = @(1618, 1618, 0)`, nil, func(t *testing.T, o outcome) {
			if o.Slept != 60 {
				t.Errorf("waited %d s, want 60", o.Slept)
			}
		}},
		{"COM1 held for a moment", `$global:State.Com1Held = 3`, nil, func(t *testing.T, o outcome) {
			if len(o.COM1) != 10 {
				t.Errorf("beacons %q", o.COM1)
			}
		}},
		{"Basic refused", `$global:State.Refuse['Service\Auth\Basic'] = '2150859113'`, nil, func(t *testing.T, o outcome) {
			if o.Basic != 1 || o.WSMan[`Service\Auth\Basic`] != "false" {
				t.Errorf("auth_basic %d in the registry, %s in WSMan", o.Basic, o.WSMan[`Service\Auth\Basic`])
			}
		}},
		{"quota refused", `$global:State.Refuse['MaxTimeoutms'] = 'no'`, nil, func(t *testing.T, o outcome) {
			if o.WSMan["MaxTimeoutms"] != "60000" || o.WSMan[`Shell\MaxMemoryPerShellMB`] != "2048" {
				t.Errorf("quotas %v", o.WSMan)
			}
		}},
		{"second run", `$null = New-Item -ItemType Directory -Path C:\ProgramData\wintemplate -Force; Set-Content -Path C:\ProgramData\wintemplate\bootstrap.before.json -Value kept; $global:State.Rules += 'wintemplate-winrm'`, nil, func(t *testing.T, o outcome) {
			if got := strings.TrimSpace(o.file(t, "ProgramData/wintemplate/bootstrap.before.json")); got != "kept" {
				t.Errorf("the first run's values were overwritten: %s", got)
			}
		}},
		{"commands and proxy", ``, func(p *BootstrapParameters) {
			p.Commands = []string{`echo "a b"`, "exit 3010"}
			p.Proxy = &BootstrapProxy{Server: "proxy.example:3128", Bypass: []string{"*.example", "10.*"}}
		}, func(t *testing.T, o outcome) {
			var lines []string
			for _, c := range o.calls {
				if c.Command == "Start-Process" && c.Parameters["FilePath"] == "cmd.exe" {
					lines = append(lines, jsonText(c.Parameters["ArgumentList"]))
				}
				if c.Command == "netsh.exe" && !slices.Equal(c.Args, []any{"winhttp", "set", "proxy", "proxy-server=proxy.example:3128", "bypass-list=*.example;10.*"}) {
					t.Errorf("netsh.exe %q", c.Args)
				}
			}
			if len(lines) != 2 || !strings.Contains(lines[0], `echo \"a b\"`) {
				t.Errorf("commands %q", lines)
			}
		}},
		{"nothing to install", ``, func(p *BootstrapParameters) { p.Installers, p.TrustedPublishers, p.Commands = nil, nil, nil }, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			o := runBootstrap(t, test.scenario, test.change)
			got := stages(o.events(t))
			if len(got) == 0 || got[len(got)-1] != ready || o.Code != 0 {
				t.Errorf("code %d, beacons\n%s\n%s", o.Code, strings.Join(got, "\n"), o.file(t, "ProgramData/wintemplate/bootstrap.log"))
			}
			if test.check != nil {
				test.check(t, o)
			}
		})
	}
}

// A port that never answers loses every line and nothing else.
func TestBootstrapWithoutCOM1(t *testing.T) {
	t.Parallel()
	o := runBootstrap(t, `$global:State.Com1Held = 100000`, nil)
	if len(o.COM1) != 0 || o.Code != 0 || !slices.Contains(o.Rules, WinRMFirewallRule) {
		t.Errorf("code %d, COM1 %q, rules %v", o.Code, o.COM1, o.Rules)
	}
}

// The checker of Windows PowerShell 5.1 on Server 2016 finds nothing.
func TestScriptsCheck(t *testing.T) {
	t.Parallel()
	check := powershell.Checker(t)
	out, err := exec.Command(check, ".").CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
