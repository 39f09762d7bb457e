package model

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"path"
	"sort"
	"strings"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/beacon"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/guest"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/handoff"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/regf"
)

func (m *Model) driversVerify(_ context.Context, _ caller, p guest.DriversVerifyParameters) (guest.DriversVerifyResult, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := guest.DriversVerifyResult{Drivers: []guest.Driver{}, Devices: []guest.ProblemDevice{}, Problems: []string{}, Tools: m.installedVersion("Virtio-win-driver-installer")}
	problem := func(format string, args ...any) { r.Problems = append(r.Problems, fmt.Sprintf(format, args...)) }
	for _, name := range p.BootServices {
		d := m.driver(name)
		r.Drivers = append(r.Drivers, d)
		if !d.Present {
			problem("the storage driver %s is not installed", name)
		} else if d.Start != startBoot {
			problem("the storage driver %s has Start=%d, not 0: it was never bound to a device", name, d.Start)
		}
	}
	for _, name := range p.Services {
		d := m.driver(name)
		r.Drivers = append(r.Drivers, d)
		if !d.Present {
			problem("the driver %s is not installed", name)
		}
	}
	for _, id := range m.unboundDevices() {
		r.Devices = append(r.Devices, guest.ProblemDevice{ID: id, Code: 28}) // CM_PROB_FAILED_INSTALL
		problem("the device %s has problem code 28", id)
	}
	r.OK = len(r.Problems) == 0
	return r, false, nil
}

func (m *Model) driver(name string) guest.Driver {
	d := guest.Driver{Name: name, Start: m.serviceStart(name)}
	image, _ := m.controlSet().Text(servicesKey+`\`+name, "ImagePath")
	if image == "" {
		return d
	}
	rest := strings.TrimPrefix(image, `\SystemRoot\`)
	d.File = `C:\Windows\` + rest
	if d.Present = m.disk.exists(`Windows\` + rest); d.Present {
		for _, k := range m.system.Create(driverStoreKey).Subkeys() {
			if s, _ := k.Text("", "Service"); strings.EqualFold(s, name) {
				d.Version, _ = k.Text("", "Version")
			}
		}
	}
	return d
}

func (m *Model) driversInstall(ctx context.Context, _ caller, p guest.InstallParameters) (guest.InstallResult, bool, error) {
	m.beacon("guest.drivers.install", "start", "")
	install := func() (int, string, error) { return m.installPackage(ctx, p, "virtio-win") }
	if strings.EqualFold(winExt(p.Path), ".inf") {
		install = func() (int, string, error) { return m.pnputil(ctx, p) }
	}
	exit, log, err := install()
	if err != nil {
		return guest.InstallResult{}, false, err
	}
	m.beacon("guest.drivers.install", "ok", "")
	m.mu.Lock()
	defer m.mu.Unlock()
	return guest.InstallResult{ExitCode: exit, Log: log, Version: m.installedVersion("Virtio-win-driver-installer")}, wantsReboot(exit), nil
}

func (m *Model) agentInstall(ctx context.Context, _ caller, p guest.InstallParameters) (guest.InstallResult, bool, error) {
	exit, log, err := m.installPackage(ctx, p, "qemu-ga")
	if err != nil {
		return guest.InstallResult{}, false, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return guest.InstallResult{ExitCode: exit, Log: log, Version: m.installedVersion("QEMU guest agent")}, wantsReboot(exit), nil
}

func (m *Model) agentVerify(_ context.Context, _ caller, _ guest.None) (guest.AgentVerifyResult, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := guest.AgentVerifyResult{Version: m.installedVersion("QEMU guest agent"), Services: []guest.Service{}, Problems: []string{}}
	for _, name := range []string{agentService, agentVSSService} {
		start := m.serviceStart(name)
		r.Services = append(r.Services, guest.Service{Name: name, Present: start >= 0, Running: m.serviceRunning(name), Start: start})
		switch start {
		case -1:
			r.Problems = append(r.Problems, "the service "+name+" is not installed")
		case startDisabled:
			r.Problems = append(r.Problems, "the service "+name+" is disabled")
		}
	}
	r.OK = len(r.Problems) == 0
	return r, false, nil
}

func (m *Model) cloudbaseInstall(ctx context.Context, _ caller, p guest.InstallParameters) (guest.CloudbaseInstallResult, bool, error) {
	var r guest.CloudbaseInstallResult
	m.beacon(beacon.CloudbaseInstall, beacon.Start, "")
	m.mu.Lock()
	present := m.serviceStart(cloudbaseService) >= 0
	m.mu.Unlock()
	if !present {
		exit, log, err := m.installPackage(ctx, p, "cloudbase-init")
		if err != nil {
			return r, false, err
		}
		r.ExitCode, r.Log = exit, log
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.serviceStart(cloudbaseService) < 0 {
		return r, false, failure("no-service", "the installation ended with %d, but there is no service cloudbase-init; is %s cloudbase-init's installer?", r.ExitCode, p.Path)
	}
	m.setServiceStart(cloudbaseService, startDisabled, false)
	m.setServiceRunning(cloudbaseService, false)
	r.Version, r.Folder, r.ServiceStart = m.installedVersion("Cloudbase-Init"), `C:\`+cloudbaseFolder, m.serviceStart(cloudbaseService)
	m.beacon(beacon.CloudbaseInstall, beacon.OK, "")
	return r, wantsReboot(r.ExitCode), nil
}

func (m *Model) cloudbaseConfigure(_ context.Context, _ caller, p guest.CloudbaseConfigureParameters) (guest.CloudbaseConfigureResult, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var r guest.CloudbaseConfigureResult
	const folder = cloudbaseFolder + `\conf`
	if !m.disk.exists(folder) {
		return r, false, failure("not-installed", `C:\%s is not there; cloudbase-init is not installed`, folder)
	}
	r.ConfPath, r.UnattendConfPath = `C:\`+folder+`\cloudbase-init.conf`, `C:\`+folder+`\cloudbase-init-unattend.conf`
	for _, f := range []struct {
		path, text string
		sum        *string
	}{{r.ConfPath, p.Conf, &r.ConfSHA256}, {r.UnattendConfPath, p.UnattendConf, &r.UnattendConfSHA256}} {
		text := ascii(f.text) // Set-Content -Encoding ASCII
		if err := m.disk.write(f.path[3:], text); err != nil {
			return r, false, err
		}
		*f.sum = digest(text)
	}
	if r.ServiceStart = m.serviceStart(cloudbaseService); r.ServiceStart != startDisabled {
		return r, false, failure("not-disabled", "the service cloudbase-init has Start=%d, expected 4 (disabled): only the seal may arm it", r.ServiceStart)
	}
	r.LogBytes = m.disk.size(cloudbaseLog)
	return r, false, nil
}

func (m *Model) cloudbaseVerify(_ context.Context, _ caller, _ guest.None) (guest.CloudbaseVerifyResult, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	start := m.serviceStart(cloudbaseService)
	r := guest.CloudbaseVerifyResult{Installed: start >= 0, Version: m.installedVersion("Cloudbase-Init"), ServiceStart: start}
	r.LogBytes = m.disk.size(cloudbaseLog)
	for name, text := range map[string]*string{"cloudbase-init.conf": &r.Conf, "cloudbase-init-unattend.conf": &r.UnattendConf} {
		if b, err := m.disk.read(cloudbaseFolder + `\conf\` + name); err == nil {
			*text = string(b)
		}
	}
	return r, false, nil
}

// confirmPackage is what every installation begins with.
func (m *Model) confirmPackage(p guest.InstallParameters) error {
	for _, f := range append([]guest.PayloadFile{{Path: p.Path, SHA256: p.SHA256}}, p.Beside...) {
		b, err := m.file(f.Path)
		if err != nil {
			return failure("not-found", "%s is not there; is the disc still in the drive?", f.Path)
		}
		if sum := digest(b); f.SHA256 != "" && sum != f.SHA256 {
			return failure("digest", "%s has SHA-256 %s, expected %s", f.Path, sum, f.SHA256)
		}
	}
	return nil
}

// installPackage is what the installing operations share.
func (m *Model) installPackage(ctx context.Context, p guest.InstallParameters, name string) (exit int, log string, err error) {
	if err := m.confirmPackage(p); err != nil {
		return 0, "", err
	}
	log = `C:\Windows\Temp\wintemplate-` + name + ".log"
	if exit = m.msiexec(ctx, p.Path, log, p.Properties); exit != msiSuccess && !wantsReboot(exit) {
		text, _ := m.file(log)
		return 0, "", &failed{guest.Failure{
			Code: "msi", Message: fmt.Sprintf("msiexec.exe ended with %d for %s; its log is %s in the guest", exit, p.Path, log), Detail: string(text),
		}}
	}
	return exit, log, nil
}

func wantsReboot(exit int) bool { return exit == msiRebootRequired || exit == msiRebootStarted }

// trustPublisher puts a certificate file into the machine's TrustedPublisher.
func (m *Model) trustPublisher(file string) error {
	b, err := m.file(file)
	if err != nil {
		return err
	}
	der, err := readCertificate(b)
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.software.Create(publisherStoreKey + `\` + thumbprint(der)).Set(regf.BinaryValue("Blob", certificateBlob(der, "")))
	return nil
}

func (m *Model) payloadFind(_ context.Context, _ caller, p guest.PayloadFindParameters) (guest.PayloadFindResult, bool, error) {
	r := guest.PayloadFindResult{Searched: []string{}, Offered: []string{}, Beside: []guest.PayloadFile{}}
	if p.ManifestSHA256 == "" && p.SHA256 == "" {
		return r, false, failure("unpinned", "there is neither a manifest of the disc nor a SHA-256 to know %s by", strings.Join(p.Patterns, ", "))
	}
	discs := m.host.Discs()
	letters := make([]string, 0, len(discs))
	for letter := range discs {
		letters = append(letters, letter)
	}
	sort.Strings(letters)
	for _, letter := range letters {
		r.Searched = append(r.Searched, letter+`:\`)
		want, err := m.candidates(discs[letter], p, &r)
		if err != nil {
			return r, false, err
		}
		names := make([]string, 0, len(want))
		for name := range want {
			names = append(names, name)
		}
		sort.Strings(names)
		for _, name := range ordered(names, p.Patterns) {
			file := letter + `:\` + strings.ReplaceAll(name, "/", `\`)
			b, err := fs.ReadFile(discs[letter], name)
			if err != nil {
				return r, false, failure("disc", "the disc's manifest names %s, and %s is not there", name, file)
			}
			sum := digest(b)
			if sum != want[name] {
				if p.ManifestSHA256 == "" {
					continue
				}
				return r, false, failure("digest", "%s has SHA-256 %s, the disc's manifest says %s", file, sum, want[name])
			}
			r.Found, r.Path, r.Name, r.Size, r.SHA256 = true, file, name, int64(len(b)), sum
			for _, other := range names {
				if p.ManifestSHA256 != "" && other != name && path.Dir(other) == path.Dir(name) {
					r.Beside = append(r.Beside, guest.PayloadFile{Path: letter + `:\` + strings.ReplaceAll(other, "/", `\`), SHA256: want[other]})
				}
			}
			return r, false, nil
		}
	}
	return r, false, nil
}

// candidates are the files of a disc with the digest that each must have.
func (m *Model) candidates(disc fs.FS, p guest.PayloadFindParameters, r *guest.PayloadFindResult) (map[string]string, error) {
	want := map[string]string{}
	if p.ManifestSHA256 != "" {
		b, _ := fs.ReadFile(disc, handoff.DiscManifestPath) // a disc without one is not ours
		if digest(b) != p.ManifestSHA256 {
			return want, nil
		}
		manifest, err := handoff.ParseDiscManifest(b)
		if err != nil {
			return nil, err
		}
		for _, f := range manifest.Files {
			if p.SHA256 == "" || f.SHA256 == p.SHA256 {
				want[f.Path] = f.SHA256
			}
			r.Offered = append(r.Offered, f.Path)
		}
		return want, nil
	}
	err := fs.WalkDir(disc, ".", func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			want[name] = p.SHA256
		}
		return nil // Get-ChildItem goes on past what it cannot read
	})
	return want, err
}

// ordered gives the names that match, those of the first pattern first.
func ordered(names, patterns []string) []string {
	var list []string
	taken := map[string]bool{}
	for _, pattern := range patterns {
		for _, name := range names {
			if !taken[name] && like(name, pattern) {
				taken[name] = true
				list = append(list, name)
			}
		}
	}
	return list
}

// like is PowerShell's -like: * matches anything, slashes too, and case does
// not matter.
func like(name, pattern string) bool {
	const slash = "\x01"
	ok, err := path.Match(strings.ToLower(strings.ReplaceAll(pattern, "/", slash)), strings.ToLower(strings.ReplaceAll(name, "/", slash)))
	return err == nil && ok
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// ascii is what Set-Content -Encoding ASCII makes of a text.
func ascii(s string) []byte {
	b := make([]byte, 0, len(s))
	for _, r := range s {
		if r > 0x7e {
			r = '?'
		}
		b = append(b, byte(r))
	}
	return b
}
