package diskcheck

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/diskcheck/ntfs"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/fat"
)

const (
	fallbackLoader = `EFI\Boot\bootx64.efi`
	bootManager    = `EFI\Microsoft\Boot\bootmgfw.efi`
	bootStoreEFI   = `EFI\Microsoft\Boot\BCD`
	bootStoreBIOS  = `Boot\BCD`
	maxLoader      = 64 << 20
)

func (c *checker) checkBoot() {
	if c.table.scheme == "gpt" {
		c.checkESP()
		return
	}
	c.checkActive()
}

// checkESP wants the fallback loader: a clone's firmware has empty variables
// and starts nothing else (zyvorai/veyron halts without it).
func (c *checker) checkESP() {
	for _, p := range c.table.partitions {
		if p.kind != "efi" {
			continue
		}
		v, err := fat.Open(c.section(p), p.size)
		if err != nil {
			c.fail("esp", p.String(), err.Error(), "the EFI system partition must be FAT32")
			return
		}
		if v.Bits() != 32 {
			c.fail("esp", p.String(), fmt.Sprintf("FAT%d", v.Bits()), "the EFI system partition must be FAT32")
			return
		}
		c.ok("esp", p.String(), "FAT32")
		c.checkLoaders(p, v)
		return
	}
	c.fail("esp", "GPT", "no EFI system partition", "was Windows installed with UEFI?")
}

func (c *checker) checkLoaders(p partition, v *fat.Volume) {
	const remedy = `run bcdboot C:\Windows /f UEFI before sealing`
	manager, err := v.ReadFile(bootManager, maxLoader)
	if err != nil {
		c.missing("fallback-loader", p.String()+` \`+bootManager, err, remedy)
		return
	}
	loader, err := v.ReadFile(fallbackLoader, maxLoader)
	switch {
	case err != nil:
		c.missing("fallback-loader", p.String()+` \`+fallbackLoader, err, remedy)
	case len(loader) == 0:
		c.fail("fallback-loader", p.String()+` \`+fallbackLoader, "empty", remedy)
	case !bytes.Equal(loader, manager):
		c.fail("fallback-loader", p.String()+` \`+fallbackLoader, fmt.Sprintf("%d bytes that are not those of bootmgfw.efi (%d bytes)", len(loader), len(manager)), remedy)
	default:
		c.ok("fallback-loader", p.String()+` \`+fallbackLoader, "equal to bootmgfw.efi")
	}
	c.checkBootFile("boot-store", p, v, bootStoreEFI, remedy)
}

// volume is a file system that holds what the firmware starts.
type volume interface {
	ReadFile(path string, limit int64) ([]byte, error)
}

// checkBootFile wants a file that is not empty.
func (c *checker) checkBootFile(id string, p partition, v volume, path, remedy string) {
	object := p.String() + ` \` + path
	b, err := v.ReadFile(path, maxLoader)
	switch {
	case err != nil:
		c.missing(id, object, err, remedy)
	case len(b) == 0:
		c.fail(id, object, "empty", remedy)
	default:
		c.ok(id, object, "there")
	}
}

// checkActive wants bootmgr and its store on the active partition.
func (c *checker) checkActive() {
	for _, p := range c.table.partitions {
		if !p.active {
			continue
		}
		v, err := ntfs.Open(c.ctx, c.section(p))
		if err != nil {
			c.fail("boot-manager", p.String(), err.Error(), "the active partition must be NTFS with bootmgr")
			return
		}
		c.checkBootFile("boot-manager", p, v, "bootmgr", `run bcdboot C:\Windows /f BIOS before sealing`)
		c.checkBootFile("boot-store", p, v, bootStoreBIOS, `run bcdboot C:\Windows /f BIOS before sealing`)
		return
	}
}

// missing is a finding on something that must be there and was not read.
func (c *checker) missing(id, object string, err error, remedy string) {
	if errors.Is(err, fs.ErrNotExist) {
		c.fail(id, object, "is not there", remedy)
		return
	}
	c.unknown(id, object, err)
}

const servicesKey = `HKLM\SYSTEM\CurrentControlSet\Services\`

// checkBootDrivers wants both storage drivers to start at boot: a clone on the
// other bus stops with 0x7B when its driver only lies in the driver store
// (virtio-win-guest-tools-installer#61).
func (c *checker) checkBootDrivers() {
	for _, name := range []string{"viostor", "vioscsi"} {
		c.checkBootDriver(name)
	}
}

func (c *checker) checkBootDriver(name string) {
	id, object := "boot-driver-"+name, servicesKey+name
	const remedy = "Windows must have seen a device of this bus before sealing; until then a clone on it stops with 0x7B"
	start, err := c.value(object, "Start")
	if err != nil {
		c.missing(id, object, err, remedy)
		return
	}
	if n, ok := start.Number(); !ok || n != 0 {
		c.fail(id, object, "Start="+start.String()+", expected 0 (boot)", remedy)
		return
	}
	image := c.text(object, "ImagePath")
	file, ok := driverFile(image)
	if !ok {
		c.fail(id, object, fmt.Sprintf("ImagePath is %q", image), "reinstall the driver")
		return
	}
	b, err := c.windows.ReadFile(file, maxLoader)
	if err != nil {
		c.missing(id, `C:\`+file, err, "reinstall the driver")
		return
	}
	if len(b) < 2 || string(b[:2]) != "MZ" {
		c.fail(id, `C:\`+file, fmt.Sprintf("%d bytes that are no program", len(b)), "reinstall the driver")
		return
	}
	// A StartOverride other than 0 takes the driver out of the boot again.
	override, err := c.key(object + `\StartOverride`)
	if err == nil {
		values, err := override.Values()
		if err != nil {
			c.unknown(id, object+`\StartOverride`, err)
			return
		}
		for _, v := range values {
			if n, ok := v.Number(); !ok || n != 0 {
				c.fail(id, object+`\StartOverride`, v.Name+"="+v.String()+", expected 0 or no such value", remedy)
				return
			}
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		c.unknown(id, object+`\StartOverride`, err)
		return
	}
	c.ok(id, object, "Start=0, "+image)
}

// driverFile is the path below C: of a driver's ImagePath.
func driverFile(image string) (string, bool) {
	rest, ok := cutPrefixFold(image, `\SystemRoot\`)
	if !ok {
		if rest, ok = cutPrefixFold(image, `%SystemRoot%\`); !ok {
			if _, ok = cutPrefixFold(image, `System32\`); !ok {
				return "", false
			}
			rest = image
		}
	}
	return `Windows\` + rest, strings.HasSuffix(strings.ToLower(rest), ".sys")
}
