package libvirt

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/packer-plugin-sdk/template/config"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/answerfile"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/libvirtapi"
)

// security is what the machine has of what Windows 11 demands.
type security struct {
	TPM        bool
	SecureBoot bool
	// Demanded is true when Setup would stop without them.
	Demanded bool
}

// firstWindows11 is the first build whose Setup demands a TPM and Secure Boot.
const firstWindows11 = 22000

// newSecurity gives the machine a TPM and Secure Boot where the template asks
// for them, and where Setup would otherwise stop, an hour later, with "This PC
// can't run Windows 11".
func newSecurity(c *Config, a answerfile.Answers) (security, error) {
	demanded := !a.Product.Server && a.Product.Build >= firstWindows11 && !a.LabConfig && a.InstallMethod != answerfile.MethodApply
	auto := demanded && a.Firmware == answerfile.UEFI
	s := security{
		TPM: wanted(c.VTPM, auto), SecureBoot: wanted(c.SecureBoot, auto),
		Demanded: demanded && c.own == nil, // the user's own file may switch the checks off
	}
	if !s.Demanded {
		return s, nil
	}
	var errs []error
	if c.VTPM.False() {
		errs = append(errs, fmt.Errorf("vtpm: false, but Setup of %s demands a TPM 2.0; leave vtpm out, or switch Setup's checks off with lab_config = true", a.Product.Name))
	}
	if c.SecureBoot.False() {
		errs = append(errs, fmt.Errorf("secure_boot: false, but Setup of %s demands Secure Boot; leave secure_boot out, or switch Setup's checks off with lab_config = true", a.Product.Name))
	}
	return s, errors.Join(errs...)
}

func wanted(field config.Trilean, auto bool) bool {
	return field.True() || auto && !field.False()
}

// offered holds the machine against what the host can give it.
func (s security) offered(caps libvirtapi.DomainCaps) []error {
	var errs []error
	check := func(field string, want bool, missing error) {
		switch {
		case !want || missing == nil:
		case s.Demanded:
			errs = append(errs, fmt.Errorf("%s: %w; or switch the checks of Windows 11's Setup off with lab_config = true", field, missing))
		default:
			errs = append(errs, fmt.Errorf("%s: %w; or set %s = false", field, missing, field))
		}
	}
	check("vtpm", s.TPM, caps.MissingTPM())
	check("secure_boot", s.SecureBoot, caps.MissingSecureBoot())
	return errs
}

// String is the machine's part of the line that tells what is built.
func (s security) String() string {
	var out string
	if s.TPM {
		out += ", TPM 2.0"
	}
	if s.SecureBoot {
		out += ", Secure Boot"
	}
	return out
}

// checkSigned refuses a disc that Secure Boot would not start: the firmware
// takes the boot image's loader only with a signature.
func (p *Plan) checkSigned(iso string) error {
	if !p.Security.SecureBoot || len(p.Facts.Boot.Signers) > 0 {
		return nil
	}
	remedy := "secure_boot = false"
	if p.Security.Demanded {
		remedy += " and lab_config = true"
	}
	return fmt.Errorf("secure_boot: the UEFI boot image of %s is not signed, so the firmware would refuse it; take Microsoft's own ISO, or set %s", iso, remedy)
}

// ca2023 signs the boot files of media from 2025 on; firmware that was made
// earlier does not know it.
const ca2023 = "Windows UEFI CA 2023"

// newSigner is a warning for such media.
func (p *Plan) newSigner() string {
	signers := p.Facts.Boot.Signers
	if !p.Security.SecureBoot || len(signers) == 0 || slices.ContainsFunc(signers, func(s string) bool { return s != ca2023 }) {
		return ""
	}
	return fmt.Sprintf("secure_boot: the ISO's boot image is signed by %q alone; an OVMF from before 2025 has no such key, and refuses it", strings.Join(signers, ", "))
}
