package answerfile

// SettingKind is what a setting is, and so how it is reverted and verified.
type SettingKind string

// The kinds of settings.
const (
	RegistryValue SettingKind = "registry-value" // Key, Name, Type, Data
	RegistryKey   SettingKind = "registry-key"   // Key, whole
	FirewallRule  SettingKind = "firewall-rule"  // Name
	Listener      SettingKind = "winrm-listener" // Name: "HTTPS"
	Certificate   SettingKind = "certificate"    // Name: store path; with private key
	Folder        SettingKind = "folder"         // Name: path
)

// Setting is one thing that answer file or bootstrap set for the build's sake
// and that no clone may inherit.
type Setting struct {
	// ID names the setting in findings and logs, in kebab case.
	ID   string
	Kind SettingKind
	// Key is a full registry path: `HKLM\SOFTWARE\…`. Below SYSTEM it says
	// CurrentControlSet.
	Key string
	// Name of the value, the rule, the folder.
	Name string
	// Type is REG_DWORD or REG_SZ, for values.
	Type string
	// Data is what the build sets, as reg.exe writes it.
	Data string
	// Revert is the data that a template has; nil: the thing is absent.
	Revert *string
	// Why it was set, for users.
	Why string
	// Clients or Servers: where it is set.
	Clients, Servers bool
}

// BuildSettings is everything that answer file and bootstrap set for the
// build's sake: the seal reverts each, and the disk check verifies each.
func BuildSettings() []Setting { return nil }

// FindSecrets names the elements of an answer file that hold a password with
// a value ("oobeSystem/Microsoft-Windows-Shell-Setup/AutoLogon/Password").
// What cannot be parsed as XML is named as such.
func FindSecrets(xml []byte) []string { return nil }
