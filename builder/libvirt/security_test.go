package libvirt

import (
	"errors"
	"strings"
	"testing"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/libvirtapi"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/media"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/media/mediatest"
)

// signed are facts of a disc with a signed boot image, as Microsoft's are.
func signed(images ...media.WindowsImage) *media.Facts {
	f := facts(images...)
	f.Boot.Signers = []string{mediatest.CA2011}
	return f
}

func TestSecurity(t *testing.T) {
	for name, c := range map[string]struct {
		fields block
		facts  *media.Facts
		want   security
	}{
		"a server has neither":          {nil, signed(server2025), security{}},
		"a server that is asked to":     {block{"vtpm": true, "secure_boot": true}, signed(server2022), security{TPM: true, SecureBoot: true}},
		"Windows 11 has both":           {block{"edition": "Professional"}, signed(windows11), security{TPM: true, SecureBoot: true, Demanded: true}},
		"lab_config spares both":        {block{"edition": "Professional", "lab_config": true}, signed(windows11), security{}},
		"lab_config and a TPM":          {block{"edition": "Professional", "lab_config": true, "vtpm": true}, signed(windows11), security{TPM: true}},
		"lab_config on an unsigned ISO": {block{"edition": "Professional", "lab_config": true}, facts(windows11), security{}},
		"apply spares both":             {block{"edition": "Professional", "install_method": "apply"}, signed(windows11), security{}},
		"BIOS has neither":              {block{"edition": "Professional", "lab_config": true, "firmware": "bios"}, signed(windows11), security{}},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := planFor(t, c.fields, c.facts, driverISO{})
			if err != nil {
				t.Fatal(err)
			}
			if p.Security != c.want {
				t.Errorf("%+v, want %+v", p.Security, c.want)
			}
		})
	}
}

func TestSecurityNeedsUEFI(t *testing.T) {
	_, _, err := prepare(t, with(block{"firmware": "bios", "vtpm": true, "secure_boot": true}))
	for _, want := range []string{"vtpm: true, but Windows uses a TPM 2.0 under UEFI only", "secure_boot: true, but a BIOS has no Secure Boot"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in: %v", want, err)
		}
	}
	if _, _, err := prepare(t, with(block{"firmware": "bios", "vtpm": false, "secure_boot": false})); err != nil {
		t.Error(err)
	}
}

func TestSecurityThatTheHostLacks(t *testing.T) {
	for name, c := range map[string]struct {
		security security
		caps     libvirtapi.DomainCaps
		want     []string
	}{
		"nothing is wanted":    {security{}, libvirtapi.DomainCaps{}, nil},
		"everything is there":  {security{TPM: true, SecureBoot: true}, libvirtapi.DomainCaps{TPM: true, SecureBoot: true}, nil},
		"asked for":            {security{TPM: true, SecureBoot: true}, libvirtapi.DomainCaps{}, []string{"vtpm: ", "install swtpm", "or set vtpm = false", "secure_boot: ", "ovmf", "or set secure_boot = false"}},
		"Windows 11 and swtpm": {security{TPM: true, SecureBoot: true, Demanded: true}, libvirtapi.DomainCaps{SecureBoot: true}, []string{"vtpm: ", "install swtpm", "lab_config = true"}},
	} {
		t.Run(name, func(t *testing.T) {
			err := errors.Join(c.security.offered(c.caps)...)
			if (err == nil) != (c.want == nil) {
				t.Fatal(err)
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q is not in: %v", want, err)
				}
			}
		})
	}
}

func TestNewSignerIsAWarning(t *testing.T) {
	for signer, want := range map[string]bool{mediatest.CA2011: false, mediatest.CA2023: true} {
		f := facts(windows11)
		f.Boot.Signers = []string{signer}
		p, err := planFor(t, block{"edition": "Professional"}, f, driverISO{})
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(strings.Join(p.Warnings, "\n"), "secure_boot: the ISO's boot image"); got != want {
			t.Errorf("%s: warnings %q", signer, p.Warnings)
		}
	}
}
