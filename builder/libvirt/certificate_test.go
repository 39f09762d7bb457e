package libvirt

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func testCertificate(t *testing.T) *certificate {
	t.Helper()
	c, err := newCertificate(rand.Reader, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func openssl(t *testing.T, args ...string) string {
	t.Helper()
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Fatal("openssl is not installed; Debian package openssl")
	}
	out, err := exec.Command("openssl", args...).CombinedOutput()
	if err != nil {
		t.Fatalf("openssl %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// TestCertificate has OpenSSL judge the file that Windows will import.
func TestCertificate(t *testing.T) {
	now := time.Now()
	c, err := newCertificate(rand.Reader, now)
	if err != nil {
		t.Fatal(err)
	}
	pfx := filepath.Join(t.TempDir(), "winrm.pfx")
	if err := os.WriteFile(pfx, c.PFX, 0o600); err != nil {
		t.Fatal(err)
	}
	info := openssl(t, "pkcs12", "-in", pfx, "-passin", "pass:"+c.Password, "-info", "-nodes")
	for _, want := range []string{"MAC: sha1", "pbeWithSHA1And3-KeyTripleDES-CBC", "BEGIN PRIVATE KEY"} {
		if !strings.Contains(info, want) {
			t.Errorf("openssl does not say %q of the PFX:\n%s", want, info)
		}
	}
	if strings.Contains(info, "PBES2") {
		t.Error("the PFX uses PBES2, which Server 2016 calls a wrong password")
	}

	_, text, _ := strings.Cut(info, "-----BEGIN CERTIFICATE")
	block, _ := pem.Decode([]byte("-----BEGIN CERTIFICATE" + text))
	if block == nil {
		t.Fatalf("openssl shows no certificate:\n%s", info)
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	if sha256.Sum256(cert.Raw) != c.Pin {
		t.Error("the pin is not that of the certificate in the PFX")
	}
	if cert.PublicKeyAlgorithm != x509.RSA || len(cert.DNSNames) != 1 || cert.DNSNames[0] != "packer" || cert.Subject.CommonName != "packer" {
		t.Errorf("%s, names %v, subject %s", cert.PublicKeyAlgorithm, cert.DNSNames, cert.Subject)
	}
	if len(cert.ExtKeyUsage) != 1 || cert.ExtKeyUsage[0] != x509.ExtKeyUsageServerAuth {
		t.Errorf("extended key usage %v", cert.ExtKeyUsage)
	}
	if got := now.Sub(cert.NotBefore); got < 48*time.Hour || got > 49*time.Hour {
		t.Errorf("valid since %s ago; a guest whose clock is behind refuses it", got)
	}
	if got := cert.NotAfter.Sub(now); got < 29*24*time.Hour {
		t.Errorf("valid for %s", got)
	}
}
