package answerfile

import (
	"fmt"

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
	// TimeZone is a Windows or an IANA name; that of the language's country
	// when empty, UTC for English.
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
	// Path is the file on the medium that Index counts in, such as
	// "sources/install.wim"; MethodApply opens no other.
	Path string
	// Name is the image's NAME, such as "Windows Server 2022 SERVERSTANDARD";
	// only a user's own answer file is compared with it.
	Name string
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

// language is the language to install, as the image spells it.
func (a Answers) language() string {
	language := a.Language
	if language == "" {
		language = a.Image.DefaultLanguage
	}
	if locale, err := windows.LookupLocale(language); err == nil {
		return locale.Tag
	}
	return language
}

// setupLanguage is the language of Setup's own pages, one of lang.ini's.
func (a Answers) setupLanguage() string {
	switch list := a.Image.SetupLanguages; {
	case a.SetupLanguage != "":
		return a.SetupLanguage
	case len(list) == 0 || containsFold(list, a.language()):
		return a.language()
	default:
		return list[0]
	}
}

func (a Answers) userLocale() string { return or(a.UserLocale, a.language()) }

// timeZone is the Windows name of the zone.
func (a Answers) timeZone() (string, error) { return timeZone(a.TimeZone, a.language()) }

func timeZone(name, language string) (string, error) {
	if name == "" {
		name = "UTC"
		if locale, err := windows.LookupLocale(language); err == nil {
			name = locale.TimeZone
		}
	}
	zone, err := windows.LookupTimeZone(name)
	return zone.Windows, err
}

// Zone is the time zone that Windows will be in: the machine's clock must show
// its local time.
func (a Answers) Zone() (windows.TimeZone, error) {
	name, err := a.timeZone()
	if err != nil {
		return windows.TimeZone{}, err
	}
	return windows.LookupTimeZone(or(a.TimeZone, name))
}

// LogonAccount names the account that the build logs on as, in the guest:
// BuildAccount where there is one, else the built-in administrator by the
// name that the image's language gives it.
func (a Answers) LogonAccount() (name, password string, err error) {
	if a.BuildAccount != nil {
		return a.BuildAccount.Name, a.BuildAccount.Password, nil
	}
	if !a.Product.Server {
		return "", "", fmt.Errorf("build_account: missing; %s disables the built-in administrator", a.Product.Name)
	}
	locale, err := windows.LookupLocale(a.language())
	if err != nil {
		return "", "", fmt.Errorf("language: %w", err)
	}
	if locale.Administrator == "" {
		return "", "", fmt.Errorf("build_account: missing; the built-in administrator's name on %s images is not known for certain", locale.Tag)
	}
	return locale.Administrator, a.AdministratorPassword, nil
}

func or(value, otherwise string) string {
	if value != "" {
		return value
	}
	return otherwise
}
