package model

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/answerfile"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/beacon"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/handoff"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/regf"
)

// ErrNoDisc says that no disc carries the bootstrap.
var ErrNoDisc = errors.New("no disc holds wintemplate/bootstrap.ps1: is the answer disc in a drive?")

// Bootstrap does what the bootstrap script on the answer disc does. A step that
// fails sends the beacon that the script sends, and is returned.
func (m *Model) Bootstrap(ctx context.Context) error {
	letter, disc, err := m.answerDisc()
	if err != nil {
		return err
	}
	b := &bootstrap{Model: m, letter: letter, disc: disc}
	m.beacon(beacon.Bootstrap, beacon.Start, "")
	if err := b.run(ctx); err != nil {
		m.beacon(b.stage, beacon.Fail, err.Error())
		return fmt.Errorf("%s: %w", b.stage, err)
	}
	return nil
}

// answerDisc looks through the drives in the order of their letters, as the
// first-logon command does.
func (m *Model) answerDisc() (string, fs.FS, error) {
	discs := m.host.Discs()
	letters := make([]string, 0, len(discs))
	for letter := range discs {
		letters = append(letters, letter)
	}
	slices.Sort(letters)
	for _, letter := range letters {
		script, err := fs.ReadFile(discs[letter], answerfile.BootstrapPath)
		if err != nil {
			continue
		}
		if !bytes.Equal(script, answerfile.BootstrapScript()) {
			return "", nil, fmt.Errorf(`%s:\%s is not the plugin's own script, and the stand-in runs no PowerShell`, letter, answerfile.BootstrapPath)
		}
		return letter, discs[letter], nil
	}
	return "", nil, ErrNoDisc
}

// bootstrap is one run.
type bootstrap struct {
	*Model
	letter string
	disc   fs.FS
	stage  string // for the beacon of a failure
	params answerfile.BootstrapParameters
}

func (b *bootstrap) run(ctx context.Context) error {
	b.stage = beacon.Bootstrap
	if err := b.readParameters(); err != nil {
		return err
	}
	if err := b.Model.disk.write(strings.TrimPrefix(answerfile.BootstrapLog, `C:\`), []byte("stand-in bootstrap "+b.params.BuildID+"\r\n")); err != nil {
		return err
	}
	b.closeWinRM()
	for _, certificate := range b.params.TrustedPublishers {
		file, err := b.verified(certificate)
		if err != nil {
			return err
		}
		if err := b.trustPublisher(file); err != nil {
			return fmt.Errorf("certutil.exe: %s: %w", file, err)
		}
	}
	for _, i := range b.params.Installers {
		if err := b.install(ctx, i); err != nil {
			return err
		}
	}
	if len(b.params.Commands) > 0 {
		b.beacon(beacon.Bootstrap, beacon.Info, fmt.Sprintf("%d commands of the user are not run by the stand-in", len(b.params.Commands)))
	}
	if err := b.network(ctx); err != nil {
		return err
	}
	if err := b.openDoors(); err != nil {
		return err
	}
	return b.ready()
}

func (b *bootstrap) readParameters() error {
	raw, err := fs.ReadFile(b.disc, answerfile.BootstrapParametersPath)
	if err != nil {
		return err
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(&b.params); err != nil {
		return fmt.Errorf("%s: %w", answerfile.BootstrapParametersPath, err)
	}
	if b.params.Version != answerfile.BootstrapVersion {
		return fmt.Errorf("%s has version %d, expected %d", answerfile.BootstrapParametersPath, b.params.Version, answerfile.BootstrapVersion)
	}
	manifest, err := fs.ReadFile(b.disc, answerfile.ManifestPath)
	if err != nil {
		return err
	}
	if sum := digest(manifest); sum != b.params.ManifestSHA256 {
		return fmt.Errorf("%s has SHA-256 %s, expected %s", answerfile.ManifestPath, sum, b.params.ManifestSHA256)
	}
	_, err = handoff.ParseDiscManifest(manifest)
	return err
}

// verified gives the Windows path of a file of the disc whose digest is right.
func (b *bootstrap) verified(f answerfile.DiscFile) (string, error) {
	name := path.Clean(f.Path)
	content, err := fs.ReadFile(b.disc, name)
	if err != nil {
		return "", err
	}
	file := b.letter + `:\` + strings.ReplaceAll(name, "/", `\`)
	if sum := digest(content); sum != f.SHA256 {
		return "", fmt.Errorf("%s has SHA-256 %s, expected %s", file, sum, f.SHA256)
	}
	return file, nil
}

func (b *bootstrap) install(ctx context.Context, i answerfile.Installer) error {
	b.stage = beacon.Bootstrap + "." + i.Stage
	b.beacon(b.stage, beacon.Start, "")
	file, err := b.verified(i.DiscFile)
	if err != nil {
		return err
	}
	if !strings.EqualFold(path.Ext(i.Path), ".msi") {
		return fmt.Errorf("%s is no .msi, and the stand-in runs no programs", file)
	}
	codes := i.SuccessCodes
	if len(codes) == 0 {
		codes = []int{msiSuccess, msiRebootRequired, msiRebootStarted}
	}
	exit := b.msiexec(ctx, file, fmt.Sprintf(`C:\Windows\Temp\wintemplate-%s.log`, i.Stage), i.Arguments)
	if !slices.Contains(codes, exit) {
		return fmt.Errorf("msiexec.exe ended with %d for %s", exit, file)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, name := range i.Services {
		if b.serviceStart(name) < 0 {
			return fmt.Errorf("msiexec.exe ended with %d for %s, but there is no service %s", exit, file, name)
		}
	}
	b.beacon(b.stage, beacon.OK, "")
	return nil
}

// closeWinRM keeps anybody from coming before the bootstrap is done: servers
// listen on 5985 from the start.
func (b *bootstrap) closeWinRM() {
	b.mu.Lock()
	defer b.mu.Unlock()
	rules := b.controlSet().Create(firewallRulesKey)
	for _, v := range rules.Values() {
		if strings.HasPrefix(v.Name, "WINRM-HTTP-In-TCP") {
			rules.Set(regf.StringValue(v.Name, strings.ReplaceAll(v.String(), "|Active=TRUE|", "|Active=FALSE|")))
		}
	}
}

func (b *bootstrap) network(ctx context.Context) error {
	b.stage = beacon.BootstrapNetwork
	b.beacon(b.stage, beacon.Start, "")
	wait := b.params.Network.WaitSeconds
	if wait == 0 {
		wait = 600
	}
	ctx, cancel := context.WithTimeout(ctx, time.Duration(wait)*time.Second)
	defer cancel()
	if err := b.host.NetworkUp(ctx); err != nil {
		return fmt.Errorf("no network adapter has an address after %d s: %w", wait, err)
	}
	b.beacon(b.stage, beacon.OK, "")
	return nil
}

// openDoors configures WinRM; the firewall is opened last.
func (b *bootstrap) openDoors() error {
	b.stage = beacon.BootstrapWinRM
	b.beacon(b.stage, beacon.Start, "")
	pfx, err := fs.ReadFile(b.disc, path.Clean(b.params.Certificate.Path))
	if err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	der, err := b.importPFX(pfx, b.params.Certificate.Password)
	if err != nil {
		return err
	}
	if sum := digest(der); sum != strings.ToLower(b.params.Certificate.SHA256) {
		return fmt.Errorf("the certificate in %s has SHA-256 %s, expected %s", b.params.Certificate.Path, sum, b.params.Certificate.SHA256)
	}
	w := b.params.WinRM
	port, rule := w.Port, w.FirewallRule
	if port == 0 {
		port = 5986
	}
	if rule == "" {
		rule = "wintemplate-winrm"
	}
	b.removeListener("HTTP")
	if err := b.addListener(der, port); err != nil {
		return fmt.Errorf("WinRM refuses the listener: %w", err)
	}
	b.software.SetDWord(wsmanKey+`\Service`, "auth_basic", 1)
	b.software.SetDWord(currentVersionKey+`\Policies\System`, "LocalAccountTokenFilterPolicy", 1)
	for item, n := range map[string]int{
		"MaxTimeoutms": w.MaxTimeoutMS, `Shell\MaxMemoryPerShellMB`: w.MaxMemoryPerShellMB,
		`Shell\MaxProcessesPerShell`: w.MaxProcessesPerShell, `Shell\MaxShellsPerUser`: w.MaxShellsPerUser,
	} {
		if n == 0 {
			continue
		}
		if err := b.setWSMan(item, fmt.Sprint(n)); err != nil {
			return err
		}
	}
	b.setServiceStart("WinRM", startAuto, true)
	b.setServiceRunning("WinRM", true)
	b.controlSet().Create(firewallRulesKey).Set(regf.StringValue(rule, firewallRule(true, fmt.Sprint(port), "Domain|Profile=Private|Profile=Public")))
	b.beacon(b.stage, beacon.OK, "")
	return nil
}

func (b *bootstrap) ready() error {
	b.stage = beacon.BootstrapReady
	marker, err := json.Marshal(answerfile.BootstrapDone{
		Version: answerfile.BootstrapVersion, BuildID: b.params.BuildID, ManifestSHA256: b.params.ManifestSHA256,
	})
	if err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.disk.write(strings.TrimPrefix(answerfile.BootstrapMarker, `C:\`), marker); err != nil {
		return err
	}
	if err := b.openWinRM(); err != nil {
		return err
	}
	b.Model.beacon(beacon.BootstrapReady, beacon.OK, "")
	return nil
}
