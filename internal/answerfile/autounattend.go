package answerfile

import (
	"fmt"
	"slices"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/windows"
)

// firstLogonCommand looks for the bootstrap on every drive, since the letter
// of a CD depends on what else is attached, and stops at the first: all
// commands of a first logon are started at once, so there is only one. It
// tells COM1 when there is no such disc.
const firstLogonCommand = `powershell.exe -NoProfile -ExecutionPolicy Bypass -Command "foreach ($d in [IO.DriveInfo]::GetDrives()) { $s = Join-Path $d.Name 'wintemplate\bootstrap.ps1'; if (Test-Path -LiteralPath $s) { & $s; exit } }; cmd.exe /c '(echo wintemplate: bootstrap fail no drive holds wintemplate\bootstrap.ps1)>COM1 2>nul'"`

// FirstLogonCommand is the one command of the first logon, exactly as the
// answer file holds it: it looks for wintemplate\bootstrap.ps1 on each drive,
// runs the first it finds and stops.
func FirstLogonCommand() string { return firstLogonCommand }

// Autounattend renders the answer file for the installation. The bytes depend
// on nothing but the answers. It validates first.
func Autounattend(a Answers) ([]byte, error) {
	if err := a.Validate(); err != nil {
		return nil, err
	}
	doc, err := a.document()
	if err != nil {
		return nil, err
	}
	for i, fragment := range a.Fragments {
		if err := doc.merge(fragment); err != nil {
			return nil, fmt.Errorf("answer_file_fragments[%d]: %w", i, err)
		}
	}
	return encode(doc.root)
}

func (a Answers) document() (*document, error) {
	locale, err := windows.LookupLocale(a.language())
	if err != nil {
		return nil, fmt.Errorf("language: %w", err)
	}
	zone, err := a.timeZone()
	if err != nil {
		return nil, fmt.Errorf("time_zone: %w", err)
	}
	logon, password, err := a.LogonAccount()
	if err != nil {
		return nil, err
	}
	doc := newDocument(a.Image.Architecture)
	if a.InstallMethod == MethodApply {
		doc.component(passWindowsPE, componentSetup, applyCommands())
	} else {
		a.windowsPE(doc, locale)
	}
	a.specialize(doc, zone)
	a.oobe(doc, locale, logon, password)
	return doc, nil
}

// windowsPE is what setup.exe does in Windows PE.
func (a Answers) windowsPE(doc *document, locale windows.Locale) {
	setup := a.setupLanguage()
	keyboard := locale.SetupInput
	if a.InputLocale != "" && !windows.HasIME(a.InputLocale) {
		keyboard = a.InputLocale
	}
	languages := []*node{
		group("SetupUILanguage", leaf("UILanguage", setup)),
		leaf("InputLocale", keyboard),
	}
	if locale.LayeredDriver != 0 {
		languages = append(languages, number("LayeredDriver", locale.LayeredDriver))
	}
	languages = append(languages,
		leaf("SystemLocale", locale.Tag), leaf("UILanguage", setup), leaf("UserLocale", a.userLocale()))
	doc.component(passWindowsPE, componentWinPELocale, languages...)

	if a.Product.DriversIn() == windows.DriverPaths {
		doc.component(passWindowsPE, componentWinPEDrivers, driverPaths())
	}

	commands := []command{{line: BeaconCommand("setup.winpe start")}}
	if a.LabConfig {
		commands = append(commands, labConfig()...)
	}
	doc.component(passWindowsPE, componentSetup,
		a.disk(),
		a.imageInstall(),
		group("DynamicUpdate", boolean("Enable", false), leaf("WillShowUI", "Never")),
		group("Diagnostics", boolean("OptIn", false)),
		a.userData(),
		runSynchronous(commands),
	)
}

// DriverLetters are the drives on which Setup is told to look for drivers,
// since nobody knows which letter the answer disc gets. Absent ones are
// tolerated by the builds that read this list.
var driverLetters = []string{"D", "E", "F", "G"}

func driverPaths() *node {
	list := group("DriverPaths")
	for i, letter := range driverLetters {
		list.add(keyed("PathAndCredentials", fmt.Sprint(i+1), leaf("Path", letter+`:\drivers`)))
	}
	return list
}

// labConfig switches Setup's demands off (unattend-generator and dockur use
// the same at 24H2 and 25H2).
func labConfig() []command {
	var out []command
	for _, check := range []string{"BypassTPMCheck", "BypassSecureBootCheck", "BypassRAMCheck", "BypassCPUCheck", "BypassStorageCheck"} {
		s := Setting{Kind: RegistryValue, Key: `HKLM\SYSTEM\Setup\LabConfig`, Name: check, Type: "REG_DWORD", Data: "1"}
		out = append(out, command{line: s.reg()})
	}
	return out
}

// Sizes of partitions, in MB. An EFI partition of 100 is too small on disks
// with 4K sectors; updates fail on a small system partition of a BIOS disk
// (osuosl/packer-templates).
const (
	efiMB    = 300
	msrMB    = 16
	systemMB = 500
)

// disk lays the disk out with Windows' partition last, so that a clone can
// grow it.
func (a Answers) disk() *node {
	var create, modify []*node
	if a.Firmware == UEFI {
		create = []*node{
			item("CreatePartition", number("Order", 1), leaf("Type", "EFI"), number("Size", efiMB)),
			item("CreatePartition", number("Order", 2), leaf("Type", "MSR"), number("Size", msrMB)),
			item("CreatePartition", number("Order", 3), leaf("Type", "Primary"), boolean("Extend", true)),
		}
		modify = []*node{
			item("ModifyPartition", number("Order", 1), number("PartitionID", 1), leaf("Format", "FAT32"), leaf("Label", "System")),
			item("ModifyPartition", number("Order", 2), number("PartitionID", 2)),
			item("ModifyPartition", number("Order", 3), number("PartitionID", 3), leaf("Format", "NTFS"), leaf("Label", "Windows"), leaf("Letter", "C")),
		}
	} else {
		create = []*node{
			item("CreatePartition", number("Order", 1), leaf("Type", "Primary"), number("Size", systemMB)),
			item("CreatePartition", number("Order", 2), leaf("Type", "Primary"), boolean("Extend", true)),
		}
		modify = []*node{
			item("ModifyPartition", number("Order", 1), number("PartitionID", 1), boolean("Active", true), leaf("Format", "NTFS"), leaf("Label", "System")),
			item("ModifyPartition", number("Order", 2), number("PartitionID", 2), leaf("Format", "NTFS"), leaf("Label", "Windows"), leaf("Letter", "C")),
		}
	}
	return group("DiskConfiguration",
		leaf("WillShowUI", "OnError"),
		item("Disk",
			number("DiskID", 0),
			boolean("WillWipeDisk", true),
			group("CreatePartitions", create...),
			group("ModifyPartitions", modify...),
		),
	)
}

// WindowsPartition is the number of the partition that Windows is on.
func (f Firmware) WindowsPartition() int {
	if f == UEFI {
		return 3
	}
	return 2
}

// imageInstall chooses the image by its index: the names that tools print are
// not the names that Setup compares (rgl/windows-vagrant).
func (a Answers) imageInstall() *node {
	return group("ImageInstall", group("OSImage",
		group("InstallFrom", item("MetaData", leaf("Key", "/IMAGE/INDEX"), number("Value", a.Image.Index))),
		group("InstallTo", number("DiskID", 0), number("PartitionID", a.Firmware.WindowsPartition())),
		leaf("WillShowUI", "OnError"),
		boolean("InstallToAvailablePartition", false),
	))
}

func (a Answers) userData() *node {
	key := group("ProductKey")
	if value := a.productKey(); value != "" {
		key.add(leaf("Key", value))
	}
	key.add(leaf("WillShowUI", "OnError"))
	return group("UserData",
		boolean("AcceptEula", true),
		leaf("FullName", or(a.FullName, "packer")),
		leaf("Organization", or(a.Organization, "packer")),
		key,
	)
}

// specialize is what Windows does when it starts from its disk first.
func (a Answers) specialize(doc *document, zone string) {
	shell := []*node{leaf("ComputerName", or(a.ComputerName, "*"))}
	if a.InstallMethod == MethodApply {
		// What UserData of the windowsPE pass gives setup.exe.
		if key := a.productKey(); key != "" {
			shell = append(shell, leaf("ProductKey", key))
		}
		shell = append(shell, leaf("RegisteredOrganization", or(a.Organization, "packer")), leaf("RegisteredOwner", or(a.FullName, "packer")))
	}
	doc.component(passSpecialize, componentShell, append(shell, leaf("TimeZone", zone))...)
	doc.component(passSpecialize, componentActivationUX, boolean("SkipAutoActivation", true))
	if a.Product.Server {
		doc.component(passSpecialize, componentServerManager, boolean("DoNotOpenServerManagerAtLogon", true))
	}
	var open []*node
	if a.RemoteDesktop != nil {
		authentication := 1
		if a.RemoteDesktop.WithoutNLA {
			authentication = 0
		}
		doc.component(passSpecialize, componentTerminal, boolean("fDenyTSConnections", false))
		doc.component(passSpecialize, componentTerminalStation, number("UserAuthentication", authentication))
		if !a.FirewallOff {
			open = append(open, firewallGroup("RemoteDesktop", remoteDesktopGroup))
		}
	}
	for i, id := range a.FirewallGroups {
		if id != remoteDesktopGroup || a.RemoteDesktop == nil {
			open = append(open, firewallGroup(fmt.Sprintf("Group%d", i+1), id))
		}
	}
	var firewall []*node
	if a.FirewallOff {
		firewall = append(firewall, boolean("DomainProfile_EnableFirewall", false))
	}
	if len(open) > 0 {
		firewall = append(firewall, group("FirewallGroups", open...))
	}
	if a.FirewallOff {
		firewall = append(firewall, boolean("PrivateProfile_EnableFirewall", false), boolean("PublicProfile_EnableFirewall", false))
	}
	doc.component(passSpecialize, componentFirewall, firewall...)

	commands := specializeCommands(a.Product.Server)
	commands = append(commands, kmsCommands(a.KMSHost)...)
	for _, line := range a.SpecializeCommands {
		commands = append(commands, command{line: line})
	}
	doc.component(passSpecialize, componentDeployment, runSynchronous(commands))
}

// remoteDesktopGroup is Remote Desktop's group of firewall rules by resource,
// since its name differs by language.
const remoteDesktopGroup = "@FirewallAPI.dll,-28752"

func firewallGroup(key, id string) *node {
	return keyed("FirewallGroup", key, boolean("Active", true), leaf("Group", id), leaf("Profile", "all"))
}

// kmsCommands names the KMS host in the registry, where Windows' activation
// looks before it asks DNS (Microsoft: "Volume activation, registry settings").
func kmsCommands(kmsHost string) []command {
	if kmsHost == "" {
		return nil
	}
	host, port, err := splitKMSHost(kmsHost)
	if err != nil {
		return nil // Validate has said so
	}
	name := Setting{Kind: RegistryValue, Key: softwareLicensing, Name: "KeyManagementServiceName", Type: "REG_SZ", Data: host}
	number := Setting{Kind: RegistryValue, Key: softwareLicensing, Name: "KeyManagementServicePort", Type: "REG_SZ", Data: fmt.Sprint(port)}
	return []command{{line: name.reg()}, {line: number.reg()}}
}

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
