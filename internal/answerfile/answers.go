package answerfile

import (
	"errors"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/windows"
)

// Firmware is what the VM starts with; it decides the disk's layout.
type Firmware string

// The two firmwares.
const (
	UEFI Firmware = "uefi" // GPT: EFI system, MSR, Windows
	BIOS Firmware = "bios" // MBR: system (active), Windows
)

// Channel is how the installation medium was sold. It decides the key.
type Channel string

// The channels, as internal/media names them.
const (
	Evaluation     Channel = "evaluation"
	Volume         Channel = "volume"
	Retail         Channel = "retail"
	UnknownChannel Channel = "unknown"
)

// InstallMethod is who copies Windows onto the disk.
type InstallMethod string

// The install methods.
const (
	// MethodSetup lets setup.exe do it, by this answer file.
	MethodSetup InstallMethod = "setup"
	// MethodApply has one script in WinPE apply the image without setup.exe.
	// Experimental: it has not run on real media.
	MethodApply InstallMethod = "apply"
)

// Answers are the answers to Windows Setup: what the media resolved to and
// what the user wishes. The zero value of an optional field is its default.
type Answers struct {
	// Product is what the image is (windows.ProductOf).
	Product windows.Product
	// Firmware is required: UEFI or BIOS.
	Firmware Firmware
	// InstallMethod is MethodSetup unless given.
	InstallMethod InstallMethod
	// Image is what the installation medium resolved to.
	Image Image

	// Language is the image's language to install ("ko-KR"); the image's
	// default when empty.
	Language string
	// SetupLanguage is the language of Setup's own pages; it must be in
	// Image.SetupLanguages. Empty: Language when Setup has it, else Setup's
	// first.
	SetupLanguage string
	// UserLocale is the format of dates and numbers; Language when empty.
	UserLocale string
	// InputLocale is the keyboard ("0412:00000412" or a tag); the
	// language's own when empty.
	InputLocale string
	// TimeZone is a Windows or an IANA name; "UTC" when empty.
	TimeZone string

	// ComputerName is "*" (random) when empty.
	ComputerName string
	// FullName and Organization are the registered owner; "packer" when empty.
	FullName     string
	Organization string

	// ProductKey overrules the key that follows from the medium.
	ProductKey string
	// KMSHost is host or host:port of a KMS server, put in the registry.
	KMSHost string

	// AdministratorPassword is the built-in account's, on servers. Required
	// there.
	AdministratorPassword string
	// BuildAccount is the local administrator that the build logs on as.
	// Required on clients, whose built-in account is disabled, and on
	// servers whose language names that account unpredictably; nil else.
	BuildAccount *LocalAccount
	// LocalAccounts are further accounts that stay in the template.
	LocalAccounts []LocalAccount

	// RemoteDesktop is off when nil.
	RemoteDesktop *RemoteDesktop
	// FirewallGroups are further firewall groups to open, by resource id
	// ("@FirewallAPI.dll,-28502": file and printer sharing).
	FirewallGroups []string
	// FirewallOff turns Windows' firewall off in every profile.
	FirewallOff bool
	// Display is the resolution; Windows' own choice when nil.
	Display *Display
	// Proxy is the machine's proxy; nil for none.
	Proxy *Proxy

	// LabConfig switches off Setup's demands on TPM, secure boot, memory,
	// CPU and disk (Windows 11).
	LabConfig bool
	// FirstLogonCommands run after the bootstrap's own steps, in order, each
	// to its end, before WinRM opens.
	FirstLogonCommands []string
	// SpecializeCommands are further commands of the specialize pass.
	SpecializeCommands []string
	// Fragments are answer files (complete <unattend> documents) that are
	// merged in, by pass and component.
	Fragments [][]byte
}

// Image is what the installation medium resolved to.
type Image struct {
	// Index is the image's number in install.wim, from 1.
	Index int
	// EditionID is the WIM's EDITIONID, such as "ServerStandardEval".
	EditionID string
	// Architecture is "amd64"; nothing else is supported yet.
	Architecture string
	// Languages are the image's languages, DefaultLanguage the one it is in.
	Languages       []string
	DefaultLanguage string
	// SetupLanguages are those of the medium's sources/lang.ini.
	SetupLanguages []string
	// Channel is how the medium was sold.
	Channel Channel
	// Editions is how many editions the medium holds; with more than one,
	// client Setup asks for a key to choose by.
	Editions int
}

// LocalAccount is one local account.
type LocalAccount struct {
	Name        string
	Password    string
	DisplayName string
	Description string
	// Administrator puts it into the Administrators group, else Users.
	Administrator bool
}

// RemoteDesktop opens Remote Desktop.
type RemoteDesktop struct {
	// WithoutNLA lets clients connect that do not authenticate first.
	WithoutNLA bool
}

// Display is a resolution in pixels.
type Display struct{ Width, Height int }

// Proxy is the machine's (WinHTTP) and the users' (WinINET) proxy.
type Proxy struct {
	// Server is host:port.
	Server string
	// Bypass lists the hosts that need no proxy.
	Bypass []string
}

// Validate names everything that is wrong with the answers at once
// (errors.Join), each with field, what was found and what to try.
func (a Answers) Validate() error { return errors.New("not yet") }

// Autounattend renders the answer file for the installation. The bytes depend
// on nothing but the answers. It validates first.
func Autounattend(a Answers) ([]byte, error) { return nil, errors.New("not yet") }

// FirstLogonCommand is the one command of the first logon, exactly as the
// answer file holds it: it looks for wintemplate\bootstrap.ps1 on each drive,
// runs the first it finds and stops.
func FirstLogonCommand() string { return "" }

// LogonAccount names the account that the build logs on as, in the guest:
// BuildAccount where there is one, else the built-in administrator by the
// name that the image's language gives it.
func (a Answers) LogonAccount() (name, password string, err error) {
	return "", "", errors.New("not yet")
}
