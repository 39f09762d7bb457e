package libvirt

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/answerfile"
)

// WindowsConfig says how Setup is answered. There is nothing in it that has to
// be set.
type WindowsConfig struct {
	// The time zone, by its Windows name (`Korea Standard Time`) or its IANA
	// name (`Asia/Seoul`). Default: that of the language's country, and UTC for
	// English.
	TimeZone string `mapstructure:"time_zone"`
	// The language of Setup's own pages, which is one of the medium's
	// `sources/lang.ini`. Default: `language` when Setup has it, else the
	// medium's first.
	SetupLanguage string `mapstructure:"setup_language"`
	// The format of dates, numbers and currency, as one of Windows' locales,
	// such as `ko-KR`. Default: that of the language.
	UserLocale string `mapstructure:"user_locale"`
	// The keyboard, as one of Windows' locales (`de-DE`), or a language's
	// identifier and a keyboard's (`0412:00000412`). Default: that of the
	// language.
	InputLocale string `mapstructure:"input_locale"`
	// The computer's name during the build, up to 15 letters, digits and
	// hyphens. Clones of the template get names of their own. The default is
	// made for each build.
	ComputerName string `mapstructure:"computer_name"`
	// Whom Windows is registered to, up to 63 characters. Default `packer`.
	FullName string `mapstructure:"full_name"`
	// The organization that Windows is registered to, up to 63 characters.
	// Default `packer`.
	Organization string `mapstructure:"organization"`
	// The product key. By default servers and volume editions get the public KMS
	// client key that Microsoft lists for them, and retail media of clients the
	// generic key of the edition, without which their Setup would ask; both
	// install and do not activate. Evaluation editions take none. AVMA keys are
	// refused: they activate under Hyper-V only.
	ProductKey string `mapstructure:"product_key"`
	// The KMS server that clones activate at, as `host`, `host:port` or
	// `[IPv6]:port` (1688). By default Windows asks DNS for one.
	KMSHost string `mapstructure:"kms_host"`
	// The resolution of the display, such as `1920x1080`. Default: Windows' own
	// choice.
	Display string `mapstructure:"display"`
	// Commands to run at the first logon, by cmd.exe, in this order and each to
	// its end: after the drivers and the guest agent are installed and before
	// WinRM opens. One that ends with anything but 0 or 3010 stops the build.
	FirstLogonCommands []string `mapstructure:"first_logon_commands"`
	// Further local accounts, which stay in the template.
	LocalAccounts []LocalAccount `mapstructure:"local_account"`
	// Opens Remote Desktop, in the firewall too. It is closed without this
	// block.
	RemoteDesktop *RemoteDesktop `mapstructure:"remote_desktop"`
	// `on` (default) or `off`: Windows' firewall, in every profile.
	Firewall string `mapstructure:"firewall"`
	// Further groups of firewall rules to open, by resource id, since their
	// names are in Windows' language: `@FirewallAPI.dll,-28502` is file and
	// printer sharing.
	FirewallGroups []string `mapstructure:"firewall_groups"`
	// The proxy through which Windows reaches the Internet, from the first logon
	// on. The seal takes it out again, unless the block says otherwise.
	Proxy *Proxy `mapstructure:"proxy"`
	// Switch off what Setup of Windows 11 demands of the machine: TPM 2.0,
	// Secure Boot, memory, processor and disk (`HKLM\SYSTEM\Setup\LabConfig`),
	// for hosts that offer no TPM or Secure Boot (see `vtpm` and `secure_boot`)
	// and for `firmware = "bios"`. Default `false`.
	LabConfig bool `mapstructure:"lab_config"`
	// `setup` (default) lets setup.exe install Windows. `apply` has a script in
	// Windows PE partition the disk and apply the image, without setup.exe and
	// its demands. **`apply` is experimental: it has not run on real
	// installation media.**
	InstallMethod string `mapstructure:"install_method"`
}

// LocalAccount is an account that stays in the template.
type LocalAccount struct {
	// The account's name, up to 20 characters; not that of a built-in account,
	// nor the computer's.
	Name string `mapstructure:"name" required:"true"`
	// Its password, which Windows' complexity rule must accept.
	Password string `mapstructure:"password" required:"true"`
	// The name that people see, up to 256 characters.
	DisplayName string `mapstructure:"display_name"`
	// What the account is for, up to 48 characters.
	Description string `mapstructure:"description"`
	// Put it into the group Administrators, else Users. Default `false`.
	Administrator bool `mapstructure:"administrator"`
}

// String is the account's name: its password is not printed.
func (a LocalAccount) String() string { return a.Name }

// GoString is String, for %#v.
func (a LocalAccount) GoString() string { return a.String() }

var resolution = regexp.MustCompile(`^([0-9]{1,5})x([0-9]{1,5})$`)

// Prepare checks what internal/answerfile does not see: the forms that only
// the template has. Config.wishes checks the rest.
func (c *WindowsConfig) Prepare() []error {
	if !unknown(c.ProductKey) {
		c.ProductKey = strings.ToUpper(strings.TrimSpace(c.ProductKey))
	}
	setDefault(&c.InstallMethod, string(answerfile.MethodSetup))
	setDefault(&c.Firewall, "on")
	var errs []error
	if err := oneOf("firewall", c.Firewall, "on", "off"); err != nil {
		errs = append(errs, err)
	}
	if c.Display != "" && !unknown(c.Display) && !resolution.MatchString(c.Display) {
		errs = append(errs, fmt.Errorf("display: %q is no resolution such as 1920x1080", c.Display))
	}
	if c.Proxy != nil && c.Proxy.Server == "" {
		errs = append(errs, errors.New("proxy.server: missing; give host:port, or leave the block proxy out"))
	}
	return errs
}

// answers are the section as internal/answerfile has it.
func (c *WindowsConfig) answers() answerfile.Answers {
	a := answerfile.Answers{
		InstallMethod: answerfile.InstallMethod(c.InstallMethod),
		SetupLanguage: c.SetupLanguage, UserLocale: c.UserLocale, InputLocale: c.InputLocale, TimeZone: c.TimeZone,
		ComputerName: c.ComputerName, FullName: c.FullName, Organization: c.Organization,
		ProductKey: c.ProductKey, KMSHost: c.KMSHost,
		FirewallGroups: c.FirewallGroups, FirewallOff: c.Firewall == "off",
		LabConfig: c.LabConfig, FirstLogonCommands: c.FirstLogonCommands,
	}
	for _, account := range c.LocalAccounts {
		a.LocalAccounts = append(a.LocalAccounts, answerfile.LocalAccount(account))
	}
	if c.RemoteDesktop != nil {
		a.RemoteDesktop = &answerfile.RemoteDesktop{WithoutNLA: c.RemoteDesktop.NLA.False()}
	}
	if m := resolution.FindStringSubmatch(c.Display); m != nil {
		width, _ := strconv.Atoi(m[1]) // at most five digits
		height, _ := strconv.Atoi(m[2])
		a.Display = &answerfile.Display{Width: width, Height: height}
	}
	if c.Proxy != nil && c.Proxy.Server != "" {
		a.Proxy = &answerfile.Proxy{Server: c.Proxy.Server, Bypass: c.Proxy.Bypass}
	}
	return a
}
