// Package mediatest makes small Windows installation discs for tests, in
// milliseconds and without any tool. They are laid out as Microsoft's are but
// hold no Windows: what boots from them prints a word on COM1 and ends.
package mediatest

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/media"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/media/wim"
)

// The authorities that sign Microsoft's boot managers.
const (
	CA2011 = "Microsoft Windows Production PCA 2011"
	CA2023 = "Windows UEFI CA 2023"
)

// Spec describes a disc as Microsoft publishes them, with images and with
// further files.
func Spec(images []wim.Image, more ...media.DiscFile) media.DiscSpec {
	bios := media.BytesFile("boot/etfsboot.com", BIOSProgram("BIOS"))
	uefi := media.BytesFile("efi/microsoft/boot/efisys.bin", BootImage(Program("PROMPT", CA2011)))
	files := []media.DiscFile{
		bios, uefi,
		media.BytesFile("efi/microsoft/boot/efisys_noprompt.bin", BootImage(Program("NOPROMPT", CA2011))),
		media.BytesFile("efi/boot/bootx64.efi", Program("BOOTMGR", CA2011)),
		media.BytesFile("autorun.inf", []byte("[AutoRun.Amd64]\r\nopen=setup.exe\r\n")),
		media.BytesFile("bootmgr", []byte("bootmgr")),
		media.BytesFile("boot/bcd", []byte("bcd")),
		media.BytesFile("boot/bootfix.bin", []byte("bootfix")),
		media.BytesFile("setup.exe", []byte("MZ setup")),
		media.BytesFile("sources/boot.wim", WIM(
			wim.Image{Index: 1, Name: "Microsoft Windows PE (amd64)", Flags: "9", Architecture: "amd64", EditionID: "WindowsPE", InstallationType: "WindowsPE"},
			wim.Image{Index: 2, Name: "Microsoft Windows Setup (amd64)", Flags: "2", Architecture: "amd64", EditionID: "WindowsPE", InstallationType: "WindowsPE"})),
		media.BytesFile("sources/install.wim", WIM(images...)),
		media.BytesFile("sources/lang.ini", []byte("[Available UI Languages]\r\nen-US = 3\r\n\r\n[Fallback Languages]\r\nen-US = en-us\r\n")),
		media.BytesFile("support/logging/readme.txt", []byte("support")),
	}
	for i := range 40 {
		files = append(files, media.BytesFile(fmt.Sprintf("sources/dlmanifests/component-%02d.man", i), fmt.Appendf(nil, "manifest %d", i)))
	}
	return media.DiscSpec{Label: "SSS_X64FREE_EN-US_DV9", Files: append(files, more...), BIOS: &bios, UEFI: &uefi}
}

// Build writes the disc into the test's folder and gives its path.
func Build(t testing.TB, spec media.DiscSpec) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "windows.iso")
	if err := media.BuildDisc(context.Background(), path, spec); err != nil {
		t.Fatal(err)
	}
	return path
}
