package libvirt

import (
	"errors"
	"fmt"
	"math"
	"path"
	"strings"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/answerfile"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/libvirtapi"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/media"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/windows"
)

// Plan is everything that a build has decided before anything is made: what
// the media hold, which image is installed, with which drivers and answers, and
// how everything is called. It is made once and only read afterwards.
//
// Answers holds the build's password; a Plan is never printed as a whole.
type Plan struct {
	ID     identity
	Files  files
	Facts  *media.Facts
	Image  media.WindowsImage
	Driver driverPlan

	Product  windows.Product
	Language string
	Zone     windows.TimeZone
	Answers  answerfile.Answers
	Account  string // whom the build logs on as, in the guest
	// OwnAnswerFile goes on the disc in the place of the generated one; nil
	// when the user gives none.
	OwnAnswerFile []byte

	Firmware  libvirtapi.Firmware
	Security  security
	DiskBus   libvirtapi.Bus
	DiskBytes int64

	// Warnings are worth a line before the build starts.
	Warnings []string
}

// identity is what tells this build from every other one.
type identity struct {
	Build string // eight hex digits
	UUID  string // of the domain
	MAC   string // of its network card
}

// files are the inputs as they lie on this machine.
type files struct {
	ISO     string
	Drivers string
	Payload []payloadFile
}

// payloadFile is one file that goes under wintemplate/payload/.
type payloadFile struct{ Name, Path string }

// driverPlan is what is taken from the drivers ISO.
type driverPlan struct {
	Version string
	Arch    string
	Dirs    []string // preferred first
}

// Drivers that Setup gets: both storage buses, since a template must start on
// either; the network card, which WinRM needs at the first logon; and the
// serial bus of the guest agent. Nothing else: 24H2's Setup aborts on any
// driver that fails to install.
var setupDrivers = []string{"viostor", "vioscsi", "NetKVM", "vioserial"}

// Installers of the drivers ISO, which the first logon runs.
const (
	guestToolsMSI = "virtio-win-gt-x64.msi"
	guestAgentMSI = "guest-agent/qemu-ga-x86_64.msi"
)

// driverDisc is what a plan asks of the drivers ISO.
type driverDisc interface {
	Version() string
	Folder(driver string, osDirs []string, arch string) (media.DriverFolder, error)
	File(path string) (media.DiscFile, error)
}

// newPlan resolves the template against the media. It touches nothing, and
// reports everything that does not fit at once, each with its field.
func newPlan(c *Config, id identity, in files, facts *media.Facts, drivers driverDisc, password string) (*Plan, error) {
	p := &Plan{ID: id, Files: in, Facts: facts, Firmware: libvirtapi.Firmware(c.Firmware), DiskBus: libvirtapi.Bus(c.DiskBus)}
	var err error
	if p.Image, err = facts.Resolve(media.Wish{
		Edition: c.Edition, ImageName: c.ImageName, ImageIndex: c.ImageIndex,
	}); err != nil {
		return nil, err
	}
	if p.Image.Architecture != "amd64" {
		return nil, fmt.Errorf("iso_url: %s installs %s Windows (%s); this builder's machines are x86-64, take the x64 ISO", in.ISO, p.Image.Architecture, p.Image.Name)
	}
	if p.Product, err = windows.ProductOf(p.Image.Build, p.Image.InstallationType); err != nil {
		return nil, fmt.Errorf("iso_url: %s: %w", in.ISO, err)
	}

	var problems []error
	check := func(err error) {
		if err != nil {
			problems = append(problems, err)
		}
	}
	check(checkFirmware(p, in.ISO))
	p.DiskBytes, err = parseSize(c.DiskSize)
	if err == nil {
		err = checkDiskSize(p.Image, p.DiskBytes)
	}
	if err != nil {
		check(fmt.Errorf("disk_size: %w", err))
	}
	check(p.resolveDrivers(drivers, in.Drivers))
	check(p.resolveAnswers(c, password))
	check(p.checkSigned(in.ISO))
	if len(problems) > 0 {
		return nil, errors.Join(problems...)
	}
	p.Warnings = p.warnings(c)
	return p, nil
}

func checkFirmware(p *Plan, iso string) error {
	switch {
	case p.Firmware == libvirtapi.UEFI && p.Facts.Boot.Unmarked:
		return fmt.Errorf(`firmware: "uefi", but no boot image of %s is marked for UEFI (platform 0xEF), only for BIOS; %s`, iso, media.MarkForUEFI)
	case p.Firmware == libvirtapi.UEFI && !p.Facts.UEFI:
		return fmt.Errorf(`firmware: "uefi", but %s has no UEFI boot image; use firmware = "bios" or another ISO`, iso)
	case p.Firmware == libvirtapi.BIOS && !p.Facts.BIOS:
		return fmt.Errorf(`firmware: "bios", but %s has no BIOS boot image; use firmware = "uefi"`, iso)
	}
	return nil
}

// checkDiskSize wants room for the applied image and what Setup, the page file
// and the update stack put beside it, a third more.
func checkDiskSize(image media.WindowsImage, disk int64) error {
	need := image.TotalBytes + image.TotalBytes/3 + 1<<30
	if disk < need {
		whole := (need + 1<<30 - 1) >> 30 // rounded up, so that what is given as enough is enough
		return fmt.Errorf("%s is too small for %q, which takes %s once applied; give at least %dG", gib(disk), image.Name, gib(image.TotalBytes), whole)
	}
	return nil
}

func (p *Plan) resolveDrivers(disc driverDisc, iso string) error {
	p.Driver = driverPlan{Version: disc.Version(), Arch: p.Image.Architecture, Dirs: p.Product.DriverDirs()}
	var problems []error
	for _, name := range setupDrivers {
		if _, err := disc.Folder(name, p.Driver.Dirs, p.Driver.Arch); err != nil {
			problems = append(problems, fmt.Errorf("drivers_iso_url: %s: %w", iso, err))
		}
	}
	for _, name := range []string{guestToolsMSI, guestAgentMSI} {
		if _, err := disc.File(name); err != nil {
			problems = append(problems, fmt.Errorf("drivers_iso_url: %s: %w; is it a complete virtio-win ISO?", iso, err))
		}
	}
	return errors.Join(problems...)
}

func (p *Plan) resolveAnswers(c *Config, password string) error {
	a := c.wishes()
	a.Product = p.Product
	a.Firmware = answerfile.Firmware(p.Firmware)
	a.Image = answerfile.Image{
		Index:           p.Image.Index,
		Path:            p.Facts.InstallPath,
		Name:            p.Image.Name,
		EditionID:       p.Image.EditionID,
		Architecture:    p.Image.Architecture,
		Languages:       p.Image.Languages,
		DefaultLanguage: p.Image.DefaultLanguage,
		SetupLanguages:  p.Facts.UILanguages,
		Channel:         channel(p.Facts.Channel),
		Editions:        len(p.Facts.Images),
	}
	if c.own != nil {
		a = ownAnswers(a, c.own, password)
		p.OwnAnswerFile = c.ownData
	} else {
		if a.ComputerName == "" {
			a.ComputerName = "WT-" + strings.ToUpper(p.ID.Build)
		}
		if p.Product.Server {
			a.AdministratorPassword = password
		}
		if needsAccount(p.Product, languageOf(a)) {
			a.BuildAccount = &answerfile.LocalAccount{Name: c.Comm.WinRMUser, Password: password, Administrator: true}
		} else if err := serverAccount(c.Comm.WinRMUser, languageOf(a)); err != nil {
			return err
		}
	}
	p.Language = languageOf(a)
	var err error
	p.Security, err = newSecurity(c, a)
	if err := errors.Join(checkAnswers(a), err, checkOwn(c, a)); err != nil {
		return err
	}
	if p.Account, _, err = a.LogonAccount(); err != nil {
		return err
	}
	if p.Zone, err = a.Zone(); err != nil {
		return fmt.Errorf("time_zone: %w", err)
	}
	p.Answers = a
	return nil
}

func languageOf(a answerfile.Answers) string {
	if a.Language != "" {
		return a.Language
	}
	return a.Image.DefaultLanguage
}

// needsAccount says whether the build logs on as an extra local account: on
// clients, whose Administrator is disabled, and where a language gives it a
// name that is not known for certain.
func needsAccount(product windows.Product, language string) bool {
	if !product.Server {
		return true
	}
	locale, err := windows.LookupLocale(language)
	return err == nil && locale.Administrator == ""
}

// serverAccount refuses a name that the build would not go by.
func serverAccount(user, language string) error {
	locale, err := windows.LookupLocale(language)
	// Without a locale, Validate speaks.
	if err == nil && user != defaultAccount && !strings.EqualFold(user, locale.Administrator) {
		return fmt.Errorf("winrm_username: %q, but a server is built with its own %s; leave the field out (further accounts go into local_account)", user, locale.Administrator)
	}
	return nil
}

func channel(c media.Channel) answerfile.Channel {
	switch c {
	case media.ChannelEvaluation, media.ChannelVolume, media.ChannelRetail:
		return answerfile.Channel(c)
	case media.ChannelOEM:
		// OEM media install by the key in the firmware, which a virtual
		// machine has not: as with retail media, the user's key decides.
		return answerfile.Retail
	default:
		return answerfile.UnknownChannel
	}
}

// warnings are what may be wrong but need not be.
func (p *Plan) warnings(c *Config) []string {
	var out []string
	need := 2048
	if p.Product.Build >= firstWindows11 {
		need = 4096
	}
	if c.Memory < need {
		out = append(out, fmt.Sprintf("memory: %d MiB, but Setup of %s wants %d", c.Memory, p.Product.Name, need))
	}
	if c.CPUs < 2 && p.Product.Build >= firstWindows11 {
		out = append(out, fmt.Sprintf("cpus: %d, but %s wants 2", c.CPUs, p.Product.Name))
	}
	if first := p.Zone.FirstBuild(); p.Product.Build < first {
		out = append(out, fmt.Sprintf("time_zone: %q came to Windows after build %d; Setup stops at it unless the ISO has later updates in it", p.Zone.Windows, p.Product.Build))
	}
	if w := p.newSigner(); w != "" {
		out = append(out, w)
	}
	return out
}

// poolNeeds is how much the pool must have free: the installed disk, its
// compacted copy, the answer disc, and the ISO where it has to be copied.
func (p *Plan) poolNeeds(copiedISO int64) int64 {
	return 2*p.Image.TotalBytes + p.Image.TotalBytes/3 + copiedISO + p.payloadBytes() + 1<<30
}

// outputNeeds is how much output_directory must have free.
func (p *Plan) outputNeeds() int64 { return p.Image.TotalBytes + 512<<20 }

func (p *Plan) payloadBytes() int64 {
	var sum int64
	for _, f := range p.Files.Payload {
		if d, err := media.LocalFile(f.Name, f.Path); err == nil {
			sum += d.Size
		}
	}
	return sum
}

// driverPath is where the answer disc holds a driver's file: in a folder that the
// answer file lists, or in $WinPEDriver$, where Setup looks by itself.
func (p *Plan) driverPath(driver, file string) string {
	if p.Product.DriversIn() == windows.WinPEDriver {
		return path.Join("$WinPEDriver$", driver, file)
	}
	return path.Join("drivers", driver, file)
}

// gib shows bytes as people count disks.
func gib(n int64) string {
	if n < 1<<30 {
		return fmt.Sprintf("%d MiB", int64(math.Ceil(float64(n)/(1<<20))))
	}
	return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
}
