package libvirt

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/windows"
)

// WindowsConfig says how Setup is answered. There is nothing in it that has to
// be set.
type WindowsConfig struct {
	// The time zone, by its Windows name (`Korea Standard Time`) or its IANA
	// name (`Asia/Seoul`). Default: that of the language's country, and UTC for
	// English.
	TimeZone string `mapstructure:"time_zone"`
	// The computer's name during the build, up to 15 letters, digits and
	// hyphens. Clones of the template get names of their own. The default is
	// made for each build.
	ComputerName string `mapstructure:"computer_name"`
	// The product key. By default volume editions get the public KMS client key
	// that Microsoft lists for them, which installs but does not activate;
	// evaluation editions take none.
	ProductKey string `mapstructure:"product_key"`
}

var (
	computerName = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9-]{0,13}[A-Za-z0-9])?$`)
	onlyDigits   = regexp.MustCompile(`^[0-9]+$`)
	productKey   = regexp.MustCompile(`^[A-Z0-9]{5}(-[A-Z0-9]{5}){4}$`)
)

// Prepare checks the section.
func (c *WindowsConfig) Prepare() []error {
	var errs []error
	if c.TimeZone != "" && !unknown(c.TimeZone) {
		if _, err := windows.LookupTimeZone(c.TimeZone); err != nil {
			errs = append(errs, fmt.Errorf("time_zone: %w", err))
		}
	}
	if c.ComputerName != "" && !unknown(c.ComputerName) &&
		(!computerName.MatchString(c.ComputerName) || onlyDigits.MatchString(c.ComputerName)) {
		errs = append(errs, fmt.Errorf("computer_name: %q can't name a Windows computer; use up to 15 letters, digits and hyphens, not only digits", c.ComputerName))
	}
	if !unknown(c.ProductKey) {
		c.ProductKey = strings.ToUpper(strings.TrimSpace(c.ProductKey))
		if c.ProductKey != "" && !productKey.MatchString(c.ProductKey) {
			errs = append(errs, fmt.Errorf("product_key: what is given (%d characters) has not the form XXXXX-XXXXX-XXXXX-XXXXX-XXXXX", len(c.ProductKey)))
		}
	}
	return errs
}
