package answerfile

import (
	"strings"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/windows"
)

// names are the machine's name and its time zone.
func (f userFile) names() {
	shell := f.component(passSpecialize, componentShell)
	f.p.check(checkComputerName("ComputerName", strings.TrimSpace(shell.value("ComputerName"))))
	for _, pass := range []string{passSpecialize, passOOBE} {
		name := strings.TrimSpace(f.component(pass, componentShell).value("TimeZone"))
		if name == "" {
			continue
		}
		switch zone, err := windows.LookupTimeZone(name); {
		case err != nil:
			f.p.add("TimeZone", "%v", err)
		case !strings.EqualFold(zone.Windows, name):
			f.p.add("TimeZone", "%q is an IANA name, which Windows does not know; write %q", name, zone.Windows)
		case zone.Windows != name:
			f.p.add("TimeZone", "%q; Windows writes it %q", name, zone.Windows)
		}
	}
}

// welcome are the pages of OOBE, and a file that never comes to them.
func (f userFile) welcome() {
	shell := f.component(passOOBE, componentShell)
	if !shell.isTrue("OOBE/HideEULAPage") {
		f.p.add("OOBE/HideEULAPage", "not true; the welcome stops at the licence page")
	}
	for _, pass := range []string{passSpecialize, passOOBE} {
		if mode := strings.TrimSpace(f.component(pass, componentDeployment).value("Reseal/Mode")); strings.EqualFold(mode, "Audit") {
			f.p.add(pass+"/Reseal", "Mode Audit; in audit mode no first-logon command runs, so nothing opens WinRM")
		}
	}
}

// accounts are those that OOBE makes, and the one that logs on. Servers want
// complex passwords by default, clients any.
func (f userFile) accounts() {
	server := f.a.Product.Server
	shell := f.component(passOOBE, componentShell)
	computer := strings.TrimSpace(f.component(passSpecialize, componentShell).value("ComputerName"))
	passwords := map[string]string{} // by name in lower case
	administrator := f.administratorName(shell)

	given := shell.find("UserAccounts/AdministratorPassword")
	switch {
	case server && given == nil:
		f.p.add("UserAccounts/AdministratorPassword", "missing; a server's welcome stops at the page that asks for it")
	case server:
		if password, ok := f.password("UserAccounts/AdministratorPassword", given); ok {
			passwords[strings.ToLower(administrator)] = password
			f.complex("UserAccounts/AdministratorPassword", password, administrator)
		}
	}
	local := shell.find("UserAccounts/LocalAccounts").children()
	if !server && len(local) == 0 {
		f.p.add("UserAccounts/LocalAccounts", "missing; the built-in administrator of %s is disabled, so nobody could log on", f.a.Product.Name)
	}
	groups := map[string]string{}
	for _, account := range local {
		const field = "UserAccounts/LocalAccounts/LocalAccount"
		name := strings.TrimSpace(account.value("Name"))
		key := strings.ToLower(name)
		f.p.check(checkAccountName(field+"/Name", name, computer))
		switch _, twice := groups[key]; {
		case twice:
			f.p.add(field+"/Name", "%q is given twice", name)
		case isBuiltIn(name, administrator):
			f.p.add(field+"/Name", "%q is the name of a built-in account or group", name)
		}
		groups[key] = account.value("Group")
		password, ok := f.password(field+" "+name+"/Password", account.child("Password"))
		if ok {
			passwords[key] = password
			if server {
				f.complex(field+" "+name+"/Password", password, append(nameParts(account.value("DisplayName")), name)...)
			}
		}
	}
	f.autoLogon(shell, passwords, groups)
}

// administratorName is what RID 500 is called: by the image's language where
// that is known, else by what the file logs on as.
func (f userFile) administratorName(shell *node) string {
	language := or(strings.TrimSpace(f.component(passOOBE, componentLocale).value("UILanguage")), f.a.language())
	if locale, err := windows.LookupLocale(language); err == nil && locale.Administrator != "" {
		return locale.Administrator
	}
	return or(strings.TrimSpace(shell.value("AutoLogon/Username")), "Administrator")
}

// password reads a password; it names one that Windows would read otherwise.
func (f userFile) password(field string, n *node) (string, bool) {
	if n == nil {
		return "", true
	}
	if strings.EqualFold(strings.TrimSpace(n.value("PlainText")), "false") {
		if _, ok := reveal(strings.TrimSpace(n.value("Value")), n.name); !ok {
			f.p.add(field, "PlainText is false, but Value is not base64 of UTF-16LE of the password with %q behind it", n.name)
			return "", false
		}
	}
	return passwordOf(n), true
}

func (f userFile) complex(field, password string, names ...string) {
	if password == "" {
		f.p.add(field, "empty; the welcome of a server stops at it")
		return
	}
	if err := windows.CheckPassword(password, names...); err != nil {
		f.p.add(field, "%v; the welcome of a server stops at it", err)
	}
}

// autoLogon: whoever logs on must be there, with that password, and be an
// administrator.
func (f userFile) autoLogon(shell *node, passwords, groups map[string]string) {
	if !shell.isTrue("AutoLogon/Enabled") {
		return // firstLogon says so
	}
	name := strings.TrimPrefix(strings.TrimSpace(shell.value("AutoLogon/Username")), `.\`)
	if domain := strings.TrimSpace(shell.value("AutoLogon/Domain")); domain != "" && domain != "." && !strings.EqualFold(domain, "localhost") {
		return // an account of a domain, which is made elsewhere
	}
	key := strings.ToLower(name)
	group, isLocal := groups[key]
	want, known := passwords[key]
	password, ok := f.password("AutoLogon/Password", shell.find("AutoLogon/Password"))
	switch {
	case !known && !isLocal:
		f.p.add("AutoLogon/Username", "%q is no account of this file; Windows stays at its logon screen, and no first-logon command runs", name)
	case known && ok && want != password:
		f.p.add("AutoLogon/Password", "not the password of %q in UserAccounts; Windows stays at its logon screen, and no first-logon command runs", name)
	}
	if isLocal && !inAdministrators(group) {
		f.p.add("UserAccounts/LocalAccounts/LocalAccount "+name+"/Group", "%q; the account of the first logon must be in Administrators", group)
	}
}

// inAdministrators reads a list of groups: Windows takes the English name in
// every language, and the SID.
func inAdministrators(list string) bool {
	for group := range strings.SplitSeq(list, ";") {
		if group = strings.TrimSpace(group); strings.EqualFold(group, "Administrators") || group == "S-1-5-32-544" {
			return true
		}
	}
	return false
}
