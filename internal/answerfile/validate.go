package answerfile

import (
	"errors"
	"fmt"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/windows"
)

// Limits of names, in characters, as Windows Setup and the SAM have them.
const (
	maxAccountName  = 20
	maxComputerName = 15 // bytes
	maxOwner        = 63
	maxDescription  = 48
	maxDisplayName  = 256
)

// Characters that no local account's name may hold ("LocalAccount" in the
// Unattended Windows Setup Reference; the percent sign is forbidden too).
const accountForbidden = `/\[]:;|=,+*?<>"@%`

var computerForm = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?$`)

// problems gathers what is wrong, so that a user mends everything at once.
type problems []error

func (p *problems) add(field, format string, args ...any) {
	*p = append(*p, fmt.Errorf(field+": "+format, args...))
}

func (p *problems) check(err error) {
	if err != nil {
		*p = append(*p, err)
	}
}

func (p *problems) err() error { return errors.Join(*p...) }

// Validate names everything that is wrong with the answers at once
// (errors.Join), each with the field, what was found and what to try.
func (a Answers) Validate() error {
	var p problems
	a.validateImage(&p)
	a.validateLanguage(&p)
	a.validateNames(&p)
	a.validateKey(&p)
	a.validateAccounts(&p)
	a.validateNetwork(&p)
	a.validateCommands(&p)
	a.validateFragments(&p)
	return p.err()
}

// ValidateWishes names everything that is wrong with what the user wishes, as
// far as it can be known before the medium is opened: Product and Image are not
// looked at. Validate says the rest.
func (a Answers) ValidateWishes() error {
	var p problems
	if a.Language != "" {
		if _, err := windows.LookupLocale(a.Language); err != nil {
			p.add("language", "%v", err)
		}
	}
	if a.SetupLanguage != "" {
		if _, err := windows.LookupLocale(a.SetupLanguage); err != nil {
			p.add("setup_language", "%v", err)
		}
	}
	a.validateLocale(&p)
	a.validateChoices(&p)
	a.validateNames(&p)
	a.validateKeyForm(&p)
	computer := strings.Trim(a.ComputerName, "*")
	if a.AdministratorPassword != "" {
		a.checkPassword(&p, "administrator_password", a.AdministratorPassword, "Administrator", computer)
	}
	a.validateLocalAccounts(&p)
	a.validateNetwork(&p)
	a.validateCommands(&p)
	for i, fragment := range a.Fragments {
		checkFragment(&p, setupFragments, i, fragment, formDefects)
	}
	return p.err()
}

func (a Answers) validateImage(p *problems) {
	if a.Product.Name == "" {
		p.add("product", "not known; it comes from the image's build and installation type")
	}
	if a.Image.Index < 1 {
		p.add("image_index", "%d; the images of install.wim are numbered from 1", a.Image.Index)
	}
	if a.Image.Architecture != "amd64" {
		p.add("architecture", "%q; only amd64 (x64) images are supported", a.Image.Architecture)
	}
	if a.Firmware == BIOS && a.Product.Name == "Windows 11" && !a.LabConfig && a.InstallMethod != MethodApply {
		p.add("firmware", "bios, but Setup of Windows 11 demands UEFI with secure boot: use firmware = \"uefi\", or lab_config = true")
	}
	switch a.Image.Channel {
	case "", Evaluation, Volume, Retail, UnknownChannel:
	default:
		p.add("channel", "%q; it is evaluation, volume, retail or unknown", a.Image.Channel)
	}
	a.validateChoices(p)
}

// validateChoices checks what is one of a few.
func (a Answers) validateChoices(p *problems) {
	switch a.Firmware {
	case UEFI, BIOS:
	default:
		p.add("firmware", "%q; it is \"uefi\" or \"bios\"", a.Firmware)
	}
	switch a.InstallMethod {
	case "", MethodSetup, MethodApply:
	default:
		p.add("install_method", "%q; it is \"setup\" or \"apply\"", a.InstallMethod)
	}
	if a.Display != nil && (a.Display.Width < 640 || a.Display.Height < 480 || a.Display.Width > 16384 || a.Display.Height > 16384) {
		p.add("display", "%dx%d; from 640x480 to 16384x16384", a.Display.Width, a.Display.Height)
	}
}

func (a Answers) validateLanguage(p *problems) {
	language := a.language()
	locale, err := windows.LookupLocale(language)
	if err != nil {
		p.add("language", "%v", err)
	}
	if len(a.Image.Languages) > 0 && !containsFold(a.Image.Languages, language) {
		p.add("language", "%q is not in the image, which has %s", language, strings.Join(a.Image.Languages, ", "))
	}
	// Setup's pages come up when its own list lacks what the answer file
	// wants (unattend-generator#64, #331).
	if a.SetupLanguage != "" && len(a.Image.SetupLanguages) > 0 && !containsFold(a.Image.SetupLanguages, a.SetupLanguage) {
		p.add("setup_language", "%q is not in the medium's sources/lang.ini, which has %s", a.SetupLanguage, strings.Join(a.Image.SetupLanguages, ", "))
	}
	if _, err := windows.LookupLocale(a.setupLanguage()); err != nil && !strings.EqualFold(a.setupLanguage(), language) {
		p.add("setup_language", "%v", err)
	}
	if locale.Tag == "nb-NO" && a.Product.Build >= windows.FirstConXBuild && a.InstallMethod != MethodApply {
		p.add("language", "nb-NO makes Setup of build %d reboot for ever (unattend-generator#331); use install_method = \"apply\"", a.Product.Build)
	}
	a.validateLocale(p)
}

// validateLocale checks what has no need of the image.
func (a Answers) validateLocale(p *problems) {
	if a.UserLocale != "" {
		if err := windows.CheckLocaleName(a.UserLocale); err != nil {
			p.add("user_locale", "%v", err)
		}
	}
	if a.InputLocale != "" {
		if err := windows.CheckInputLocale(a.InputLocale); err != nil {
			p.add("input_locale", "%v", err)
		}
	}
	if a.TimeZone != "" {
		if _, err := windows.LookupTimeZone(a.TimeZone); err != nil {
			p.add("time_zone", "%v", err)
		}
	}
}

func (a Answers) validateNames(p *problems) {
	p.check(checkComputerName("computer_name", a.ComputerName))
	checkOwner(p, "full_name", a.FullName)
	checkOwner(p, "organization", a.Organization)
}

// checkComputerName: "" and "*" are names at random.
func checkComputerName(field, name string) error {
	switch {
	case name == "" || name == "*":
	case len(name) > maxComputerName:
		return fmt.Errorf("%s: %q has %d bytes; Windows takes %d", field, name, len(name), maxComputerName)
	case !computerForm.MatchString(name):
		return fmt.Errorf("%s: %q; only A-Z, a-z, 0-9 and hyphens inside", field, name)
	case strings.Trim(name, "0123456789") == "":
		return fmt.Errorf("%s: %q; not digits alone", field, name)
	}
	return nil
}

func checkOwner(p *problems, field, value string) {
	if n := characters(value); n > maxOwner {
		p.add(field, "%d characters; Setup takes %d", n, maxOwner)
	}
	p.check(checkText(field, value))
}

func (a Answers) validateNetwork(p *problems) {
	if a.KMSHost != "" {
		if err := checkKMSHost(a.KMSHost); err != nil {
			p.add("kms_host", "%v", err)
		}
	}
	for _, group := range a.FirewallGroups {
		if !firewallGroupForm.MatchString(group) {
			p.add("firewall_groups", "%q; give the resource id such as @FirewallAPI.dll,-28502, since the names differ by language", group)
		}
	}
	if a.FirewallOff && (len(a.FirewallGroups) > 0) {
		p.add("firewall_groups", "given, but the firewall is off")
	}
	if a.Proxy == nil {
		return
	}
	if host, port, err := net.SplitHostPort(a.Proxy.Server); err != nil || host == "" || !isPort(port) {
		p.add("proxy.server", "%q is no host:port", a.Proxy.Server)
	}
	for _, host := range append([]string{a.Proxy.Server}, a.Proxy.Bypass...) {
		if host == localNames && host != a.Proxy.Server {
			continue
		}
		if host == "" || strings.ContainsAny(host, " \t;\"'&|<>^%") {
			p.add("proxy", "%q cannot be a host: no spaces, quotes or semicolons", host)
		}
	}
}

// localNames is Windows' word for all hosts without a dot, in lists of hosts
// that need no proxy.
const localNames = "<local>"

var firewallGroupForm = regexp.MustCompile(`^@[A-Za-z0-9_.%\\-]+,-[0-9]+$`)

// checkKMSHost also knows how long the command is that names the host.
func checkKMSHost(value string) error {
	host, err := windows.ParseKMSHost(value)
	if err != nil {
		return err
	}
	if name := kmsName(host.Name).reg(); characters(name) > maxRunSynchronous {
		return fmt.Errorf("the name has %d characters; at most %d fit in the command that sets it", len(host.Name), maxRunSynchronous-len(kmsName("").reg())+len(quoteArg("")))
	}
	return nil
}

func isPort(text string) bool {
	n, err := strconv.Atoi(text)
	return err == nil && n > 0 && n < 65536
}

func (a Answers) validateCommands(p *problems) {
	for i, line := range a.SpecializeCommands {
		p.check(checkCommand(fmt.Sprintf("specialize_commands[%d]", i), line, maxRunSynchronous))
	}
	for i, line := range a.FirstLogonCommands {
		p.check(checkCommand(fmt.Sprintf("first_logon_commands[%d]", i), line, maxCmdLine-len(firstLogonShell)))
	}
}

// maxCmdLine is the longest line that cmd.exe reads, and firstLogonShell what
// the bootstrap puts around a user's command.
const (
	maxCmdLine      = 8191
	firstLogonShell = `cmd.exe /d /s /c ""`
)

// checkText refuses what XML cannot hold, and line ends, which no field wants.
func checkText(field, text string) error {
	if !utf8.ValidString(text) {
		return fmt.Errorf("%s: not UTF-8", field)
	}
	for _, c := range text {
		if c < ' ' || c == 0x7F || c == 0xFFFE || c == 0xFFFF || c == utf8.RuneError {
			return fmt.Errorf("%s: holds the character U+%04X, which an answer file cannot carry", field, c)
		}
	}
	return nil
}

func containsFold(list []string, value string) bool {
	return slices.ContainsFunc(list, func(one string) bool { return strings.EqualFold(one, value) })
}
