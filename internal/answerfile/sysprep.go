package answerfile

import (
	"fmt"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/windows"
)

// SysprepAnswers are the answers of the file given to sysprep, by which a
// clone of the template sets itself up. It holds no secret: it stays in the
// template, as Windows\Panther\unattend.xml.
type SysprepAnswers struct {
	// Product is what is being sealed.
	Product windows.Product
	// Architecture is "amd64" when empty.
	Architecture string
	// Language is the image's ("ko-KR"); required.
	Language string
	// UserLocale and InputLocale follow Language when empty.
	UserLocale  string
	InputLocale string
	// TimeZone is a Windows or an IANA name; that of the language's country
	// when empty, UTC for English.
	TimeZone string
	// Organization and FullName are the registered owner; empty leaves them.
	Organization string
	FullName     string

	// CloudbaseInit has cloudbase-init run in the specialize pass.
	CloudbaseInit bool
	// Account is the administrator that a clone of a client gets, without a
	// password: Windows lets nobody in over the network by an empty one, and
	// cloudbase-init sets it (its username must be this account). Required on
	// clients, whose built-in administrator is disabled; not for servers.
	Account string
	// KMSHost is host, host:port or [IPv6]:port.
	KMSHost string
	// PageFile puts the page file back that the seal took away.
	PageFile bool
	// SkipRearm leaves the activation clock alone: for a run that is not the
	// last, else all clones share one client machine id and KMS counts one.
	SkipRearm bool
	// Fragments are answer files merged in, by pass and component.
	Fragments [][]byte
}

// Validate names everything that is wrong at once.
func (a SysprepAnswers) Validate() error {
	var p problems
	if a.Product.Name == "" {
		p.add("product", "not known; it comes from the build number and installation type")
	}
	if a.Architecture != "" && a.Architecture != "amd64" {
		p.add("architecture", "%q; only amd64 is supported", a.Architecture)
	}
	if _, err := windows.LookupLocale(a.Language); err != nil {
		p.add("language", "%v", err)
	}
	a.validateWishes(&p)
	switch {
	case a.Product.Server && a.Account != "":
		p.add("account", "given, but clones of a server have the built-in administrator; cloudbase-init makes further accounts")
	case !a.Product.Server && a.Account == "":
		p.add("account", "missing; %s disables the built-in administrator, so nobody could log on to a clone", a.Product.Name)
	case !a.Product.Server:
		p.check(checkAccountName("account", a.Account, ""))
	}
	a.validateFragments(&p)
	return p.err()
}

// ValidateWishes names everything that is wrong with what the user wishes, as
// far as it can be known before there is a guest: Product and Language are not
// looked at. Validate says the rest.
func (a SysprepAnswers) ValidateWishes() error {
	var p problems
	a.validateWishes(&p)
	if a.Account != "" {
		p.check(checkAccountName("account", a.Account, ""))
	}
	for i, fragment := range a.Fragments {
		checkFragment(&p, sysprepFragments, i, fragment, formDefects)
	}
	return p.err()
}

func (a SysprepAnswers) validateWishes(p *problems) {
	// The same wishes are there for Setup, under the same names.
	Answers{UserLocale: a.UserLocale, InputLocale: a.InputLocale, TimeZone: a.TimeZone}.validateLocale(p)
	if a.KMSHost != "" {
		if err := checkKMSHost(a.KMSHost); err != nil {
			p.add("kms_host", "%v", err)
		}
	}
	checkOwner(p, "full_name", a.FullName)
	checkOwner(p, "organization", a.Organization)
}

// validateFragments checks each fragment, and then the file that they make of
// the generated one.
func (a SysprepAnswers) validateFragments(p *problems) {
	before := len(*p)
	architecture := or(a.Architecture, amd64)
	for i, fragment := range a.Fragments {
		checkFragment(p, sysprepFragments, i, fragment, func(root *node) []error { return checkDocument(root, a.Product, architecture) })
	}
	if len(a.Fragments) == 0 || len(*p) > before {
		return
	}
	merged, err := a.document()
	if err != nil {
		return // named already
	}
	if err := merged.mergeAll(sysprepFragments, a.Fragments); err != nil {
		p.check(err)
		return
	}
	var found problems
	found = append(found, checkDocument(merged.root, a.Product, architecture)...)
	f := userFile{root: merged.root, p: &found}
	f.commands()
	f.keyForms()
	f.names()
	for _, defect := range found {
		p.add(fragmentField(sysprepFragments, a.Fragments), "merged into the generated file: %v", defect)
	}
}

// Unattend renders the answer file for sysprep. It validates first.
func Unattend(a SysprepAnswers) ([]byte, error) {
	if err := a.Validate(); err != nil {
		return nil, err
	}
	doc, err := a.document()
	if err != nil {
		return nil, err
	}
	if err := doc.mergeAll(sysprepFragments, a.Fragments); err != nil {
		return nil, err
	}
	return encode(doc.root)
}

func (a SysprepAnswers) document() (*document, error) {
	locale, err := windows.LookupLocale(a.Language)
	if err != nil {
		return nil, fmt.Errorf("language: %w", err)
	}
	zone, err := timeZone(a.TimeZone, a.Language)
	if err != nil {
		return nil, fmt.Errorf("time_zone: %w", err)
	}
	doc := newDocument(or(a.Architecture, amd64))

	if a.SkipRearm {
		doc.component(passGeneralize, componentActivation, number("SkipRearm", 1))
	}
	// Without these two a clone loses its storage drivers' devices and stops
	// with 0x7B (antifob/incus-windows has both).
	doc.component(passGeneralize, componentPnpSysprep,
		boolean("DoNotCleanUpNonPresentDevices", true), boolean("PersistAllDeviceInstalls", true))

	doc.component(passSpecialize, componentShell, append(ownerNodes(a), leaf("TimeZone", zone))...)
	doc.component(passSpecialize, componentDeployment, runSynchronous(a.commands()))

	doc.component(passOOBE, componentLocale, localeNodes(locale, a.InputLocale, a.UserLocale)...)
	if a.Product.Server {
		// Deprecated by Microsoft, and the only way past the page that asks
		// for the administrator's password without keeping one in the file;
		// cloudbase-init's own Unattend.xml has it.
		pages := oobePages().add(boolean("SkipMachineOOBE", true), boolean("SkipUserOOBE", true))
		doc.component(passOOBE, componentShell, pages)
	} else {
		doc.component(passOOBE, componentDriveEncryption, boolean("PreventDeviceEncryption", true))
		account := LocalAccount{Name: a.Account, Administrator: true}
		doc.component(passOOBE, componentShell, oobePages(),
			group("UserAccounts", group("LocalAccounts", localAccount(account))))
	}
	return doc, nil
}

func ownerNodes(a SysprepAnswers) []*node {
	var out []*node
	if a.Organization != "" {
		out = append(out, leaf("RegisteredOrganization", a.Organization))
	}
	if a.FullName != "" {
		out = append(out, leaf("RegisteredOwner", a.FullName))
	}
	return out
}

// administratorPassword gives the built-in administrator of each clone a
// random password that nobody knows, before anything else: generalize resets
// it and asks for a new one at the next logon, so that until cloudbase-init
// has run the console would let anybody choose it (cloudbase-init#77).
const administratorPassword = `powershell.exe -NoProfile -Command "$b=[byte[]]::new(24);[Security.Cryptography.RandomNumberGenerator]::Create().GetBytes($b);Get-LocalUser|? SID -like *-500|Set-LocalUser -Password (ConvertTo-SecureString ('aA1!'+[Convert]::ToBase64String($b)) -A -F)"`

// cloudbaseInit runs cloudbase-init before OOBE. With WillReboot=OnRequest
// code 1 means reboot and go on, 0 go on, 2 reboot and run again, anything
// else ends Setup. cloudbase-init's own Unattend.xml says 2 when it fails, and
// such a clone reboots for ever (cloudbase-init-installer#15): here it goes on,
// and the service does what was left undone.
const cloudbaseInit = `cmd.exe /c ""` + cloudbaseInitDir + `\Python\Scripts\cloudbase-init.exe" --config-file "` + cloudbaseInitDir + `\conf\cloudbase-init-unattend.conf" && exit 1 || exit 0"`

const cloudbaseInitDir = `C:\Program Files\Cloudbase Solutions\Cloudbase-Init`

// commands are those of a clone's specialize pass.
func (a SysprepAnswers) commands() []command {
	var out []command
	if a.Product.Server {
		out = append(out, command{line: administratorPassword})
	} else {
		out = append(out, command{line: Setting{Kind: RegistryValue, Key: oobeKey, Name: "BypassNRO", Type: "REG_DWORD", Data: "1"}.reg()})
	}
	out = append(out, kmsCommands(a.KMSHost)...)
	if a.PageFile {
		out = append(out, command{line: `reg.exe add "HKLM\SYSTEM\CurrentControlSet\Control\Session Manager\Memory Management" /v PagingFiles /t REG_MULTI_SZ /d ?:\pagefile.sys /f`})
	}
	if a.CloudbaseInit {
		out = append(out, command{line: cloudbaseInit, willReboot: "OnRequest"})
	}
	return out
}
