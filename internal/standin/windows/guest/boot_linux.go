package guest

import (
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/regf"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/windows/setup"
)

// bootFiles fills the system partition, as bcdboot does.
func (g *machine) bootFiles(disk, root string, layout setup.Layout) error {
	system := layout.System()
	if firmware() == setup.UEFI {
		return bootUEFI(partitionNode(disk, system+1), root)
	}
	if system == layout.Windows {
		return bootBIOS(root, root)
	}
	volume, err := mountNTFS(partitionNode(disk, system+1), "/mnt/S")
	if err != nil {
		return err
	}
	if err := bootBIOS(volume.at, root); err != nil {
		return err
	}
	return volume.close()
}

// bootUEFI writes the boot manager twice: under its own name, and as the
// fallback that a machine with empty NVRAM starts.
func bootUEFI(device, root string) error {
	const at = "/mnt/S"
	if err := os.MkdirAll(at, 0o755); err != nil {
		return err
	}
	if err := unix.Mount(device, at, "vfat", 0, ""); err != nil {
		return err
	}
	manager, err := os.ReadFile(filepath.Join(root, "Windows/Boot/EFI/bootmgfw.efi"))
	if err != nil {
		return err
	}
	store, err := bootStore(`\Windows\system32\winload.efi`, `\EFI\Microsoft\Boot\bootmgfw.efi`)
	if err != nil {
		return err
	}
	for _, file := range []struct {
		name string
		data []byte
	}{
		{"EFI/Microsoft/Boot/bootmgfw.efi", manager},
		{"EFI/Boot/bootx64.efi", manager},
		{"EFI/Microsoft/Boot/BCD", store},
	} {
		if err := writeUnder(at, file.name, file.data); err != nil {
			return err
		}
	}
	unix.Sync()
	return unix.Unmount(at, 0)
}

func bootBIOS(at, root string) error {
	manager, err := os.ReadFile(filepath.Join(root, "Windows/Boot/PCAT/bootmgr"))
	if err != nil {
		return err
	}
	if err := writeUnder(at, "bootmgr", manager); err != nil {
		return err
	}
	store, err := bootStore(`\Windows\system32\winload.exe`, "")
	if err != nil {
		return err
	}
	return writeUnder(at, "Boot/BCD", store)
}

// The well-known objects and elements of a BCD store (Microsoft, "BCD
// reference").
const (
	bcdBootManager    = "{9dea862c-5cdd-4e70-acc1-f32b344d4795}"
	bcdLoader         = "{7619dcc9-fafe-11d9-b411-000476eba25f}"
	bcdApplication    = "12000002"
	bcdDescription    = "12000004"
	bcdSystemRoot     = "22000002"
	bcdDefaultObject  = "23000003"
	bcdTypeManager    = 0x10100002
	bcdTypeLoader     = 0x10200003
	bcdDescriptionKey = "Description"
)

// bootStore is a BCD hive with a boot manager and one loader.
func bootStore(loader, manager string) ([]byte, error) {
	root := regf.NewRoot()
	root.SetString("Description", "KeyName", "BCD00000000")
	root.SetDWord("Description", "System", 1)
	object := func(id string, kind uint32, elements map[string]string) {
		at := `Objects\` + id
		root.SetDWord(at+`\`+bcdDescriptionKey, "Type", kind)
		for element, value := range elements {
			root.SetString(at+`\Elements\`+element, "Element", value)
		}
	}
	elements := map[string]string{bcdDescription: "Windows Boot Manager", bcdDefaultObject: bcdLoader}
	if manager != "" {
		elements[bcdApplication] = manager
	}
	object(bcdBootManager, bcdTypeManager, elements)
	object(bcdLoader, bcdTypeLoader, map[string]string{
		bcdApplication: loader, bcdDescription: "Windows Server", bcdSystemRoot: `\Windows`,
	})
	return regf.Encode(root, regf.Options{FileName: `\Boot\BCD`})
}
