package model

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"software.sslmate.com/src/go-pkcs12"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/answerfile"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/beacon"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/guest"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/handoff"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/windows"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/windows/model/disktest"
)

const (
	testPassword = "Tr0ub4dor&3-secret"
	testBuildID  = "build-1"
)

// world is a machine with an answer disc, played without a VM.
type world struct {
	t *testing.T
	*Model
	systemDisk
	root    string
	disc    fstest.MapFS
	devices []PCIDevice
	faults  windows.Faults
	trim    error // what Trim answers
	der     []byte
	params  answerfile.BootstrapParameters

	mu      sync.Mutex
	beacons []string
	open    bool
	closing func() // what StopWinRM waits for
	drops   int
	power   chan string
}

func (w *world) Trim() error { return w.trim }

func (w *world) Beacon(e beacon.Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.beacons = append(w.beacons, e.Stage+" "+string(e.State))
}
func (w *world) Root() string                    { return w.root }
func (w *world) Discs() map[string]fs.FS         { return map[string]fs.FS{"D": fstest.MapFS{}, "E": w.disc} }
func (w *world) Devices() []PCIDevice            { return w.devices }
func (w *world) NetworkUp(context.Context) error { return nil }
func (w *world) DropLink(context.Context) error  { w.drops++; return nil }
func (w *world) StartWinRM(c tls.Certificate, port int) error {
	if port != 5986 || !bytes.Equal(c.Certificate[0], w.der) || c.PrivateKey == nil {
		return fmt.Errorf("StartWinRM: port %d", port)
	}
	w.open = true
	return nil
}

func (w *world) StopWinRM() {
	w.open = false
	if w.closing != nil {
		w.closing()
	}
}
func (w *world) Reboot()                { w.power <- "reboot" }
func (w *world) PowerOff()              { w.power <- "off" }
func (w *world) Faults() windows.Faults { return w.faults }
func (w *world) Logf(format string, args ...any) {
	w.t.Logf(format, args...)
}

// Run makes the world a guest.Runner: the stand-in's side of the wire.
func (w *world) Run(ctx context.Context, commandLine string, stdin io.Reader, stdout, _ io.Writer) (int, error) {
	if commandLine != guest.Launcher() {
		return 1, fmt.Errorf("not the launcher: %s", commandLine)
	}
	r, err := guest.DecodeRequest(stdin)
	if err != nil {
		return 1, err
	}
	_, err = io.WriteString(stdout, guest.EncodeResult(w.Answer(ctx, r)))
	return 0, err
}

func sum(b []byte) string { s := sha256.Sum256(b); return hex.EncodeToString(s[:]) }

var msiFiles sync.Map

// msiFile makes a real Windows Installer database.
func msiFile(t *testing.T, product, version string) []byte {
	if b, ok := msiFiles.Load(product); ok {
		return b.([]byte)
	}
	path := filepath.Join(t.TempDir(), "x.msi")
	args := []string{path, "-q", "CREATE TABLE `Property` (`Property` CHAR(72) NOT NULL, `Value` LONGCHAR NOT NULL LOCALIZABLE PRIMARY KEY `Property`)"}
	for name, value := range map[string]string{"ProductName": product, "ProductVersion": version, "ProductCode": "{" + product + "}"} {
		args = append(args, "INSERT INTO `Property` (`Property`, `Value`) VALUES ('"+name+"', '"+value+"')")
	}
	disktest.Run(t, "msitools", "msibuild", args...)
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	msiFiles.Store(product, b)
	return b
}

func certificateFor(t *testing.T, notBefore time.Time) (der, pfx []byte) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "packer"}, NotBefore: notBefore, NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	if der, err = x509.CreateCertificate(rand.Reader, template, template, key.Public(), key); err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	if pfx, err = pkcs12.LegacyDES.Encode(key, c, nil, "pfx"); err != nil {
		t.Fatal(err)
	}
	return der, pfx
}

func virtioDevices() []PCIDevice {
	return []PCIDevice{{0x1af4, 0x1042}, {0x1af4, 0x1048}, {0x1af4, 0x1041}, {0x1af4, 0x1043}, {0x8086, 0x2922}}
}

// newWorld is a Server 2022 that Setup has installed, at its first start.
func newWorld(t *testing.T, change ...func(*world, *Install)) *world {
	t.Helper()
	w := &world{t: t, root: t.TempDir(), devices: virtioDevices(), power: make(chan string, 4)}
	der, pfx := certificateFor(t, time.Now().Add(-48*time.Hour))
	w.der = der
	files := map[string][]byte{
		"wintemplate/tools/virtio-win-gt-x64.msi":        msiFile(t, "Virtio-win-driver-installer", "0.1.285"),
		"wintemplate/tools/qemu-ga-x86_64.msi":           msiFile(t, "QEMU guest agent", "109.1.0"),
		"wintemplate/payload/CloudbaseInitSetup_x64.msi": msiFile(t, "Cloudbase-Init 1.1.8", "1.1.8"),
		answerfile.CertificatePath:                       pfx,
	}
	var manifest handoff.DiscManifest
	w.disc = fstest.MapFS{answerfile.BootstrapPath: {Data: answerfile.BootstrapScript()}}
	for name, b := range files {
		w.disc[name] = &fstest.MapFile{Data: b}
		if err := manifest.Add(name, bytes.NewReader(b)); err != nil {
			t.Fatal(err)
		}
	}
	encoded, digest := manifest.Encode()
	w.disc[answerfile.ManifestPath] = &fstest.MapFile{Data: encoded}
	tool := func(name string) answerfile.DiscFile {
		return answerfile.DiscFile{Path: "wintemplate/tools/" + name, SHA256: sum(files["wintemplate/tools/"+name])}
	}
	w.params = answerfile.BootstrapParameters{
		Proxy:   &answerfile.BootstrapProxy{Server: "proxy.example:3128", Bypass: []string{"*.example"}},
		Version: answerfile.BootstrapVersion, BuildID: testBuildID, ManifestSHA256: digest, Server: true,
		Certificate: answerfile.BootstrapCertificate{Path: answerfile.CertificatePath, Password: "pfx", SHA256: sum(der)},
		Installers: []answerfile.Installer{
			{Stage: answerfile.StageDrivers, DiscFile: tool("virtio-win-gt-x64.msi"), Services: []string{"viostor", "vioscsi", "netkvm"}},
			{Stage: answerfile.StageAgent, DiscFile: tool("qemu-ga-x86_64.msi"), Services: []string{"QEMU-GA"}},
		},
	}
	install := Install{
		Build: 20348, EditionID: "ServerStandard", ProductName: "Windows Server 2022 Standard", InstallationType: "Server",
		Language: "ko-KR", Firmware: "uefi", ComputerName: "WIN-BUILD", TimeZone: "Korea Standard Time",
		AdministratorPassword: testPassword, AutoLogon: &AutoLogon{User: "Administrator", Password: testPassword, Count: 1},
		Drivers: []Driver{{Name: "viostor"}, {Name: "vioscsi"}, {Name: "netkvm"}, {Name: "vioser"}}, Devices: w.devices,
		Registry: buildRegistry(true),
	}
	for _, f := range change {
		f(w, &install)
	}
	w.writeParameters()
	m, err := New(install)
	if err != nil {
		t.Fatal(err)
	}
	m.CompleteSetup()
	w.Model = m
	w.restart()
	return w
}

// buildRegistry is what the answer file sets in the specialize pass.
func buildRegistry(server bool) []RegValue {
	var list []RegValue
	for _, s := range answerfile.BuildSettings() {
		if s.Kind == answerfile.RegistryValue && s.Applies(server) && (s.By == answerfile.SetBySpecialize || s.By == answerfile.SetByComponent) {
			list = append(list, RegValue{Key: s.Key, Name: s.Name, Type: s.Type, Data: s.Data})
		}
	}
	return list
}

func (w *world) writeParameters() {
	b, err := json.Marshal(w.params)
	if err != nil {
		w.t.Fatal(err)
	}
	w.disc[answerfile.BootstrapParametersPath] = &fstest.MapFile{Data: b}
}

// restart saves, as the host does, and starts Windows from its hives again.
func (w *world) restart() {
	w.t.Helper()
	if err := w.Save(w.root); err != nil {
		w.t.Fatal(err)
	}
	m, err := Load(w.root)
	if err != nil {
		w.t.Fatal(err)
	}
	w.Model, w.open = m, false
	if err := m.Boot(w); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) bootstrap() {
	w.t.Helper()
	if user, ok := w.AutoLogon(); !ok || user != "Administrator" {
		w.t.Fatalf("AutoLogon: %q %t", user, ok)
	}
	if err := w.Bootstrap(context.Background()); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) session() *guest.Session { return guest.NewSession(w) }

func (w *world) awaitPower(want string) {
	w.t.Helper()
	select {
	case got := <-w.power:
		if got != want {
			w.t.Fatalf("power: %s, want %s", got, want)
		}
	case <-time.After(2 * time.Minute):
		w.t.Fatalf("no %s", want)
	}
}

func (w *world) said(stage string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return strings.Contains("\n"+strings.Join(w.beacons, "\n")+"\n", "\n"+stage+"\n")
}
