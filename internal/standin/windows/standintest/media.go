package standintest

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"

	"software.sslmate.com/src/go-pkcs12"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/answerfile"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/handoff"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/media"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/windows/discs"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/windows"
)

// Media makes the stand-in's media, or takes them from the cache.
func Media(t testing.TB, o discs.Options) *discs.Set {
	t.Helper()
	set, err := discs.Make(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// NoPrompt copies an installation ISO with the boot image that waits for no
// key.
func NoPrompt(t testing.TB, iso string) string {
	t.Helper()
	data, err := os.ReadFile(iso)
	if err != nil {
		t.Fatal(err)
	}
	image, err := media.Open(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	edit := image.Edit()
	if err := edit.NoPromptUEFI(); err != nil {
		t.Fatal(err)
	}
	plan, err := edit.Plan(media.Options{})
	if err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(t.TempDir(), "noprompt.iso")
	if err := os.WriteFile(out, data, 0o644); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(out, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := plan.Apply(f); err != nil {
		t.Fatal(err)
	}
	return out
}

// AnswerDisc is an answer disc and what a test needs to know of it.
type AnswerDisc struct {
	Path string
	// Files are what the disc holds.
	Files               []media.DiscFile
	User, Password      string
	Certificate         []byte   // DER of the WinRM certificate
	Pin                 [32]byte // its SHA-256
	Manifest            handoff.DiscManifest
	ManifestSHA256      string
	Answers             answerfile.Answers
	CertificateNotAfter time.Time
}

// AnswerOptions change what the answer disc says.
type AnswerOptions struct {
	Index    int // of the image; 2, the desktop Standard edition, when 0
	Firmware answerfile.Firmware
	// Change is applied to the answers before they are rendered.
	Change func(*answerfile.Answers)
	// Autounattend replaces the answer file's text.
	Autounattend func([]byte) []byte
	// NoDrivers leaves the drivers away.
	NoDrivers bool
}

// MakeAnswerDisc makes the disc that the plugin would make for the media.
func MakeAnswerDisc(t testing.TB, set *discs.Set, o AnswerOptions) *AnswerDisc {
	t.Helper()
	if o.Index == 0 {
		o.Index = 2
	}
	if o.Firmware == "" {
		o.Firmware = answerfile.UEFI
	}
	image, closer, err := media.OpenFile(set.InstallISO)
	check(t, err)
	defer closer.Close()
	facts, err := image.Inspect()
	check(t, err)
	chosen, err := facts.Resolve(media.Wish{ImageIndex: o.Index})
	check(t, err)
	product, err := windows.ProductOf(chosen.Build, chosen.InstallationType)
	check(t, err)
	password, err := windows.RandomPassword(rand.Reader, "Administrator")
	check(t, err)
	d := &AnswerDisc{Password: password}
	d.Answers = answerfile.Answers{
		Product: product, Firmware: o.Firmware, AdministratorPassword: password, Language: chosen.DefaultLanguage,
		Image: answerfile.Image{
			Index: chosen.Index, EditionID: chosen.EditionID, Architecture: chosen.Architecture, Languages: chosen.Languages,
			DefaultLanguage: chosen.DefaultLanguage, SetupLanguages: facts.UILanguages,
			Channel: answerfile.Channel(facts.Channel), Editions: len(facts.Images),
		},
	}
	if o.Change != nil {
		o.Change(&d.Answers)
	}
	d.User, _, err = d.Answers.LogonAccount()
	check(t, err)
	d.write(t, set, o)
	return d
}

func (d *AnswerDisc) write(t testing.TB, set *discs.Set, o AnswerOptions) {
	t.Helper()
	drivers, closer, err := media.OpenDrivers(set.DriversISO)
	check(t, err)
	t.Cleanup(func() { closer.Close() }) // d.Files are read from it
	parameters, err := answerfile.NewBootstrapParameters(d.Answers, "standin-test")
	check(t, err)
	pfx, leaf := certificate(t, "pfx-password")
	d.Certificate, d.Pin = leaf.Raw, sha256.Sum256(leaf.Raw)
	parameters.Certificate = answerfile.BootstrapCertificate{
		Path: answerfile.CertificatePath, Password: "pfx-password", SHA256: hex.EncodeToString(d.Pin[:]),
	}
	xml, err := answerfile.Autounattend(d.Answers)
	check(t, err)
	if o.Autounattend != nil {
		xml = o.Autounattend(xml)
	}
	files := []media.DiscFile{
		media.BytesFile(answerfile.BootstrapPath, answerfile.BootstrapScript()),
		media.BytesFile(answerfile.CertificatePath, pfx),
	}
	for _, tool := range []struct{ from, to, stage string }{
		{"virtio-win-gt-x64.msi", "wintemplate/tools/virtio-win-gt-x64.msi", answerfile.StageDrivers},
		{"guest-agent/qemu-ga-x86_64.msi", "wintemplate/tools/qemu-ga-x86_64.msi", answerfile.StageAgent},
	} {
		file, err := drivers.File(tool.from)
		check(t, err)
		file.Path = tool.to
		files = append(files, file)
		parameters.Installers = append(parameters.Installers, answerfile.Installer{
			Stage: tool.stage, DiscFile: answerfile.DiscFile{Path: tool.to, SHA256: digest(t, file)},
		})
	}
	payload, err := media.LocalFile("wintemplate/payload/CloudbaseInitSetup_x64.msi", set.CloudbaseInstaller)
	check(t, err)
	files = append(files, payload)
	if !o.NoDrivers {
		files = append(files, driverFiles(t, drivers, d.Answers.Product)...)
	}
	for _, f := range files {
		r, err := f.Open()
		check(t, err)
		check(t, d.Manifest.Add(f.Path, r))
		r.Close()
	}
	manifest, sum := d.Manifest.Encode()
	d.ManifestSHA256, parameters.ManifestSHA256 = sum, sum
	encoded, err := parameters.Encode()
	check(t, err)
	files = append(files,
		media.BytesFile(answerfile.ManifestPath, manifest),
		media.BytesFile(answerfile.BootstrapParametersPath, encoded),
		media.BytesFile(answerfile.AutounattendPath, xml))
	d.Files = files
	d.Path = filepath.Join(t.TempDir(), "answer.iso")
	check(t, media.WriteAnswerDisc(context.Background(), d.Path, "WINTEMPLATE", files))
}

// driverFiles are the four drivers in the place that the product's Setup takes
// them from.
func driverFiles(t testing.TB, drivers *media.Drivers, product windows.Product) []media.DiscFile {
	t.Helper()
	at := "drivers"
	if product.DriversIn() != windows.DriverPaths {
		at = "$WinPEDriver$"
	}
	var files []media.DiscFile
	for _, name := range []string{"viostor", "vioscsi", "NetKVM", "vioserial"} {
		folder, err := drivers.Folder(name, product.DriverDirs(), "amd64")
		check(t, err)
		for _, f := range folder.Files {
			f.Path = at + "/" + folder.Driver + "/" + f.Path
			files = append(files, f)
		}
	}
	return files
}

func digest(t testing.TB, f media.DiscFile) string {
	t.Helper()
	r, err := f.Open()
	check(t, err)
	defer r.Close()
	var m handoff.DiscManifest
	check(t, m.Add("x", r))
	return m.Files[0].SHA256
}

// certificate makes a WinRM certificate as a PFX that Server 2016 reads.
func certificate(t testing.TB, password string) ([]byte, *x509.Certificate) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	check(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()),
		Subject:      pkix.Name{CommonName: "packer"},
		DNSNames:     []string{"packer"},
		NotBefore:    time.Now().Add(-48 * time.Hour),
		NotAfter:     time.Now().Add(30 * 24 * time.Hour),
		KeyUsage:     x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	check(t, err)
	leaf, err := x509.ParseCertificate(der)
	check(t, err)
	pfx, err := pkcs12.LegacyDES.Encode(key, leaf, nil, password)
	check(t, err)
	return pfx, leaf
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
