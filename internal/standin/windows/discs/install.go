package discs

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/debian"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/windows"
)

// writeInstallISO makes the installation disc.
func writeInstallISO(ctx context.Context, out, work string, o Options, k debian.Kernel, initrd []byte) error {
	l, err := buildLoaders(ctx, work)
	if err != nil {
		return err
	}
	kernelImage, err := os.ReadFile(k.Image)
	if err != nil {
		return err
	}
	tree := filepath.Join(work, "windows")
	if err := writeTree(tree, windowsTree(l, kernelImage, initrd)); err != nil {
		return err
	}
	wim := filepath.Join(work, "install.wim")
	if err := writeInstallWIM(ctx, wim, tree, o); err != nil {
		return err
	}
	bootWIM := filepath.Join(work, "boot.wim")
	if err := writeBootWIM(ctx, bootWIM, work, o); err != nil {
		return err
	}
	build, _ := o.Product.build()
	config, err := json.MarshalIndent(windows.Config{Version: 1, Build: build, Faults: o.Faults}, "", "  ")
	if err != nil {
		return err
	}
	files := map[string][]byte{
		"autorun.inf":                            []byte("[AutoRun.Amd64]\r\nopen=setup.exe\r\n"),
		"bootmgr":                                []byte("stand-in bootmgr\r\n"),
		"bootmgr.efi":                            l.DiscEFI,
		"setup.exe":                              peStub("setup.exe"),
		"boot/bcd":                               []byte("regf"),
		"boot/boot.sdi":                          []byte("$SDI0001"),
		"boot/bootfix.bin":                       []byte("stand-in bootfix\r\n"),
		discBIOS:                                 l.BIOS,
		discKernel:                               kernelImage,
		discInitrd:                               initrd,
		"efi/boot/bootx64.efi":                   l.DiscEFI,
		"efi/microsoft/boot/bcd":                 []byte("regf"),
		"efi/microsoft/boot/efisys.bin":          l.Prompt,
		"efi/microsoft/boot/efisys_noprompt.bin": l.NoPrompt,
		"sources/setup.exe":                      peStub("setup.exe"),
		"sources/ei.cfg":                         eiCFG(o.Product),
		"sources/lang.ini":                       langINI(o.Language),
		"sources/idwbinfo.txt":                   fmt.Appendf(nil, "[BUILDINFO]\r\nBuildBranch=standin\r\nBuildArch=amd64\r\nBuildType=fre\r\nBuildNumber=%d\r\n", build),
		"support/logging/readme.txt":             []byte("This disc imitates a Windows installation disc. It holds no Microsoft software.\r\n"),
		windows.ConfigPath:                       config,
		"sources/" + strings.ToLower(o.Language) + "/setup.exe.mui": []byte("stand-in\r\n"),
	}
	return burn(ctx, out, label(o), files, map[string]string{
		"sources/install.wim": wim,
		"sources/boot.wim":    bootWIM,
	}, l)
}

// langINI lists the languages of Setup's own pages.
func langINI(language string) []byte {
	return fmt.Appendf(nil, "[Available UI Languages]\r\n%s = 3\r\n\r\n[Fallback Languages]\r\n%s = en-us\r\n",
		strings.ToLower(language), strings.ToLower(language))
}

// eiCFG says how the medium was sold: the retail medium of Windows 11 leaves
// it to the key.
func eiCFG(p Product) []byte {
	channel := "eval"
	if p == Windows11 {
		channel = "_Default"
	}
	return fmt.Appendf(nil, "[EditionID]\r\n\r\n[Channel]\r\n%s\r\n[VL]\r\n0\r\n", channel)
}

// label is the volume label that Microsoft's media of the product have.
func label(o Options) string {
	prefix := map[Product]string{Server2022: "SSS_X64FREE", Server2025: "SSS_X64FREE", Windows11: "CCCOMA_X64FRE", Windows11Eval: "CES_X64FREV"}[o.Product]
	return prefix + "_" + strings.ToUpper(o.Language) + "_DV9"
}
