package media

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/media/eltorito"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/media/wim"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/windows"
)

// installNames are where Setup looks for its images.
var installNames = []string{"sources/install.wim", "sources/install.esd", "sources/install.swm"}

// Inspect reads what the disc installs: the XML of install.wim (or .esd, .swm),
// ei.cfg, lang.ini and the boot catalogue. It reads well under 1 MB. A file that
// Setup needs and that runs past the end of the disc is a *TruncatedError.
func (i *Image) Inspect() (*Facts, error) {
	f, err := i.inspect()
	return f, truncatedFile(err)
}

func (i *Image) inspect() (*Facts, error) {
	f := &Facts{Label: i.Label(), Channel: ChannelUnknown}
	install, err := i.findInstall(f)
	if err != nil {
		return nil, err
	}
	if err := i.checkParts(f.InstallPath, install); err != nil {
		return nil, err
	}
	if f.Images = windowsImages(install); len(f.Images) == 0 {
		return nil, &NotWindowsError{Found: f.InstallPath + " holds no image"}
	}
	f.Architecture, f.Build = f.Images[0].Architecture, f.Images[0].Build
	switch boot, err := i.wim("sources/boot.wim"); {
	case err == nil:
		if err := i.checkParts("sources/boot.wim", boot); err != nil {
			return nil, err
		}
		f.BootImages = windowsImages(boot)
	case !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	if f.UILanguages, err = i.uiLanguages(); err != nil {
		return nil, err
	}
	if f.Channel, err = i.channel(f.Images); err != nil {
		return nil, err
	}
	if err := i.checkNeeded(); err != nil {
		return nil, err
	}
	return f, i.inspectBoot(f)
}

// neededNames are files that every Windows disc boots by and starts Setup from,
// beside those that are read anyway. Plan looks at all files.
var neededNames = []string{
	"bootmgr", "bootmgr.efi", "setup.exe", "sources/setup.exe", "boot/bcd", "boot/boot.sdi", "boot/etfsboot.com", "efi/microsoft/boot/bcd",
}

// checkNeeded reads the entries of the files that Setup needs.
func (i *Image) checkNeeded() error {
	for _, name := range neededNames {
		if _, err := fs.Stat(i.FS(), name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// findInstall reads the XML of the disc's install image, wherever it is.
func (i *Image) findInstall(f *Facts) (*wim.Info, error) {
	for _, name := range installNames {
		info, err := i.wim(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		f.InstallPath = name
		return info, err
	}
	for _, dir := range []string{"x64/sources", "x86/sources"} {
		if _, err := fs.Stat(i.FS(), dir); err == nil {
			return nil, &NotWindowsError{Found: "it holds two architectures (x64 and x86), as the Media Creation Tool makes them, and Setup asks which"}
		}
	}
	return nil, &NotWindowsError{Found: fmt.Sprintf("%q holds no sources/install.wim, install.esd or install.swm", i.Label())}
}

func windowsImages(info *wim.Info) []WindowsImage {
	var out []WindowsImage
	for _, x := range info.Images {
		out = append(out, WindowsImage{
			Index: x.Index, Name: x.Name, DisplayName: x.DisplayName,
			Description: x.Description, DisplayDescription: x.DisplayDescription,
			Flags: x.Flags, EditionID: x.EditionID, InstallationType: x.InstallationType,
			ProductName: x.ProductName, Architecture: x.Architecture,
			Languages: x.Languages, DefaultLanguage: x.DefaultLanguage,
			Major: x.Major, Minor: x.Minor, Build: x.Build, ServicePackBuild: x.SPBuild, ServicePack: x.SPLevel,
			TotalBytes: x.TotalBytes, Evaluation: evaluation(x),
		})
	}
	return out
}

// evaluation tells an evaluation copy by its edition id, which ends in Eval
// (ServerStandardEval, EnterpriseSEval; Cor may follow on servers); NAME alone doesn't tell on servers.
func evaluation(x wim.Image) bool {
	if x.EditionID != "" {
		return windows.IsEvaluation(x.EditionID)
	}
	return windows.IsEvaluation(x.Flags) || strings.Contains(strings.ToLower(x.Name+x.DisplayName), "evaluation")
}

// inspectBoot reads the boot catalogue. A disc without one can still be read.
func (i *Image) inspectBoot(f *Facts) error {
	catalog, err := eltorito.Read(i.r, i.size)
	if errors.Is(err, eltorito.ErrNone) {
		return nil
	}
	if err != nil {
		return err
	}
	f.BIOS = len(catalog.Bootable(eltorito.BIOS)) > 0
	f.UEFI = len(catalog.Bootable(eltorito.EFI)) > 0
	if !f.UEFI {
		f.Boot.Unmarked = catalog.UnmarkedEFI()
		return nil
	}
	boot, err := i.findBoot(catalog)
	var refusal *RefusedError
	if errors.As(err, &refusal) {
		return nil // Edit says so when it is asked
	}
	if err != nil {
		return err
	}
	f.Boot, err = boot.facts(i)
	return err
}

// readSmall reads a file of the disc that has no reason to be large.
func (i *Image) readSmall(path string) ([]byte, error) {
	file, err := i.FS().Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	const limit = 1 << 20
	b, err := io.ReadAll(io.LimitReader(file, limit+1))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if len(b) > limit {
		return nil, fmt.Errorf("%s: longer than %d bytes", path, limit)
	}
	return b, nil
}
