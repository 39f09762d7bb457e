package guest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"regexp"
	"strconv"
	"strings"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/guest"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/redact"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/windows"
)

// Activation says how Windows is licensed.
type Activation struct {
	// The product key to install.
	ProductKey string `mapstructure:"product_key"`
	// A KMS server, `host` or `host:port`.
	KMSHost string `mapstructure:"kms_host"`
	// Activate the build's machine. Instances activate themselves: sysprep
	// takes this activation back.
	Activate bool `mapstructure:"activate"`
}

func (*Activation) name() string  { return "activation" }
func (*Activation) title() string { return "Licensing Windows" }

var productKey = regexp.MustCompile(`^([0-9A-Z]{5}-){4}[0-9A-Z]{5}$`)

func checkKey(key string) []error {
	if key == "" || key == unknown || productKey.MatchString(key) {
		return nil
	}
	return []error{errors.New("product_key: not five groups of five letters and digits, such as XXXXX-XXXXX-XXXXX-XXXXX-XXXXX")}
}

func (a *Activation) prepare() []error {
	if a.ProductKey != unknown {
		redact.Add(a.ProductKey)
	}
	errs := checkKey(a.ProductKey)
	if _, _, err := a.kms(); err != nil && a.KMSHost != unknown {
		errs = append(errs, fmt.Errorf("kms_host: %w", err))
	}
	if a.ProductKey == "" && a.KMSHost == "" && !a.Activate {
		errs = append(errs, errors.New("nothing to do: give product_key, kms_host or activate"))
	}
	return errs
}

func (a *Activation) kms() (host string, port int, err error) {
	if !strings.Contains(a.KMSHost, ":") {
		return a.KMSHost, 0, nil
	}
	h, p, err := net.SplitHostPort(a.KMSHost)
	if err != nil {
		return "", 0, fmt.Errorf("%q is neither host nor host:port", a.KMSHost)
	}
	port, err = strconv.Atoi(p)
	if err != nil || port < 1 || port > 65535 || h == "" {
		return "", 0, fmt.Errorf("%q is neither host nor host:port", a.KMSHost)
	}
	return h, port, nil
}

func (a *Activation) run(ctx context.Context, r *run) error {
	host, port, err := a.kms()
	if err != nil {
		return err
	}
	if r.seat.Guest != nil && windows.IsAVMAKey(a.ProductKey) {
		// Another builder's guest may be on Hyper-V.
		return errors.New("product_key: this is an AVMA key, which activates under Windows Server Datacenter with Hyper-V only, never on KVM; give a KMS client key and kms_host, or a MAK")
	}
	result, _, err := guest.Activation.Do(ctx, r.session, guest.ActivationParameters{ProductKey: a.ProductKey, KMSHost: host, KMSPort: port, Activate: a.Activate})
	if err != nil {
		return err
	}
	if a.Activate && result.LicenseStatus != 1 {
		return fmt.Errorf("Windows is not licensed after its activation (status %d, channel %s, key ending in %s)", result.LicenseStatus, result.Channel, result.PartialKey)
	}
	r.ui.Say(fmt.Sprintf("Channel %s, key ending in %s, status %d", result.Channel, result.PartialKey, result.LicenseStatus))
	return nil
}
