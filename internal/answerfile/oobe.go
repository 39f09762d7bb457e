package answerfile

import (
	"slices"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/windows"
)

// oobe is the welcome and the first logon.
func (a Answers) oobe(doc *document, locale windows.Locale, logon, password string) {
	doc.component(passOOBE, componentLocale, localeNodes(locale, a.InputLocale, a.UserLocale)...)
	if !a.Product.Server {
		doc.component(passOOBE, componentDriveEncryption, boolean("PreventDeviceEncryption", true))
	}

	accounts := group("UserAccounts")
	if a.Product.Server {
		accounts.add(passwordNode("AdministratorPassword", a.AdministratorPassword))
	}
	local := slices.Clone(a.LocalAccounts)
	if a.BuildAccount != nil {
		local = slices.Insert(local, 0, *a.BuildAccount)
	}
	if len(local) > 0 {
		list := group("LocalAccounts")
		for _, account := range local {
			list.add(localAccount(account))
		}
		accounts.add(list)
	}

	var display *node
	if a.Display != nil {
		display = group("Display",
			number("ColorDepth", 32), number("HorizontalResolution", a.Display.Width), number("VerticalResolution", a.Display.Height))
	}
	doc.component(passOOBE, componentShell,
		display,
		oobePages(),
		accounts,
		// LogonCount N gives N+1 logons (documented by Microsoft): one for
		// the first logon, one to spare.
		group("AutoLogon",
			leaf("Username", logon), boolean("Enabled", true), number("LogonCount", 1), passwordNode("Password", password)),
		group("FirstLogonCommands", item("SynchronousCommand", number("Order", 1), leaf("CommandLine", firstLogonCommand))),
	)
}

func localeNodes(locale windows.Locale, input, user string) []*node {
	return []*node{
		leaf("InputLocale", or(input, locale.Input)),
		leaf("SystemLocale", locale.Tag),
		leaf("UILanguage", locale.Tag),
		leaf("UserLocale", or(user, locale.Tag)),
	}
}

// oobePages hides every page of the welcome.
func oobePages() *node {
	return group("OOBE",
		boolean("HideEULAPage", true),
		boolean("HideLocalAccountScreen", true),
		boolean("HideOEMRegistrationScreen", true),
		boolean("HideOnlineAccountScreens", true),
		boolean("HideWirelessSetupInOOBE", true),
		number("ProtectYourPC", 3),
	)
}

// localAccount is one account. Windows takes the English name of a built-in
// group in every language here.
func localAccount(account LocalAccount) *node {
	n := item("LocalAccount")
	if account.Description != "" {
		n.add(leaf("Description", account.Description))
	}
	if account.DisplayName != "" {
		n.add(leaf("DisplayName", account.DisplayName))
	}
	groupName := "Users"
	if account.Administrator {
		groupName = "Administrators"
	}
	n.add(leaf("Group", groupName), leaf("Name", account.Name))
	if account.Password == "" {
		return n.add(group("Password", leaf("Value", ""), boolean("PlainText", true)))
	}
	return n.add(passwordNode("Password", account.Password))
}
