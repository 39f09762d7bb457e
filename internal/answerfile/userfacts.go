package answerfile

import "strings"

// FileFacts is what a build has to know of a user's own Autounattend.xml.
type FileFacts struct {
	// Account and Password are those of the first logon (AutoLogon): the build
	// talks to Windows as that account. Empty where the file has none.
	Account  string
	Password string
	// Domain is that of Account; empty for one of this machine.
	Domain string
	// Language is the installed Windows' (UILanguage of oobeSystem), TimeZone
	// the Windows name of its zone at the first logon (oobeSystem comes after
	// specialize), ComputerName the name given in specialize; each empty where
	// the file does not say.
	Language     string
	TimeZone     string
	ComputerName string
	// Secrets are the values of all password elements, so that they can be kept
	// out of logs.
	Secrets []string
}

// String is the account's name: the secrets are not printed.
func (f FileFacts) String() string { return "answer file for " + f.Account }

// GoString is String, for %#v.
func (f FileFacts) GoString() string { return f.String() }

// ReadFile reads an answer file or a fragment. It finds no defects but those of
// the XML; CheckFile names the others.
func ReadFile(data []byte) (FileFacts, error) {
	root, err := parse(data)
	if err != nil {
		return FileFacts{}, err
	}
	return factsOf(root), nil
}

func factsOf(root *node) FileFacts {
	f := userFile{root: root}
	value := func(pass, component, path string) string {
		return strings.TrimSpace(f.component(pass, component).value(path))
	}
	domain := value(passOOBE, componentShell, "AutoLogon/Domain")
	if domain == "." || strings.EqualFold(domain, "localhost") {
		domain = ""
	}
	return FileFacts{
		Account:      strings.TrimPrefix(value(passOOBE, componentShell, "AutoLogon/Username"), `.\`),
		Password:     passwordOf(f.component(passOOBE, componentShell).find("AutoLogon/Password")),
		Domain:       domain,
		Language:     value(passOOBE, componentLocale, "UILanguage"),
		TimeZone:     or(value(passOOBE, componentShell, "TimeZone"), value(passSpecialize, componentShell, "TimeZone")),
		ComputerName: value(passSpecialize, componentShell, "ComputerName"),
		Secrets:      secretsBelow(root),
	}
}

func secretsBelow(n *node) []string {
	var out []string
	for _, kid := range n.kids {
		if strings.HasSuffix(strings.ToLower(kid.name), "password") {
			if password := passwordOf(kid); password != "" {
				out = append(out, password)
			}
			continue
		}
		out = append(out, secretsBelow(kid)...)
	}
	return out
}

// passwordOf is the password of an element, written plainly or hidden.
func passwordOf(n *node) string {
	if n == nil {
		return ""
	}
	text := n.text
	if value := n.child("Value"); value != nil {
		text = value.text
	}
	if strings.EqualFold(strings.TrimSpace(n.value("PlainText")), "false") {
		if password, ok := reveal(strings.TrimSpace(text), n.name); ok {
			return password
		}
	}
	return strings.Trim(text, "\r\n\t")
}
