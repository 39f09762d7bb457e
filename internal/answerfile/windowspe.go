package answerfile

import (
	"fmt"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/windows"
)

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

// driverLetters are the drives on which Setup is told to look for drivers,
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
