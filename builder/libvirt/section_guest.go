package libvirt

import (
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/packer-plugin-sdk/communicator"
	"github.com/hashicorp/packer-plugin-sdk/template/interpolate"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/answerfile"
)

// InstallConfig says how long Setup may take.
type InstallConfig struct {
	// How long Windows may take from power-on until WinRM answers. The default
	// is `2h` with KVM and `12h` without.
	InstallTimeout time.Duration `mapstructure:"install_timeout"`
}

// Prepare checks the section.
func (c *InstallConfig) Prepare() []error { return notNegative("install_timeout", c.InstallTimeout) }

// ShutdownConfig says how long the seal may take.
type ShutdownConfig struct {
	// How long Windows may take to power itself off after the last provisioner.
	// Sysprep does that; the default is `30m` with KVM and `3h` without.
	ShutdownTimeout time.Duration `mapstructure:"shutdown_timeout"`
}

// Prepare checks the section.
func (c *ShutdownConfig) Prepare() []error { return notNegative("shutdown_timeout", c.ShutdownTimeout) }

func notNegative(field string, d time.Duration) []error {
	if d < 0 {
		return []error{fmt.Errorf("%s: %s is negative", field, d)}
	}
	return nil
}

// GuestConfig says how Packer talks to the guest. The defaults are right:
// WinRM over HTTPS, pinned to a certificate that is made for this build alone.
// `winrm_password` is the password of the build's account, random for each
// build when it is not given, and of no use in the finished template.
// `winrm_username` names the extra local account that clients are built with, and
// servers in a language whose name for the Administrator is not known (default
// `packer`); other servers are built with their own Administrator, and another
// name is refused.
type GuestConfig struct {
	Comm communicator.Config `mapstructure:",squash"`
}

// Prepare checks the section and sets its defaults.
func (c *GuestConfig) Prepare(ctx *interpolate.Context) (warnings []string, errs []error) {
	comm := &c.Comm
	if comm.Type != "" && comm.Type != "winrm" {
		errs = append(errs, fmt.Errorf("communicator: %q is not possible here; Windows is provisioned over winrm", comm.Type))
	}
	if comm.WinRMUseNTLM.True() {
		errs = append(errs, errors.New("winrm_use_ntlm: the build talks HTTPS pinned to its own certificate; NTLM would replace that transport, remove the field"))
	}
	if comm.WinRMInsecure {
		errs = append(errs, errors.New("winrm_insecure: the guest shows a certificate made for this build and pinned by it, there is nothing to switch off; remove the field"))
	}
	if comm.WinRMPort != 0 && comm.WinRMPort != winRMPort {
		errs = append(errs, fmt.Errorf("winrm_port: the guest's WinRM listens on %d; remove the field", winRMPort))
	}
	if comm.WinRMNoProxy {
		// StepConnectWinRM would replace our transport, and the pin with it.
		warnings = append(warnings, "winrm_no_proxy is not needed: the guest is never reached through a proxy")
		comm.WinRMNoProxy = false
	}

	comm.Type = "winrm"
	comm.WinRMUseSSL = true
	comm.WinRMPort = winRMPort
	if comm.WinRMTimeout == 0 {
		comm.WinRMTimeout = 15 * time.Minute
	}
	if comm.WinRMUser == "" {
		comm.WinRMUser = defaultAccount
	}
	for _, err := range comm.Prepare(ctx) {
		errs = append(errs, fmt.Errorf("communicator: %w", err))
	}
	if comm.WinRMPassword != "" && !unknown(comm.WinRMPassword) {
		if err := checkPassword(comm.WinRMPassword); err != nil {
			errs = append(errs, err)
		}
	}
	return warnings, errs
}

const (
	// winRMPort is the HTTPS listener that the bootstrap opens.
	winRMPort = answerfile.WinRMPort
	// defaultAccount is the extra local account on client editions.
	defaultAccount = "packer"
)

// checkPassword refuses what Windows refuses, or what breaks on its way. The
// password is not shown.
func checkPassword(password string) error {
	var lower, upper, digit, other bool
	for _, r := range password {
		switch {
		case r >= 'a' && r <= 'z':
			lower = true
		case r >= 'A' && r <= 'Z':
			upper = true
		case r >= '0' && r <= '9':
			digit = true
		case r < ' ' || r > '~':
			return errors.New("winrm_password: holds a character outside printable ASCII, which keyboards and code pages of the guest differ on")
		default:
			other = true
		}
	}
	classes := 0
	for _, has := range []bool{lower, upper, digit, other} {
		if has {
			classes++
		}
	}
	if len(password) < 8 || len(password) > 127 || classes < 3 {
		return fmt.Errorf("winrm_password: %d characters of %d kinds; Windows' password policy wants 8 or more of three kinds (a-z, A-Z, 0-9, others)", len(password), classes)
	}
	return nil
}
