package answerfile

import (
	"fmt"
	"strings"
)

// SettingKind is what a setting is, and so how it is reverted and verified.
type SettingKind string

// The kinds of settings.
const (
	RegistryValue SettingKind = "registry-value" // Key, Name, Type, Data
	RegistryKey   SettingKind = "registry-key"   // Key, whole
	FirewallRule  SettingKind = "firewall-rule"  // Name
	Listener      SettingKind = "winrm-listener" // Name: the transport
	WSManItem     SettingKind = "wsman-item"     // Name: path below WSMan:\localhost; the value before is in BootstrapBeforePath
	Service       SettingKind = "service"        // Name; the start type before is in BootstrapBeforePath
	Certificate   SettingKind = "certificate"    // Name: the store; with its private key
	Folder        SettingKind = "folder"         // Name: the path
)

// SetBy is who sets a setting.
type SetBy string

// Who sets settings.
const (
	SetBySpecialize SetBy = "specialize" // reg.exe in the answer file's specialize pass
	SetByComponent  SetBy = "component"  // a component of the answer file
	SetByOOBE       SetBy = "oobeSystem" // Windows, from the answer file's AutoLogon
	SetByBootstrap  SetBy = "bootstrap"  // the first logon's script
)

// Setting is one thing that answer file or bootstrap set for the build's sake
// and that no clone may inherit.
type Setting struct {
	// ID names the setting in findings and logs, in kebab case.
	ID   string
	Kind SettingKind
	By   SetBy
	// Key is a full registry path: `HKLM\SOFTWARE\…`. Below SYSTEM it says
	// CurrentControlSet.
	Key string
	// Name of the value, the rule, the folder.
	Name string
	// Type is REG_DWORD or REG_SZ, for values.
	Type string
	// Data is what the build sets, as reg.exe takes it, or WSMan for its items;
	// "" where it differs from build to build.
	Data string
	// Revert is the data that a template has, if it has the value at all;
	// nil: the thing is absent.
	Revert *string
	// Why it was set, for users.
	Why string
	// Servers and Clients: where it is set.
	Servers, Clients bool
	// WithProxy: it is set only where the build has a proxy, and is the
	// template's own when the user wants the proxy to stay there.
	WithProxy bool
}

// Applies tells whether the setting is set on a server, or on a client.
func (s Setting) Applies(server bool) bool {
	if server {
		return s.Servers
	}
	return s.Clients
}

// reg is the command that sets a registry setting.
func (s Setting) reg() string {
	if s.Kind == RegistryKey {
		return fmt.Sprintf(`reg.exe add "%s" /f`, s.Key)
	}
	return fmt.Sprintf(`reg.exe add "%s" /v %s /t %s /d %s /f`, s.Key, s.Name, s.Type, quoteArg(s.Data))
}

func quoteArg(text string) string {
	if text == "" || strings.ContainsAny(text, " \t") {
		return `"` + text + `"`
	}
	return text
}

// Registry paths that are used more than once.
const (
	networkSignatures = `HKLM\SOFTWARE\Policies\Microsoft\Windows NT\CurrentVersion\NetworkList\Signatures`
	winlogon          = `HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion\Winlogon`
	softwareLicensing = `HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion\SoftwareProtectionPlatform`
	oobeKey           = `HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\OOBE`
)

// BuildSettings is everything that answer file and bootstrap set for the
// build's sake: the seal reverts each, and the disk check verifies each. Not
// in it is what a template shall keep: no automatic drive encryption, no
// sleep, no hibernation file.
func BuildSettings() []Setting {
	off := "0"
	return []Setting{
		{
			ID: "first-network-private", Kind: RegistryValue, By: SetBySpecialize,
			Key: networkSignatures + `\FirstNetwork`, Name: "Category", Type: "REG_DWORD", Data: "1",
			Why:     "the first network is Private without a question; WinRM cannot be configured on a Public one",
			Servers: true, Clients: true,
		},
		{
			ID: "unidentified-network-private", Kind: RegistryValue, By: SetBySpecialize,
			Key:  networkSignatures + `\010103000F0000F0010000000F0000F0C967A3643C3AD745950DA7859209176EF5B87C875FA20DF21951640E807D7C24`,
			Name: "Category", Type: "REG_DWORD", Data: "1",
			Why:     "a network without a gateway, as an isolated build network is, counts as Private too",
			Servers: true, Clients: true,
		},
		{
			ID: "new-network-window-off", Kind: RegistryKey, By: SetBySpecialize,
			Key:     `HKLM\SYSTEM\CurrentControlSet\Control\Network\NewNetworkWindowOff`,
			Why:     "no question about the network at the first logon",
			Servers: true, Clients: true,
		},
		{
			ID: "no-auto-update", Kind: RegistryValue, By: SetBySpecialize,
			Key: `HKLM\SOFTWARE\Policies\Microsoft\Windows\WindowsUpdate\AU`, Name: "NoAutoUpdate", Type: "REG_DWORD", Data: "1",
			Why:     "Windows Update does not reboot the machine in mid-build",
			Servers: true, Clients: true,
		},
		{
			ID: "no-consumer-features", Kind: RegistryValue, By: SetBySpecialize,
			Key: `HKLM\SOFTWARE\Policies\Microsoft\Windows\CloudContent`, Name: "DisableWindowsConsumerFeatures", Type: "REG_DWORD", Data: "1",
			Why:     "no apps are installed for the build's user: sysprep refuses them",
			Clients: true,
		},
		{
			ID: "no-store-updates", Kind: RegistryValue, By: SetBySpecialize,
			Key: `HKLM\SOFTWARE\Policies\Microsoft\WindowsStore`, Name: "AutoDownload", Type: "REG_DWORD", Data: "2",
			Why:     "the Store does not update apps for the build's user: sysprep refuses them",
			Clients: true,
		},
		{
			ID: "bypass-network-page", Kind: RegistryValue, By: SetBySpecialize,
			Key: oobeKey, Name: "BypassNRO", Type: "REG_DWORD", Data: "1",
			Why:     "OOBE goes on without a network, whose link is down until the first logon",
			Clients: true,
		},
		{
			ID: "skip-auto-activation", Kind: RegistryValue, By: SetByComponent,
			Key: softwareLicensing + `\Activation`, Name: "Manual", Type: "REG_DWORD", Data: "1", Revert: &off,
			Why:     "the build does not use up an activation",
			Servers: true, Clients: true,
		},
		{
			ID: "no-server-manager-at-logon", Kind: RegistryValue, By: SetByComponent,
			Key: `HKLM\SOFTWARE\Microsoft\ServerManager`, Name: "DoNotOpenServerManagerAtLogon", Type: "REG_DWORD", Data: "1", Revert: &off,
			Why:     "Server Manager does not slow the first logon down",
			Servers: true,
		},
		{
			ID: "autologon", Kind: RegistryValue, By: SetByOOBE,
			Key: winlogon, Name: "AutoAdminLogon", Type: "REG_SZ", Data: "1", Revert: &off,
			Why: "the first logon runs the bootstrap", Servers: true, Clients: true,
		},
		{
			ID: "autologon-count", Kind: RegistryValue, By: SetByOOBE, Key: winlogon, Name: "AutoLogonCount", Type: "REG_DWORD",
			Why: "belongs to the first logon", Servers: true, Clients: true,
		},
		{
			ID: "autologon-sid", Kind: RegistryValue, By: SetByOOBE, Key: winlogon, Name: "AutoLogonSID", Type: "REG_SZ",
			Why: "belongs to the first logon", Servers: true, Clients: true,
		},
		{
			ID: "autologon-user", Kind: RegistryValue, By: SetByOOBE, Key: winlogon, Name: "DefaultUserName", Type: "REG_SZ",
			Why: "belongs to the first logon", Servers: true, Clients: true,
		},
		{
			ID: "autologon-domain", Kind: RegistryValue, By: SetByOOBE, Key: winlogon, Name: "DefaultDomainName", Type: "REG_SZ",
			Why: "belongs to the first logon", Servers: true, Clients: true,
		},
		{
			ID: "autologon-password", Kind: RegistryValue, By: SetByOOBE, Key: winlogon, Name: "DefaultPassword", Type: "REG_SZ",
			Why: "belongs to the first logon", Servers: true, Clients: true,
		},
		{
			ID: "remote-token-filter", Kind: RegistryValue, By: SetByBootstrap,
			Key: `HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Policies\System`, Name: "LocalAccountTokenFilterPolicy", Type: "REG_DWORD", Data: "1",
			Why: "a local administrator is one over WinRM too", Servers: true, Clients: true,
		},
		{
			ID: "winrm-basic", Kind: RegistryValue, By: SetByBootstrap,
			Key: wsmanService, Name: "auth_basic", Type: "REG_DWORD", Data: "1", Revert: &off,
			Why: "Packer's communicator logs on with Basic, inside HTTPS", Servers: true, Clients: true,
		},
		{
			ID: "winrm-timeout", Kind: WSManItem, By: SetByBootstrap, Name: `MaxTimeoutms`, Data: "1800000",
			Why: "provisioners may run for hours", Servers: true, Clients: true,
		},
		{
			ID: "winrm-shell-memory", Kind: WSManItem, By: SetByBootstrap, Name: `Shell\MaxMemoryPerShellMB`, Data: "2048",
			Why: "installers may need memory", Servers: true, Clients: true,
		},
		{
			ID: "winrm-shell-processes", Kind: WSManItem, By: SetByBootstrap, Name: `Shell\MaxProcessesPerShell`, Data: "200",
			Why: "installers may start processes", Servers: true, Clients: true,
		},
		{
			ID: "winrm-shells", Kind: WSManItem, By: SetByBootstrap, Name: `Shell\MaxShellsPerUser`, Data: "100",
			Why: "provisioners open many shells", Servers: true, Clients: true,
		},
		{
			ID: "winrm-listener", Kind: Listener, By: SetByBootstrap, Name: "HTTPS",
			Why: "Packer's way into Windows", Servers: true, Clients: true,
		},
		{
			ID: "winrm-service", Kind: Service, By: SetByBootstrap, Name: "WinRM",
			Why: "Packer's way into Windows", Servers: true, Clients: true,
		},
		{
			ID: "winrm-certificate", Kind: Certificate, By: SetByBootstrap, Name: `Cert:\LocalMachine\My`,
			Why: "the listener's, made for this build; its private key must go too", Servers: true, Clients: true,
		},
		{
			ID: "winrm-firewall-rule", Kind: FirewallRule, By: SetByBootstrap, Name: WinRMFirewallRule,
			Why: "Packer's way into Windows", Servers: true, Clients: true,
		},
		{
			ID: "proxy-winhttp", Kind: RegistryValue, By: SetByBootstrap,
			Key: internetSettings + `\Connections`, Name: "WinHttpSettings", Type: "REG_BINARY", // absent: direct access
			Why: "services reach the network of the build", Servers: true, Clients: true, WithProxy: true,
		},
		{
			ID: "proxy-per-machine", Kind: RegistryValue, By: SetByBootstrap,
			Key:  `HKLM\SOFTWARE\Policies\Microsoft\Windows\CurrentVersion\Internet Settings`,
			Name: "ProxySettingsPerUser", Type: "REG_DWORD", Data: "0",
			Why: "all users have the machine's proxy", Servers: true, Clients: true, WithProxy: true,
		},
		{
			ID: "proxy-enable", Kind: RegistryValue, By: SetByBootstrap,
			Key: internetSettings, Name: "ProxyEnable", Type: "REG_DWORD", Data: "1",
			Why: "users reach the network of the build", Servers: true, Clients: true, WithProxy: true,
		},
		{
			ID: "proxy-server", Kind: RegistryValue, By: SetByBootstrap, Key: internetSettings, Name: "ProxyServer", Type: "REG_SZ",
			Why: "users reach the network of the build", Servers: true, Clients: true, WithProxy: true,
		},
		{
			ID: "proxy-bypass", Kind: RegistryValue, By: SetByBootstrap, Key: internetSettings, Name: "ProxyOverride", Type: "REG_SZ",
			Why: "users reach the network of the build", Servers: true, Clients: true, WithProxy: true,
		},
		{
			ID: "build-folder", Kind: Folder, By: SetByBootstrap, Name: GuestFolder,
			Why: "log and marker of the bootstrap, results of operations", Servers: true, Clients: true,
		},
	}
}

// internetSettings is where Windows keeps its proxies: WinINET's in values, and
// WinHTTP's below Connections, where netsh.exe writes it.
const internetSettings = `HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Internet Settings`

// wsmanService is where WinRM's service keeps its configuration.
const wsmanService = `HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\WSMAN\Service`

// specializeCommands are the commands that set the build's settings, and what
// a template keeps.
func specializeCommands(server bool) []command {
	commands := []command{{line: BeaconCommand("setup.specialize start")}}
	for _, s := range BuildSettings() {
		if s.By == SetBySpecialize && s.Applies(server) {
			commands = append(commands, command{line: s.reg()})
		}
	}
	return append(commands, command{line: preventEncryption()})
}

// preventEncryption keeps Windows from encrypting the disk by itself, which
// sysprep refuses (0x80310039) and no template can carry. It stays.
func preventEncryption() string {
	return Setting{
		Kind: RegistryValue, Key: `HKLM\SYSTEM\CurrentControlSet\Control\BitLocker`, Name: "PreventDeviceEncryption", Type: "REG_DWORD", Data: "1",
	}.reg()
}

// BeaconCommand is the command of Windows PE and the specialize pass that
// writes one beacon line to COM1 and never fails: a machine without the port,
// or one that something else holds, installs all the same.
func BeaconCommand(text string) string {
	return `cmd.exe /c "(echo wintemplate: ` + text + `)>COM1 2>nul & exit /b 0"`
}
