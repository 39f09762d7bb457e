package discs

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// bootImageSize is what efisys.bin and efisys_noprompt.bin weigh on every
// Windows disc: a 1.44 MB floppy.
const bootImageSize = 1474560

// Where the installation disc keeps the guest. A Windows disc starts
// sources/boot.wim here.
const (
	discKernel = "boot/standin.krn"
	discInitrd = "boot/standin.img"
	discBIOS   = "boot/etfsboot.com"
)

// kernelArguments keep the kernel off COM1, which belongs to beacon lines:
// Windows prints nothing there. Where QEMU emulates the processor and the host is
// busy, the timer's first interrupts come later than the kernel's test of it
// waits, which then panics, mute: no_timer_check leaves that test out, as the
// kernel does by itself under KVM.
const kernelArguments = "no_timer_check quiet loglevel=0 console=tty0 vt.global_cursor_default=0 random.trust_cpu=on mitigations=off no5lvl panic=0 reboot=acpi"

// discScript starts the guest from the installation disc.
const discScript = `search --no-floppy --set=root --file /sources/standin.json
linux /` + discKernel + ` ` + kernelArguments + ` standin=winpe
initrd /` + discInitrd + `
boot
`

// diskScript starts the guest from its own disk. It hands over the SYSTEM
// hive as Windows' loader does: which drivers start at boot is known before
// any disk can be read by them.
const diskScript = `search --no-floppy --set=root --file /Windows/System32/ntoskrnl.exe
linux /Windows/System32/ntoskrnl.exe ` + kernelArguments + ` standin=windows
initrd /Windows/System32/standin.img (memdisk)/system.cpio /Windows/System32/config/SYSTEM
boot
`

// systemHeader is the head of an archive whose one file, SYSTEM, is the
// hive that the loader appends: the file is longer than any hive, and the kernel
// writes what there is. (GRUB 2.06 has "newc:NAME:FILE" for this, but does not
// end the name with a NUL, which kernels refuse since 2025.)
func systemHeader() []byte {
	var b bytes.Buffer
	c := cpioWriter{w: &b}
	const longest = 512 << 20
	c.head("SYSTEM", 0o100644, 0, 0, longest)
	return b.Bytes()
}

// promptScript waits about five seconds for a key, as cdboot does, and runs
// what follows only when one came.
func promptScript(otherwise, then string) string {
	var b strings.Builder
	b.WriteString("echo 'Press any key to boot from CD or DVD......'\n")
	b.WriteString("set timeout=5\nset timeout_style=hidden\nset default=0\n")
	fmt.Fprintf(&b, "menuentry 'next' {\n%s}\n", otherwise)
	fmt.Fprintf(&b, "function windows {\n%s}\n", then)
	for _, key := range "abcdefghijklmnopqrstuvwxyz0123456789" {
		fmt.Fprintf(&b, "menuentry 'cd %c' --hotkey=%c { windows }\n", key, key)
	}
	for _, key := range []string{"' '", "backspace", "tab", "delete", "f1", "f2", "f8", "f12"} {
		fmt.Fprintf(&b, "menuentry 'cd' --hotkey=%s { windows }\n", key)
	}
	return b.String()
}

// The modules that every loader of a platform needs beside its file systems.
var (
	efiModules  = []string{"search", "search_fs_file", "linux", "part_gpt", "part_msdos", "all_video"}
	biosModules = []string{"search", "search_fs_file", "linux", "part_gpt", "part_msdos", "biosdisk"}
)

// grubImage makes a GRUB whose configuration is inside.
//
// An embedded script is run by GRUB's rescue parser, which knows no menu and
// no function. disk holds further files, which GRUB sees as (memdisk).
func grubImage(ctx context.Context, work, format, script string, disk map[string][]byte, modules ...string) ([]byte, error) {
	platform := "/usr/lib/grub/" + strings.TrimSuffix(format, "-eltorito")
	if !isPresent(platform) {
		return nil, fmt.Errorf("%s is missing: apt-get install grub-efi-amd64-bin grub-pc-bin", platform)
	}
	config := filepath.Join(work, "grub.cfg")
	if err := os.WriteFile(config, []byte(script), 0o644); err != nil {
		return nil, err
	}
	out := filepath.Join(work, "grub.img")
	args := []string{"-O", format, "-d", platform, "-p", "/standin", "-c", config, "-o", out}
	if len(disk) > 0 {
		archive := filepath.Join(work, "memdisk.tar")
		if err := writeMemdisk(archive, disk); err != nil {
			return nil, err
		}
		args = append(args, "-m", archive, "memdisk", "tar")
	}
	args = append(args, modules...)
	if _, err := tool(ctx, work, "grub-mkimage", args...); err != nil {
		return nil, err
	}
	return os.ReadFile(out)
}

// writeMemdisk makes the archive that GRUB mounts as (memdisk).
func writeMemdisk(path string, files map[string][]byte) error {
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		body := files[name]
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(body)), Format: tar.FormatUSTAR}); err != nil {
			return err
		}
		if _, err := w.Write(body); err != nil {
			return err
		}
	}
	if err := w.Close(); err != nil {
		return err
	}
	return os.WriteFile(path, archive.Bytes(), 0o644)
}

// efiDiskImage puts a loader at \EFI\BOOT\BOOTX64.EFI of a floppy's FAT, the
// shape of efisys.bin.
func efiDiskImage(ctx context.Context, work string, loader []byte) ([]byte, error) {
	image := filepath.Join(work, "efisys.bin")
	if err := os.WriteFile(image, make([]byte, bootImageSize), 0o644); err != nil {
		return nil, err
	}
	file := filepath.Join(work, "bootx64.efi")
	if err := os.WriteFile(file, loader, 0o644); err != nil {
		return nil, err
	}
	for _, command := range [][]string{
		{"mkfs.vfat", "--invariant", "-F", "12", "-n", "EFISECTOR", image},
		{"mmd", "-i", image, "::EFI", "::EFI/BOOT"},
		{"mcopy", "-i", image, file, "::EFI/BOOT/BOOTX64.EFI"},
	} {
		if _, err := tool(ctx, work, command[0], command[1:]...); err != nil {
			return nil, err
		}
	}
	return os.ReadFile(image)
}

// loaders are every boot program of the media and of the installed disk.
type loaders struct {
	Prompt, NoPrompt []byte // efisys.bin, efisys_noprompt.bin
	DiscEFI          []byte // efi/boot/bootx64.efi of the disc
	BIOS             []byte // etfsboot.com
	DiskEFI          []byte // bootmgfw.efi
	DiskMBR          []byte // boot code of the first sector, then core image
}

func buildLoaders(ctx context.Context, work string) (*loaders, error) {
	var l loaders
	noPrompt, err := grubImage(ctx, work, "x86_64-efi", discScript, nil, with(efiModules, "udf")...)
	if err != nil {
		return nil, err
	}
	// The firmware takes the next device when an EFI program ends.
	prompt, err := grubImage(ctx, work, "x86_64-efi", "normal (memdisk)/grub.cfg\n",
		map[string][]byte{"grub.cfg": []byte(promptScript("  exit\n", discScript))},
		with(efiModules, "udf", "normal", "sleep", "echo", "minicmd")...)
	if err != nil {
		return nil, err
	}
	if l.NoPrompt, err = efiDiskImage(ctx, work, noPrompt); err != nil {
		return nil, err
	}
	if l.Prompt, err = efiDiskImage(ctx, work, prompt); err != nil {
		return nil, err
	}
	l.DiscEFI = noPrompt
	if l.BIOS, err = grubImage(ctx, work, "i386-pc-eltorito", discScript, nil, with(biosModules, "udf")...); err != nil {
		return nil, err
	}
	system := map[string][]byte{"system.cpio": systemHeader()}
	if l.DiskEFI, err = grubImage(ctx, work, "x86_64-efi", diskScript, system, with(efiModules, "ntfs")...); err != nil {
		return nil, err
	}
	core, err := grubImage(ctx, work, "i386-pc", diskScript, system, with(biosModules, "ntfs")...)
	if err != nil {
		return nil, err
	}
	boot, err := os.ReadFile("/usr/lib/grub/i386-pc/boot.img")
	if err != nil {
		return nil, err
	}
	l.DiskMBR = bytes.Join([][]byte{boot, core}, nil)
	return &l, nil
}

func with(modules []string, more ...string) []string {
	return append(slices.Clone(modules), more...)
}
