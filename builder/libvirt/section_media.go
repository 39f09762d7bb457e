package libvirt

import (
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"path"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/hashicorp/packer-plugin-sdk/multistep/commonsteps"
	"github.com/hashicorp/packer-plugin-sdk/template/interpolate"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/media"
)

// MediaConfig says what is installed, and from which disc.
type MediaConfig struct {
	commonsteps.ISOConfig `mapstructure:",squash"`

	// The edition to install, by its edition ID: `SERVERSTANDARD`,
	// `SERVERSTANDARDCORE`, `ServerDatacenter`, `Professional`. Case does not
	// matter. It is looked up in the disc's install.wim before anything boots;
	// when the disc does not hold it, the build fails in its first second with
	// the list of what it holds. One of `edition`, `image_name` and
	// `image_index` is required; when several are given, all must hold.
	Edition string `mapstructure:"edition"`
	// The image to install, by its name: the one that install.wim has
	// (`Windows Server 2022 SERVERSTANDARD`, `/IMAGE/NAME` of answer files), or
	// the one that `dism /Get-WimInfo` prints (`Windows Server 2022 Standard
	// Evaluation (Desktop Experience)`).
	ImageName string `mapstructure:"image_name"`
	// The image to install, by its index in install.wim, counted from 1.
	ImageIndex int `mapstructure:"image_index"`
	// The language to install, as a tag such as `en-US` or `ko-KR`. It must be
	// one of the image's languages; the default is the image's own default.
	Language string `mapstructure:"language"`

	// indexUnknown remembers that image_index comes from a data source that
	// `packer validate` has not read.
	indexUnknown bool
}

var languageTag = regexp.MustCompile(`^[A-Za-z]{2,3}(-[A-Za-z]{4})?-[A-Za-z]{2}$`)

// Prepare checks the section.
func (c *MediaConfig) Prepare(ctx *interpolate.Context) (warnings []string, errs []error) {
	if c.RawSingleISOUrl == "" && len(c.ISOUrls) == 0 {
		errs = append(errs, errors.New("iso_url: missing; give the path or URL of a Windows installation ISO"))
	}
	if c.ISOChecksum == "" {
		errs = append(errs, errors.New(`iso_checksum: missing; give "sha256:…", or "none" for a file that you trust`))
	}
	for _, source := range append([]string{c.RawSingleISOUrl}, c.ISOUrls...) {
		if _, _, err := media.FileURL(source); err != nil {
			errs = append(errs, fmt.Errorf("iso_url: %w", err))
		}
		if err := checkSourceChecksum("iso_checksum", c.ISOChecksum, source); err != nil {
			errs = append(errs, fmt.Errorf("iso_url: %w", err))
		}
	}
	switch {
	case unknown(c.ISOChecksum), unknown(c.RawSingleISOUrl), unknown(strings.Join(c.ISOUrls, "")):
		// The SDK would fetch "<unknown>" as a checksum file.
		if c.RawSingleISOUrl != "" {
			c.ISOUrls, c.RawSingleISOUrl = []string{c.RawSingleISOUrl}, ""
		}
	case len(errs) > 0:
	default:
		var isoErrs []error
		warnings, isoErrs = c.ISOConfig.Prepare(ctx)
		for _, err := range isoErrs {
			errs = append(errs, fmt.Errorf("iso_url, iso_checksum: %w", err))
		}
	}
	if c.TargetExtension == "" {
		c.TargetExtension = "iso"
	}

	if c.Edition == "" && c.ImageName == "" && c.ImageIndex == 0 && !c.indexUnknown {
		errs = append(errs, errors.New(`edition: missing, and neither image_name nor image_index is given; say what to install, for example edition = "SERVERSTANDARD"`))
	}
	if c.ImageIndex < 0 {
		errs = append(errs, fmt.Errorf("image_index: %d is negative; indexes count from 1", c.ImageIndex))
	}
	if c.Language != "" && !unknown(c.Language) && !languageTag.MatchString(c.Language) {
		errs = append(errs, fmt.Errorf(`language: %q is not a language tag such as "en-US" or "ko-KR"`, c.Language))
	}
	return warnings, errs
}

// DriversConfig says where the virtio drivers come from.
type DriversConfig struct {
	// Path or URL of the virtio-win ISO, which holds the drivers that Setup
	// needs to see a virtio disk, the guest tools and the QEMU guest agent.
	// Only the folders of this Windows version are taken, and put on the answer
	// disc; the ISO itself is not attached to the machine, since Setup of
	// Windows 11 24H2 and Server 2025 aborts when it is offered a driver twice.
	DriversISOURL string `mapstructure:"drivers_iso_url" required:"true"`
	// Checksum of the drivers ISO, in the form of `iso_checksum`. Optional: a
	// local file is used as it is. `drivers_iso_url` may end in
	// `?checksum=sha256:…` instead.
	DriversISOChecksum string `mapstructure:"drivers_iso_checksum"`
}

// Prepare checks the section.
func (c *DriversConfig) Prepare() (warnings []string, errs []error) {
	if c.DriversISOURL == "" {
		errs = append(errs, errors.New("drivers_iso_url: missing; give the path or URL of the virtio-win ISO, without which Setup sees no virtio disk"))
	}
	if _, _, err := media.FileURL(c.DriversISOURL); err != nil {
		errs = append(errs, fmt.Errorf("drivers_iso_url: %w", err))
	}
	_, inURL := sourceChecksum(c.DriversISOURL)
	if c.DriversISOChecksum == "" && !inURL && isRemote(c.DriversISOURL) {
		warnings = append(warnings, "drivers_iso_checksum is not set: the downloaded drivers ISO is not verified, and a cached one is used again even when the URL's content has changed")
	}
	if sum := c.DriversISOChecksum; sum != "" && sum != "none" && !unknown(sum) {
		if err := checkChecksum(sum); err != nil {
			errs = append(errs, fmt.Errorf("drivers_iso_checksum: %w", err))
		}
	}
	if err := checkSourceChecksum("drivers_iso_checksum", c.DriversISOChecksum, c.DriversISOURL); err != nil {
		errs = append(errs, fmt.Errorf("drivers_iso_url: %w", err))
	}
	return warnings, errs
}

// hexDigits are the lengths of the checksums that can be verified.
var hexDigits = map[string]int{"md5": 32, "sha1": 40, "sha256": 64, "sha512": 128}

// checkChecksum checks the form of a checksum: TYPE:HEX, HEX alone, or
// file:SOURCE, which is not read.
func checkChecksum(sum string) error {
	kind, value, typed := strings.Cut(sum, ":")
	if typed && kind == "file" {
		if value == "" {
			return fmt.Errorf("%q names no file", sum)
		}
		return nil
	}
	if !typed {
		value = sum
	}
	_, hexErr := hex.DecodeString(value)
	for name, digits := range hexDigits {
		if hexErr == nil && len(value) == digits && (!typed || strings.EqualFold(kind, name)) {
			return nil
		}
	}
	return fmt.Errorf(`%q is not a checksum such as "sha256:" and 64 hexadecimal digits; md5, sha1, sha256, sha512 and file:… are known`, sum)
}

// sourceChecksum is what follows ?checksum= in a source.
func sourceChecksum(source string) (sum string, given bool) {
	_, query, _ := strings.Cut(source, "?")
	values, err := url.ParseQuery(query)
	if err != nil || !values.Has("checksum") {
		return "", false
	}
	return values.Get("checksum"), true
}

// checkSourceChecksum checks the form of what follows ?checksum= in a source. A
// field with another checksum beside it is refused: the download would go by the
// source's and say nothing.
func checkSourceChecksum(field, sum, source string) error {
	if unknown(source) || unknown(sum) {
		return nil
	}
	own, given := sourceChecksum(source)
	if !given {
		return nil
	}
	if err := checkChecksum(own); err != nil {
		return err
	}
	if sum != "" && sum != own {
		return fmt.Errorf("it ends in ?checksum=%s, and %s is %q; give the checksum once, in %s", own, field, sum, field)
	}
	return nil
}

// PayloadConfig says what else the guest shall find on the answer disc.
type PayloadConfig struct {
	// Files that the guest shall have at hand, as paths or URLs: put on the
	// answer disc under `wintemplate/payload/`, so that nothing large goes
	// through WinRM. `CloudbaseInitSetup_x64.msi` belongs here; the
	// `wintemplate-guest` provisioner finds it by its name and verifies its
	// hash. A URL may end in `?checksum=sha256:…`. A file's name has at most 64
	// letters, digits, spaces and `._()+@,=-`, is none that Windows takes for a
	// device (`CON.txt`) and does not end in a dot or a space; no two differ in
	// case only.
	Payload []string `mapstructure:"payload"`
}

// fileName is what Joliet and every Windows accept.
var fileName = regexp.MustCompile(`^[A-Za-z0-9._ ()+@,=-]{1,64}$`)

// Prepare checks the section.
func (c *PayloadConfig) Prepare() []error {
	var errs []error
	seen := map[string]string{}
	for _, source := range c.Payload {
		if unknown(source) {
			continue
		}
		name := payloadName(source)
		if source == "" || !fileName.MatchString(name) {
			errs = append(errs, fmt.Errorf("payload: %q has no file name that can stand on the answer disc (found %q); up to 64 letters, digits, spaces and ._()+@,=- are allowed", source, name))
			continue
		}
		if why := media.NotForWindows(name); why != "" {
			errs = append(errs, fmt.Errorf("payload: %q %s; rename it", name, why))
			continue
		}
		if _, _, err := media.FileURL(source); err != nil {
			errs = append(errs, fmt.Errorf("payload: %w", err))
		}
		if sum, given := sourceChecksum(source); given {
			if err := checkChecksum(sum); err != nil {
				errs = append(errs, fmt.Errorf("payload: %s: %w", name, err))
			}
		}
		if other, twice := seen[strings.ToLower(name)]; twice {
			errs = append(errs, fmt.Errorf("payload: %q and %q would both be called %s on the answer disc; rename one of them", other, source, name))
		}
		seen[strings.ToLower(name)] = source
	}
	return errs
}

// payloadName is the name that a payload gets on the answer disc.
func payloadName(source string) string {
	if isRemote(source) {
		if _, inner, forced := strings.Cut(source, "::"); forced {
			source = inner
		}
		if u, err := url.Parse(source); err == nil {
			return path.Base(u.Path)
		}
	}
	return filepath.Base(filepath.FromSlash(localPath(source)))
}

// isRemote says whether source has to be downloaded. A Windows path such as
// C:\x.iso has a one-letter scheme.
func isRemote(source string) bool {
	scheme, _, ok := strings.Cut(source, "://")
	if ok && len(scheme) > 1 {
		return !strings.EqualFold(scheme, "file")
	}
	return strings.Contains(source, "::") // go-getter's forced getter
}

// localPath is the file behind a source that is not remote, without go-getter's
// query.
func localPath(source string) string {
	if at, isFile, err := media.FileURL(source); isFile && err == nil {
		return filepath.FromSlash(at)
	}
	p, _, _ := strings.Cut(source, "?checksum=")
	return p
}
