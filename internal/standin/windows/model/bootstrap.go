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
	if err := b.disk.write(onC(answerfile.BootstrapLog), []byte("stand-in bootstrap "+b.params.BuildID+"\r\n")); err != nil {
		return err
	}
	b.setProxy()
	for _, step := range []struct {
		stage string
		do    func(context.Context) error
	}{
		{beacon.BootstrapDrivers, b.drivers},
		{beacon.BootstrapAgent, func(ctx context.Context) error { return b.install(ctx, answerfile.StageAgent) }},
		{beacon.BootstrapNetwork, b.network},
		{beacon.BootstrapWinRM, b.openDoors},
	} {
		b.stage = step.stage
		b.beacon(step.stage, beacon.Start, "")
		if err := step.do(ctx); err != nil {
			return err
		}
		b.beacon(step.stage, beacon.OK, "")
		if step.stage == beacon.BootstrapAgent && len(b.params.Commands) > 0 {
			b.beacon(beacon.Bootstrap, beacon.Info, fmt.Sprintf("%d commands of the user are not run by the stand-in", len(b.params.Commands)))
		}
	}
	b.stage = beacon.BootstrapReady
	return b.ready()
}

// onC takes the drive off a path on C:.
func onC(path string) string { return strings.TrimPrefix(path, `C:\`) }

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

func (b *bootstrap) drivers(ctx context.Context) error {
	for _, certificate := range b.params.TrustedPublishers {
		file, err := b.verified(certificate)
		if err != nil {
			return err
		}
		if err := b.trustPublisher(file); err != nil {
			return fmt.Errorf("Import-Certificate: %s: %w", file, err)
		}
	}
	return b.install(ctx, answerfile.StageDrivers)
}

func (b *bootstrap) install(ctx context.Context, stage string) error {
	for _, i := range b.params.Installers {
		if i.Stage != stage {
			continue
		}
		if err := b.installOne(ctx, i); err != nil {
			return err
		}
	}
	return nil
}

func (b *bootstrap) installOne(ctx context.Context, i answerfile.Installer) error {
	file, err := b.verified(i.DiscFile)
	if err != nil {
		return err
	}
	leaf := path.Base(i.Path)
	if !strings.EqualFold(path.Ext(leaf), ".msi") {
		return fmt.Errorf("%s is no .msi, and the stand-in runs no programs", leaf)
	}
	codes := i.SuccessCodes
	if len(codes) == 0 {
		codes = []int{msiSuccess, msiRebootRequired, msiRebootStarted}
	}
	exit := b.msiexec(ctx, file, answerfile.GuestFolder+`\`+leaf+".log", i.Arguments)
	if !slices.Contains(codes, exit) {
		return fmt.Errorf("%s ended with code %d", leaf, exit)
	}
	if wantsReboot(exit) {
		b.beacon(b.stage, beacon.Info, leaf+" wants a restart")
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, name := range i.Services {
		if b.serviceStart(name) < 0 {
			return fmt.Errorf("%s was installed, but there is no service %s", leaf, name)
		}
	}
	return nil
}

func (b *bootstrap) network(ctx context.Context) error {
	wait := b.params.Network.WaitSeconds
	if wait == 0 {
		wait = 600
	}
	ctx, cancel := context.WithTimeout(ctx, time.Duration(wait)*time.Second)
	defer cancel()
	if b.adapterWithoutDriver() {
		<-ctx.Done() // the script looks until its time is over
		return fmt.Errorf("no network within %d s: Windows has no network adapter; is its NetKVM driver on the answer disc?", wait)
	}
	if err := b.host.NetworkUp(ctx); err != nil {
		return fmt.Errorf("no network within %d s: %w", wait, err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.private = true // Set-NetworkConnectionProfile
	return nil
}

// openDoors configures WinRM; the firewall is opened by ready.
func (b *bootstrap) openDoors(context.Context) error {
	pfx, err := fs.ReadFile(b.disc, path.Clean(b.params.Certificate.Path))
	if err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.setServiceRunning("WinRM", true)
	if err := b.saveBefore(); err != nil {
		return err
	}
	der, err := b.importPFX(pfx, b.params.Certificate.Password)
	if err != nil {
		return err
	}
	if digest(der) != strings.ToLower(b.params.Certificate.SHA256) {
		return fmt.Errorf("%s does not hold the certificate of this build", b.params.Certificate.Path)
	}
	// A refused Basic is set in the registry.
	b.software.SetDWord(wsmanKey+`\Service`, "auth_basic", 1)
	for item, wish := range b.quotas() {
		if now, _ := b.wsman(item); uint64(wish) > now { // only ever raised
			if err := b.setWSMan(item, fmt.Sprint(wish)); err != nil && !errors.Is(err, errPublic) { // a refusal is noted
				return err
			}
		}
	}
	for _, k := range b.software.Create(wsmanKey + `\Listener`).Subkeys() {
		b.removeListener(strings.TrimPrefix(k.Name, "*+"))
	}
	rules := b.controlSet().Create(firewallRulesKey)
	for _, v := range rules.Values() {
		if strings.HasPrefix(v.Name, "WINRM-HTTP-In-TCP") {
			rules.Set(regf.StringValue(v.Name, strings.ReplaceAll(v.String(), "|Active=TRUE|", "|Active=FALSE|")))
		}
	}
	if err := b.addListener(der, b.port()); err != nil {
		return fmt.Errorf("WinRM refuses the listener: %w", err)
	}
	b.software.SetDWord(currentVersionKey+`\Policies\System`, "LocalAccountTokenFilterPolicy", 1)
	b.setServiceStart("WinRM", startAuto, true)
	return nil
}

func (b *bootstrap) port() int {
	if b.params.WinRM.Port != 0 {
		return b.params.WinRM.Port
	}
	return answerfile.WinRMPort
}

// quotas are the script's, with its defaults.
func (b *bootstrap) quotas() map[string]int {
	w := b.params.WinRM
	or := func(n, otherwise int) int {
		if n == 0 {
			return otherwise
		}
		return n
	}
	return map[string]int{
		"MaxTimeoutms":               or(w.MaxTimeoutMS, 1800000),
		`Shell\MaxMemoryPerShellMB`:  or(w.MaxMemoryPerShellMB, 2048),
		`Shell\MaxProcessesPerShell`: or(w.MaxProcessesPerShell, 200),
		`Shell\MaxShellsPerUser`:     or(w.MaxShellsPerUser, 100),
	}
}

// saveBefore notes what the seal puts back; a second run keeps the first's.
func (b *bootstrap) saveBefore() error {
	file := onC(answerfile.BootstrapBeforePath)
	if b.disk.exists(file) {
		return nil
	}
	delayed, _ := b.controlSet().Number(servicesKey+`\WinRM`, "DelayedAutostart")
	before := answerfile.BootstrapBefore{
		Version: answerfile.BootstrapVersion, WinRMStart: b.serviceStart("WinRM"), WinRMDelayed: delayed != 0, WSMan: map[string]string{},
	}
	for item := range b.quotas() {
		n, _ := b.wsman(item)
		before.WSMan[item] = fmt.Sprint(n)
	}
	text, err := json.Marshal(before)
	if err != nil {
		return err
	}
	return b.disk.write(file, text)
}

// ready opens the firewall, then leaves the marker.
func (b *bootstrap) ready() error {
	rule := b.params.WinRM.FirewallRule
	if rule == "" {
		rule = answerfile.WinRMFirewallRule
	}
	marker, err := json.Marshal(answerfile.BootstrapDone{
		Version: answerfile.BootstrapVersion, BuildID: b.params.BuildID, ManifestSHA256: b.params.ManifestSHA256,
	})
	if err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.controlSet().Create(firewallRulesKey).Set(regf.StringValue(rule, firewallRule(true, fmt.Sprint(b.port()), "Domain|Profile=Private|Profile=Public")))
	if err := b.openWinRM(); err != nil {
		return err
	}
	erase(b.software.Open(winlogonKey), "DefaultPassword")
	b.software.SetString(winlogonKey, "AutoAdminLogon", "0")
	if err := b.disk.write(onC(answerfile.BootstrapMarker), marker); err != nil {
		return err
	}
	b.Model.beacon(beacon.BootstrapReady, beacon.OK, "")
	return nil
}
