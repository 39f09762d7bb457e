package media

// Facts is what a Windows installation disc says of itself.
type Facts struct {
	// Label is the volume's label, e.g. SSS_X64FREE_EN-US_DV9.
	Label string
	// InstallPath is where the images are: sources/install.wim, .esd or .swm.
	InstallPath string
	// Images are the editions that the disc installs, in index order.
	Images []WindowsImage
	// BootImages are the images of sources/boot.wim: Windows PE and Setup.
	BootImages []WindowsImage
	// UILanguages are the languages that Setup itself can speak, from
	// sources/lang.ini; the answer file's windowsPE UILanguage must be one of
	// them (unattend-generator#331). Empty when the disc has no lang.ini.
	UILanguages []string
	// Channel is how the disc's copies of Windows are licensed.
	Channel Channel
	// Architecture is amd64, x86 or arm64: that of all images, or of the first.
	Architecture string
	// Build is the images' build number, e.g. 20348.
	Build int
	// BIOS and UEFI say which firmware the disc's boot catalogue serves.
	BIOS, UEFI bool
	// Boot says what is known of the UEFI boot image.
	Boot BootFacts
}

// BootFacts is what is known of the boot image that UEFI firmware starts.
type BootFacts struct {
	// Unmarked is true when no image is for UEFI, and more than one for BIOS: one
	// of them is likely the one for UEFI, without its mark (eltorito.UnmarkedEFI).
	Unmarked bool
	// Prompt is true when it is one of the images that wait for a key.
	Prompt bool
	// File is the file of the disc with the same bytes, e.g.
	// efi/microsoft/boot/efisys.bin; empty when there is none.
	File string
	// Signers are the certificate authorities that signed the boot manager in
	// it, e.g. "Windows Production PCA 2011"; empty when unsigned.
	Signers []string
	// LoaderSigners are the same of the disc's efi/boot/bootx64.efi.
	LoaderSigners []string
}

// Channel is how a copy of Windows is licensed.
type Channel string

// The channels, as far as media tell: ei.cfg, and the names of the images.
const (
	ChannelUnknown    Channel = "unknown"
	ChannelEvaluation Channel = "evaluation"
	ChannelVolume     Channel = "volume"
	ChannelRetail     Channel = "retail"
	ChannelOEM        Channel = "oem"
)

// WindowsImage is one <IMAGE> of a WIM's XML.
type WindowsImage struct {
	// Index counts from 1; it is what the answer file's /IMAGE/INDEX takes.
	Index int
	// Name is <NAME>, which is what /IMAGE/NAME takes. DISM prints DISPLAYNAME.
	Name               string
	DisplayName        string
	Description        string
	DisplayDescription string
	// Flags is <FLAGS>: usually the edition id, with Core or Eval endings.
	Flags string
	// EditionID is e.g. ServerStandard, ServerStandardEval, Professional.
	EditionID string
	// InstallationType is Client, Server, Server Core or WindowsPE.
	InstallationType string
	ProductName      string
	// Architecture is amd64, x86 or arm64.
	Architecture string
	// Languages are the image's, e.g. ko-KR; DefaultLanguage is one of them.
	Languages       []string
	DefaultLanguage string
	// Major.Minor.Build.ServicePackBuild is the image's version.
	Major, Minor, Build, ServicePackBuild int
	// ServicePack is the service pack's number: 0 from Windows 8.1 on.
	ServicePack int
	// TotalBytes is the size of the applied image.
	TotalBytes int64
	// Evaluation is true when the edition is an evaluation copy.
	Evaluation bool
}
