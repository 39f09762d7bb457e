package libvirt

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"fmt"
	"io"
	"math/big"
	"time"

	"github.com/hashicorp/packer-plugin-sdk/multistep"
	"software.sslmate.com/src/go-pkcs12"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/redact"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/stepkit"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/winrm"
)

// certificate is what WinRM in the guest shows for this one build.
type certificate struct {
	PFX      []byte
	Password string // of the PFX
	DER      []byte
	Pin      winrm.Pin
}

// Hex is the pin as text.
func (c *certificate) Hex() string { return hex.EncodeToString(c.Pin[:]) }

const (
	// backdated covers a guest whose clock is a time zone or a day behind:
	// WinRM refuses a certificate that is not yet valid.
	backdated = 48 * time.Hour
	validFor  = 30 * 24 * time.Hour
)

// newCertificate makes a key and a self-signed certificate. The PFX is
// encrypted by PBE-SHA1-3DES: before Windows 10 1709 and Server 2019,
// Windows calls anything newer a wrong password (ansible.windows#582,
// openssl#27035). It only crosses the build's own answer disc.
func newCertificate(random io.Reader, now time.Time) (*certificate, error) {
	key, err := rsa.GenerateKey(random, 2048)
	if err != nil {
		return nil, fmt.Errorf("key of the WinRM certificate: %w", err)
	}
	serial, err := rand.Int(random, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, fmt.Errorf("serial number of the WinRM certificate: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: "packer"},
		DNSNames:     []string{"packer"},
		NotBefore:    now.Add(-backdated),
		NotAfter:     now.Add(validFor),
		KeyUsage:     x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(random, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, fmt.Errorf("the WinRM certificate: %w", err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("the WinRM certificate: %w", err)
	}
	var secret [16]byte
	if _, err := io.ReadFull(random, secret[:]); err != nil {
		return nil, fmt.Errorf("password of the WinRM certificate: %w", err)
	}
	c := &certificate{Password: hex.EncodeToString(secret[:]), DER: der, Pin: sha256.Sum256(der)}
	redact.Add(c.Password)
	if c.PFX, err = pkcs12.LegacyDES.Encode(key, leaf, nil, c.Password); err != nil {
		return nil, fmt.Errorf("the WinRM certificate as PFX: %w", err)
	}
	return c, nil
}

// stepCertificate makes the certificate that the guest's WinRM will show, so
// that the connection can be pinned to it from the first byte on.
type stepCertificate struct{}

func (s *stepCertificate) Title() string { return "Making this build's WinRM certificate" }

func (s *stepCertificate) Run(ctx context.Context, bag multistep.StateBag) multistep.StepAction {
	return stepkit.Run(ctx, bag, s)
}

func (s *stepCertificate) Cleanup(bag multistep.StateBag) { stepkit.Cleanup(bag, s) }

func (s *stepCertificate) Do(_ context.Context, bag multistep.StateBag) error {
	c, err := newCertificate(rand.Reader, time.Now())
	if err != nil {
		return err
	}
	theCertificate.Put(bag, c)
	return nil
}
