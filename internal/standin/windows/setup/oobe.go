package setup

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf16"
)

// Account is a local account of the answer file.
type Account struct {
	Name, Password string
	Administrator  bool
}

// Welcomed is what the oobeSystem pass decides.
type Welcomed struct {
	AdministratorPassword string
	Accounts              []Account
	LogonUser             string // who is logged on automatically
	LogonPassword         string
	LogonCount            int
	TimeZone              string
	Commands              []Command // first-logon commands
}

// Welcome is the oobeSystem pass: everything that a page would ask must have
// an answer. administrator is the built-in administrator's name in the image's
// language.
func (a *Answers) Welcome(installation, computerName, administrator string) (Welcomed, *Screen) {
	const pass = "oobeSystem"
	if screen := a.Check(pass, installation); screen != nil {
		return Welcomed{}, screen
	}
	shell := a.component(pass, "Microsoft-Windows-Shell-Setup")
	var w Welcomed
	if !shell.flag("OOBE/HideEULAPage") {
		return w, oobeScreen("oobe-eula", "License terms", "OOBE/HideEULAPage is not true", "cloudbase/windows-imaging-tools")
	}
	if screen := w.readAccounts(a, shell, installation); screen != nil {
		return w, screen
	}
	if screen := w.checkPasswords(a, installation, computerName, administrator); screen != nil {
		return w, screen
	}
	w.TimeZone, _ = shell.value("TimeZone")
	w.Commands = commands(shell, "FirstLogonCommands", "SynchronousCommand", "CommandLine")
	return w, w.readAutoLogon(a, shell, installation, administrator)
}

func oobeScreen(id, text, detail, source string) *Screen {
	return &Screen{ID: id, Pass: "oobeSystem", Title: "Windows", Text: text, Log: detail, Source: source}
}

func (w *Welcomed) readAccounts(a *Answers, shell *node, installation string) *Screen {
	var ok bool
	w.AdministratorPassword, ok = password(shell.find("UserAccounts/AdministratorPassword"), "AdministratorPassword")
	if !ok {
		return a.refuse("oobeSystem", "Microsoft-Windows-Shell-Setup", "AdministratorPassword: Value is not base64 of UTF-16LE with its suffix, although PlainText is false")
	}
	for _, n := range shell.all("UserAccounts/LocalAccounts", "LocalAccount") {
		name, _ := n.value("Name")
		groups, _ := n.value("Group")
		if detail := checkAccountName(name); detail != "" {
			return a.refuse("oobeSystem", "Microsoft-Windows-Shell-Setup", detail)
		}
		if slices.ContainsFunc(w.Accounts, func(o Account) bool { return strings.EqualFold(o.Name, name) }) {
			return a.refuse("oobeSystem", "Microsoft-Windows-Shell-Setup", fmt.Sprintf("LocalAccount %q stands twice", name))
		}
		secret, ok := password(n.child("Password"), "Password")
		if !ok {
			return a.refuse("oobeSystem", "Microsoft-Windows-Shell-Setup", fmt.Sprintf("LocalAccount %q: Value is not base64 of UTF-16LE with its suffix, although PlainText is false", name))
		}
		w.Accounts = append(w.Accounts, Account{Name: name, Password: secret, Administrator: administrators(groups)})
	}
	if installation == "Client" && len(w.Accounts) == 0 {
		return oobeScreen("oobe-account", "Who's going to use this device?", "a client without a LocalAccount: its built-in administrator is disabled", "cloudbase/windows-imaging-tools, canonical/packer-maas")
	}
	if installation != "Client" && w.AdministratorPassword == "" {
		return oobeScreen("oobe-password", "Customize settings: type a password for the built-in administrator account", "a server without AdministratorPassword", "learn.microsoft.com: Microsoft-Windows-Shell-Setup-UserAccounts-AdministratorPassword")
	}
	return nil
}

// administrators says whether a group list holds the administrators: by the
// English name, which Windows takes in every language, or the group's SID.
func administrators(groups string) bool {
	return slices.ContainsFunc(strings.Split(groups, ";"), func(g string) bool {
		g = strings.TrimSpace(g)
		return strings.EqualFold(g, "Administrators") || g == "S-1-5-32-544"
	})
}

// checkAccountName: at most 20 characters, none that SAM forbids, and not the
// reserved NONE.
func checkAccountName(name string) string {
	switch {
	case strings.TrimSpace(name) == "":
		return "LocalAccount without a Name"
	case len(utf16.Encode([]rune(name))) > 20:
		return fmt.Sprintf("LocalAccount %q has more than 20 characters", name)
	case strings.ContainsAny(name, "/\\[]:;|=,+*?<>\"@%"):
		return fmt.Sprintf("LocalAccount %q holds a forbidden character", name)
	case strings.EqualFold(name, "NONE"):
		return "LocalAccount NONE: the name is reserved"
	}
	return ""
}

// password decodes a password element: plain, or base64 of UTF-16LE of the
// password followed by the element's name.
func password(n *node, suffix string) (string, bool) {
	if n == nil {
		return "", true
	}
	value := n.raw("Value")
	if plain, given := n.value("PlainText"); !given || plain == "true" {
		return value, true
	}
	raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(value))
	if err != nil || len(raw)%2 != 0 {
		return "", false
	}
	units := make([]uint16, len(raw)/2)
	for i := range units {
		units[i] = binary.LittleEndian.Uint16(raw[2*i:])
	}
	return strings.CutSuffix(string(utf16.Decode(units)), suffix)
}

// checkPasswords applies the policy that a server has by default: three kinds
// of characters and not the account's name. Setup stops where an
// account can't be made.
func (w *Welcomed) checkPasswords(a *Answers, installation, computerName, administrator string) *Screen {
	if computerName != "" {
		for _, account := range w.Accounts {
			if strings.EqualFold(account.Name, computerName) {
				return a.refuse("oobeSystem", "Microsoft-Windows-Shell-Setup",
					fmt.Sprintf("LocalAccount %q has the computer's name: it would be in no group (cschneegans/unattend-generator#16)", account.Name))
			}
		}
	}
	if installation == "Client" {
		return nil
	}
	accounts := append([]Account{{Name: administrator, Password: w.AdministratorPassword}}, w.Accounts...)
	for _, account := range accounts {
		if !complex(account.Password, account.Name) {
			return oobeScreen("oobe-password", "The password you entered doesn't meet the password policy requirements.",
				fmt.Sprintf("password of %q", account.Name), "learn.microsoft.com: Password must meet complexity requirements")
		}
	}
	return nil
}

// complex: characters of three of five kinds: upper case, lower case, digits,
// ASCII marks, and letters without a case. What is none of them, such as an emoji
// or a currency's sign, counts for nothing.
func complex(password, user string) bool {
	var kinds [5]bool
	for _, r := range password {
		switch {
		case unicode.IsUpper(r):
			kinds[0] = true
		case unicode.IsLower(r):
			kinds[1] = true
		case r >= '0' && r <= '9':
			kinds[2] = true
		case r < unicode.MaxASCII:
			kinds[3] = true
		case unicode.IsLetter(r):
			kinds[4] = true
		}
	}
	count := 0
	for _, k := range kinds {
		if k {
			count++
		}
	}
	named := len(utf16.Encode([]rune(user))) > 2 && strings.Contains(strings.ToLower(password), strings.ToLower(user))
	return count >= 3 && !named && len([]rune(password)) >= 3
}

// readAutoLogon: without a working automatic logon Windows shows its lock
// screen, and no first-logon command runs.
func (w *Welcomed) readAutoLogon(a *Answers, shell *node, installation, administrator string) *Screen {
	if !shell.flag("AutoLogon/Enabled") {
		return oobeScreen("lock-screen", "Press Ctrl+Alt+Delete to unlock.", "AutoLogon is not enabled", "learn.microsoft.com: Microsoft-Windows-Shell-Setup-AutoLogon")
	}
	w.LogonUser, _ = shell.value("AutoLogon/Username")
	w.LogonCount, _ = shell.number("AutoLogon/LogonCount")
	var ok bool
	if w.LogonPassword, ok = password(shell.find("AutoLogon/Password"), "Password"); !ok {
		return a.refuse("oobeSystem", "Microsoft-Windows-Shell-Setup", "AutoLogon: Value is not base64 of UTF-16LE with its suffix, although PlainText is false")
	}
	want, known := "", false
	if strings.EqualFold(w.LogonUser, administrator) && installation != "Client" {
		want, known = w.AdministratorPassword, true
	}
	for _, account := range w.Accounts {
		if strings.EqualFold(account.Name, w.LogonUser) {
			want, known = account.Password, true
		}
	}
	if !known || want != w.LogonPassword {
		return oobeScreen("lock-screen", "The user name or password is incorrect. Try again.",
			fmt.Sprintf("AutoLogon as %q", w.LogonUser), "vmware/packer-examples-for-vsphere#332")
	}
	return nil
}
