package guest

import (
	"context"
	"errors"
	"fmt"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/guest"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/redact"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/windows"
)

// Activation says how Windows is licensed.
type Activation struct {
	// The product key to install. On `wintemplate-libvirt` no AVMA key, which
	// never activates on KVM.
	ProductKey string `mapstructure:"product_key"`
	// A KMS server, `host`, `host:port` or `[IPv6]:port`.
	KMSHost string `mapstructure:"kms_host"`
	// Activate the build's machine. Instances activate themselves: sysprep
	// takes this activation back.
	Activate bool `mapstructure:"activate"`
}

func (*Activation) name() string  { return "activation" }
func (*Activation) title() string { return "Licensing Windows" }

// prepareKey hides a product key and brings it into Windows' form.
func prepareKey(key *string) []error {
	if *key == "" || *key == unknown {
		return nil
	}
	redact.Add(*key)
	parsed, err := windows.ParseKey(*key)
	if err != nil {
		return []error{fmt.Errorf("product_key: %w", err)}
	}
	*key = parsed
	redact.Add(parsed)
	return nil
}

func (a *Activation) prepare() []error {
	errs := prepareKey(&a.ProductKey)
	if _, err := a.kms(); err != nil {
		errs = append(errs, fmt.Errorf("kms_host: %w", err))
	}
	if a.ProductKey == "" && a.KMSHost == "" && !a.Activate {
		errs = append(errs, errors.New("nothing to do: give product_key, kms_host or activate"))
	}
	return errs
}

func (a *Activation) kms() (windows.KMSHost, error) {
	if a.KMSHost == "" || a.KMSHost == unknown {
		return windows.KMSHost{}, nil
	}
	return windows.ParseKMSHost(a.KMSHost)
}

func (a *Activation) run(ctx context.Context, r *run) error {
	host, err := a.kms()
	if err != nil {
		return err
	}
	result, _, err := guest.Activation.Do(ctx, r.session, guest.ActivationParameters{ProductKey: a.ProductKey, KMSHost: host.Name, KMSPort: host.Port, Activate: a.Activate})
	if err != nil {
		return err
	}
	if a.Activate && result.LicenseStatus != 1 {
		return fmt.Errorf("Windows is not licensed after its activation (status %d, channel %s, key ending in %s)", result.LicenseStatus, result.Channel, result.PartialKey)
	}
	r.ui.Say(fmt.Sprintf("Channel %s, key ending in %s, status %d", result.Channel, result.PartialKey, result.LicenseStatus))
	return nil
}
