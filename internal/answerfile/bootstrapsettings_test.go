package answerfile

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// logonBefore is the first logon as Windows leaves it to the bootstrap.
const logonBefore = `$winlogon = 'HKLM:\SOFTWARE\Microsoft\Windows NT\CurrentVersion\Winlogon'; $null = New-Item -Path $winlogon -Force
$null = New-ItemProperty -LiteralPath $winlogon -Name AutoAdminLogon -Value '1' -PropertyType String -Force
$null = New-ItemProperty -LiteralPath $winlogon -Name DefaultPassword -Value 'secret' -PropertyType String -Force
`

// What the bootstrap changes of the registry and what the list of settings says
// of it are compared value by value: seal and disk check go by the list, and
// would look for another value than the one that is there.
func TestBootstrapSetsTheListedValues(t *testing.T) {
	t.Parallel()
	proxy := Proxy{Server: "proxy.example:3128", Bypass: []string{"*.example", "10.*"}}
	// Basic is refused over WSMan:, so that the script writes what WinRM would.
	o := runBootstrap(t, logonBefore+`$global:State.Refuse['Service\Auth\Basic'] = 'no'; $global:State.WSMan['Shell\MaxShellsPerUser'] = '30'`,
		func(p *BootstrapParameters) { p.Proxy = &BootstrapProxy{Server: proxy.Server, Bypass: proxy.Bypass} })
	// The value before the build is Windows' own and not listed.
	varying := map[string]string{"proxy-server": proxy.Server, "proxy-bypass": strings.Join(proxy.Bypass, ";")}
	types := map[string]string{"REG_DWORD": "DWord", "REG_SZ": "String"}

	found := o.registry(t)
	listed := map[string]bool{}
	for _, s := range BuildSettings() {
		if s.Kind != RegistryValue || s.By != SetByBootstrap || s.ID == "proxy-winhttp" { // netsh.exe's
			continue
		}
		listed[s.Key+`\`+s.Name] = true
		value, ok := found[s.Key][s.Name]
		if data := or(varying[s.ID], s.Data); !ok || value.Type != types[s.Type] || fmt.Sprint(value.Value) != data {
			t.Errorf("%s: %s of %s is %s %v (there: %v), but the list has %s %s", s.ID, s.Name, s.Key, value.Type, value.Value, ok, s.Type, data)
		}
	}
	for key, values := range found {
		for name, value := range values {
			switch {
			case listed[key+`\`+name], strings.HasSuffix(key, `\Services\WinRM`): // the scene's
			case key == winlogon && name == "AutoAdminLogon" && value.Value == "0":
			default:
				t.Errorf("%s of %s is set to %v, and nobody lists it", name, key, value.Value)
			}
		}
	}
	if _, ok := found[winlogon]["DefaultPassword"]; ok {
		t.Error("the password of the first logon is still in the registry")
	}
	checkOtherSettings(t, o)
}

// checkOtherSettings compares what is no value of the registry.
func checkOtherSettings(t *testing.T, o outcome) {
	t.Helper()
	called := func(command string, parts ...string) bool {
		return slices.ContainsFunc(o.calls, func(c call) bool {
			text := jsonText(c.Parameters) + jsonText(c.Args)
			return c.Command == command && !slices.ContainsFunc(parts, func(part string) bool { return !strings.Contains(text, part) })
		})
	}
	for _, s := range BuildSettings() {
		if s.By != SetByBootstrap {
			continue
		}
		ok := false
		switch s.Kind {
		case RegistryValue:
			continue
		case WSManItem:
			ok = o.WSMan[s.Name] == s.Data
		case Listener:
			ok = called("New-Item", `"Transport":"`+s.Name+`"`)
		case Service:
			ok = called("sc.exe", `"config","`+s.Name+`"`)
		case Certificate:
			ok = called("Import-PfxCertificate", strings.ReplaceAll(s.Name, `\`, `\\`))
		case FirewallRule:
			ok = slices.Contains(o.Rules, s.Name)
		case Folder:
			_, err := os.Stat(filepath.Join(o.root, strings.ReplaceAll(strings.TrimPrefix(s.Name, `C:\`), `\`, "/")))
			ok = err == nil
		}
		if !ok {
			t.Errorf("%s: the bootstrap does not set the %s %s to %q", s.ID, s.Kind, s.Name, s.Data)
		}
	}
}

// An installer that hangs is ended, and one that finds another at work is tried
// twenty times, half a minute apart.
func TestBootstrapInstallersThatDoNotEnd(t *testing.T) {
	t.Parallel()
	const tools = "virtio-win-gt-x64.msi"
	o := runBootstrap(t, `$global:State.Hang = '`+tools+`'`, nil)
	if !slices.Equal(o.Killed, []string{tools}) || o.Started[tools] != 1 {
		t.Errorf("ended %q after %d runs", o.Killed, o.Started[tools])
	}
	o = runBootstrap(t, `$global:State.ExitCodes['`+tools+`'] = 1618`, nil)
	if o.Started[tools] != 20 || o.Slept != 19*30 || len(o.Killed) > 0 {
		t.Errorf("%d runs in %d s, ended %q", o.Started[tools], o.Slept, o.Killed)
	}
	o = runBootstrap(t, `$global:State.ExitCodes['`+tools+`'] = @(1618, 1603)`, nil)
	if o.Started[tools] != 2 || o.Slept != 30 {
		t.Errorf("%d runs in %d s", o.Started[tools], o.Slept)
	}
}
