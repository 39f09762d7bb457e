package libvirt

import (
	"errors"
	"fmt"
	"strings"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/answerfile"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/windows"
)

// wishes are the answers as far as the template gives them; newPlan adds what
// the media hold.
func (c *Config) wishes() answerfile.Answers {
	a := c.WindowsConfig.answers()
	a.Language = c.Language
	a.Fragments = c.fragments
	return a
}

// checkWishes names all that is wrong with the wishes at once.
func (c *Config) checkWishes() []error {
	a := c.wishes()
	// Their own sections say what is wrong with these.
	a.Firmware = answerfile.UEFI
	if !languageTag.MatchString(a.Language) {
		a.Language = ""
	}
	withoutUnknown(&a)
	errs := answerfile.Defects(a.ValidateWishes())
	if c.own != nil {
		errs = append(errs, c.besideAnswerFile()...)
	}
	return errs
}

// withoutUnknown puts harmless values in the place of those that are not known
// yet, in lists too, so that the others keep their numbers.
func withoutUnknown(a *answerfile.Answers) {
	for _, field := range []*string{
		&a.SetupLanguage, &a.UserLocale, &a.InputLocale, &a.TimeZone, &a.ComputerName,
		&a.FullName, &a.Organization, &a.ProductKey, &a.KMSHost,
	} {
		if unknown(*field) {
			*field = ""
		}
	}
	if unknown(string(a.InstallMethod)) {
		a.InstallMethod = answerfile.MethodSetup
	}
	a.FirstLogonCommands = replaceUnknown(a.FirstLogonCommands, "ver")
	a.FirewallGroups = replaceUnknown(a.FirewallGroups, "@FirewallAPI.dll,-1")
	for i := range a.LocalAccounts { // made by answers(), nobody else's
		account := &a.LocalAccounts[i]
		if unknown(account.Name) {
			account.Name = fmt.Sprintf("unknown-%d", i)
		}
		for _, field := range []*string{&account.DisplayName, &account.Description} {
			if unknown(*field) {
				*field = ""
			}
		}
		if unknown(account.Password) {
			account.Password = "Not-Known-Yet-0"
		}
	}
	if a.Proxy != nil {
		if unknown(a.Proxy.Server) {
			a.Proxy.Server = "proxy:1"
		}
		a.Proxy.Bypass = replaceUnknown(a.Proxy.Bypass, "localhost")
	}
}

func replaceUnknown(list []string, otherwise string) []string {
	out := make([]string, 0, len(list))
	for _, value := range list {
		if unknown(value) {
			value = otherwise
		}
		out = append(out, value)
	}
	return out
}

// besideAnswerFile names the fields that would be ignored because the user's
// own file answers them.
func (c *Config) besideAnswerFile() []error {
	var errs []error
	for _, f := range []struct {
		name  string
		given bool
	}{
		{"language", c.Language != ""},
		{"time_zone", c.TimeZone != ""},
		{"setup_language", c.SetupLanguage != ""},
		{"user_locale", c.UserLocale != ""},
		{"input_locale", c.InputLocale != ""},
		{"computer_name", c.ComputerName != ""},
		{"full_name", c.FullName != ""},
		{"organization", c.Organization != ""},
		{"product_key", c.ProductKey != ""},
		{"kms_host", c.KMSHost != ""},
		{"display", c.Display != ""},
		{"local_account", len(c.LocalAccounts) > 0},
		{"remote_desktop", c.RemoteDesktop != nil},
		{"firewall", c.Firewall == "off"},
		{"firewall_groups", len(c.FirewallGroups) > 0},
		{"lab_config", c.LabConfig},
		{"answer_file_fragment", len(c.Fragments) > 0},
	} {
		if f.given {
			errs = append(errs, fmt.Errorf("%s: given beside answer_file, which is used as it is; write it into %s", f.name, c.AnswerFile))
		}
	}
	if c.InstallMethod == string(answerfile.MethodApply) {
		errs = append(errs, errors.New(`install_method: "apply" makes an answer file of its own; leave answer_file out, or use "setup"`))
	}
	return errs
}

// fieldsOf are the template's names for what internal/answerfile names
// otherwise: the communicator's fields give the account of the build.
var fieldsOf = strings.NewReplacer(
	"build_account.name:", "winrm_username:", "build_account.password:", "winrm_password:",
	"administrator_password:", "winrm_password:",
)

// checkAnswers names all that is wrong with the complete answers.
func checkAnswers(a answerfile.Answers) error {
	var errs []error
	for _, defect := range answerfile.Defects(a.Validate()) {
		if text := defect.Error(); fieldsOf.Replace(text) != text {
			defect = errors.New(fieldsOf.Replace(text))
		}
		errs = append(errs, defect)
	}
	return errors.Join(errs...)
}

// ownAnswers are the answers that the user's own file implies: who logs on,
// and what the build must know of language and time zone.
func ownAnswers(a answerfile.Answers, own *answerfile.FileFacts, password string) answerfile.Answers {
	if own.Language != "" {
		a.Language = own.Language
	}
	a.TimeZone = own.TimeZone
	a.ComputerName = own.ComputerName
	a.AdministratorPassword, a.BuildAccount = "", nil
	if a.Product.Server {
		a.AdministratorPassword = password
	}
	locale, err := windows.LookupLocale(languageOf(a))
	if !a.Product.Server || err != nil || !strings.EqualFold(own.Account, locale.Administrator) {
		a.BuildAccount = &answerfile.LocalAccount{Name: own.Account, Password: password, Administrator: true}
	}
	return a
}

// checkOwn names the defects of the user's own file, each with its path.
func checkOwn(c *Config, a answerfile.Answers) error {
	if c.own == nil {
		return nil
	}
	var errs []error
	for _, defect := range answerfile.Defects(answerfile.CheckFile(c.ownData, a)) {
		errs = append(errs, fmt.Errorf("answer_file: %s: %w", c.AnswerFile, defect))
	}
	return errors.Join(errs...)
}
