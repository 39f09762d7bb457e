package answerfile

import (
	"fmt"
	"strings"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/windows"
)

func (a Answers) validateAccounts(p *problems) {
	computer := strings.Trim(a.ComputerName, "*")
	if a.Product.Server {
		locale, err := windows.LookupLocale(a.language())
		a.checkPassword(p, "administrator_password", a.AdministratorPassword, or(locale.Administrator, "Administrator"), computer)
		if a.BuildAccount == nil {
			if err == nil && locale.Administrator == "" {
				p.add("build_account", "the built-in administrator's name on %s images is not known for certain; give a local account to build with", locale.Tag)
			}
		}
	} else {
		if a.AdministratorPassword != "" {
			p.add("administrator_password", "given, but %s disables the built-in administrator; give a local account instead", a.Product.Name)
		}
		if a.BuildAccount == nil {
			p.add("build_account", "missing; %s disables the built-in administrator, so the build needs a local account", a.Product.Name)
		}
	}
	a.validateLocalAccounts(p)
}

func (a Answers) validateLocalAccounts(p *problems) {
	seen := map[string]bool{}
	if a.BuildAccount != nil {
		a.checkAccount(p, "build_account", *a.BuildAccount, seen)
		if !a.BuildAccount.Administrator {
			p.add("build_account", "%q must be an administrator", a.BuildAccount.Name)
		}
	}
	for i, account := range a.LocalAccounts {
		a.checkAccount(p, fmt.Sprintf("local_account[%d]", i), account, seen)
	}
}

func (a Answers) checkAccount(p *problems, field string, account LocalAccount, seen map[string]bool) {
	p.check(checkAccountName(field+".name", account.Name, a.ComputerName))
	key := strings.ToLower(account.Name)
	if seen[key] {
		p.add(field+".name", "%q is given twice", account.Name)
	}
	seen[key] = true
	administrator := ""
	if locale, err := windows.LookupLocale(a.language()); err == nil {
		administrator = locale.Administrator
	}
	if isBuiltIn(account.Name, administrator) {
		p.add(field+".name", "%q is the name of a built-in account or group", account.Name)
	}
	names := append(nameParts(account.DisplayName), account.Name, strings.Trim(a.ComputerName, "*"))
	a.checkPassword(p, field+".password", account.Password, names...)
	if n := characters(account.DisplayName); n > maxDisplayName {
		p.add(field+".display_name", "%d characters; Windows takes %d", n, maxDisplayName)
	}
	if n := characters(account.Description); n > maxDescription {
		p.add(field+".description", "%d characters; Windows takes %d", n, maxDescription)
	}
	p.check(checkText(field+".display_name", account.DisplayName))
	p.check(checkText(field+".description", account.Description))
}

// builtIn are the accounts and groups that every Windows has, by their English
// names, and the names that it gives to nobody: an account cannot have the name
// of another account or group ("NetUserAdd": NERR_UserExists, NERR_GroupExists).
var builtIn = []string{
	"Administrator", "Guest", "DefaultAccount", "WDAGUtilityAccount", "defaultuser0",
	"Administrators", "Users", "Guests", "Power Users", "Backup Operators", "Remote Desktop Users", "Replicator", "Everyone",
	"System", "Network", "Network Service", "Local Service", "Interactive", "Service", "Batch", "Dialup", "Anonymous Logon",
}

// isBuiltIn tells whether a name is one of those; administrator is what the
// image's language calls RID 500, "" when it is not known.
func isBuiltIn(name, administrator string) bool {
	return containsFold(builtIn, name) || administrator != "" && strings.EqualFold(name, administrator)
}

// nameParts are the parts of a display name that no password may hold
// (Microsoft, "Password must meet complexity requirements"); those of fewer than
// three characters are not looked at.
func nameParts(displayName string) []string {
	return strings.FieldsFunc(displayName, func(c rune) bool { return strings.ContainsRune(",.-_ #\t", c) })
}

// checkPassword never shows the password.
func (a Answers) checkPassword(p *problems, field, password string, names ...string) {
	if password == "" {
		p.add(field, "missing; leave the choice to the plugin, or give one")
		return
	}
	if err := windows.CheckPassword(password, names...); err != nil {
		p.add(field, "%v", err)
	}
}

func checkAccountName(field, name, computer string) error {
	n := characters(name)
	switch {
	case n == 0 || n > maxAccountName:
		return fmt.Errorf("%s: %q has %d characters; Windows takes 1 to %d", field, name, n, maxAccountName)
	case strings.ContainsAny(name, accountForbidden):
		return fmt.Errorf("%s: %q; none of %s may be in it", field, name, accountForbidden)
	case strings.Trim(name, ". ") == "" || strings.HasSuffix(name, ".") || strings.TrimSpace(name) != name:
		return fmt.Errorf("%s: %q; not dots and spaces alone, no dot or space at an end", field, name)
	case strings.EqualFold(name, "NONE"):
		return fmt.Errorf("%s: NONE is reserved by Windows", field)
	case strings.EqualFold(name, computer):
		// Such an account ends up in no group at all (unattend-generator#16).
		return fmt.Errorf("%s: %q is the computer's name too; choose another", field, name)
	}
	return checkText(field, name)
}
