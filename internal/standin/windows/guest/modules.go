package guest

// Where the initramfs keeps kernel modules, and the index of their groups (a
// JSON object: group -> modules in loading order).
const (
	ModuleDir   = "lib/modules"
	ModuleIndex = "lib/modules/index.json"
)

// ModuleGroups are the kernel modules by the Windows driver they stand for.
// "inbox" are those that Windows brings along; the others are loaded only
// when the driver of that name was installed in the model of Windows.
var ModuleGroups = map[string][]string{
	"inbox":   {"ahci", "ata_piix", "sd_mod", "sr_mod", "udf", "isofs", "vfat", "nls_utf8", "nls_cp437", "nls_ascii", "nls_iso8859_1", "fuse", "e1000e", "virtio_pci", "button", "evdev", "efivarfs"},
	"viostor": {"virtio_blk"},
	"vioscsi": {"virtio_scsi"},
	"netkvm":  {"virtio_net"},
	"vioser":  {"virtio_console"},
}
