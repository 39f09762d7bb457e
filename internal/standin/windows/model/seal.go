package model

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"
	"unicode/utf16"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/answerfile"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/beacon"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/guest"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/regf"
)

const (
	setupScripts = `Windows\Setup\Scripts`
	// shutdownDelay stands for the half minute of `shutdown.exe /s /t 30`.
	shutdownDelay = 3 * time.Second
)

// seal does what seal.ps1 does, stage by stage.
func (m *Model) seal(ctx context.Context, c caller, p guest.SealParameters) (guest.SealResult, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if c.task == "" {
		return guest.SealResult{}, false, failure("not-detached", "the seal closes the connection that it comes by, so it runs as a task only")
	}
	m.beacon(beacon.Seal, beacon.Start, "")
	r, err := m.sealStages(ctx, c, p)
	if err != nil {
		state := beacon.Fail
		var own *failed
		if p.Retry && errors.As(err, &own) && own.Code == guest.SealAppX {
			state = beacon.Info // the session mends this and seals again
		}
		m.beacon(beacon.Seal, state, err.Error())
	}
	return r, false, err
}

func (m *Model) sealStages(ctx context.Context, c caller, p guest.SealParameters) (guest.SealResult, error) {
	r := guest.SealResult{Reverted: []string{}}
	m.enter(c, guest.SealStageRevert)
	before, err := m.readBefore(p.Folder)
	if err != nil {
		return r, err
	}
	if m.processRuns("sysprep") {
		return r, failure("sysprep-running", "another sysprep.exe runs; wait until it has ended")
	}
	if start := m.serviceStart(cloudbaseService); start != -1 && start != startDisabled {
		return r, failure("not-disabled", "the service cloudbase-init is not disabled, so it has run, or may have, in this machine")
	}
	for _, s := range p.Reverts {
		if s.Late {
			continue
		}
		if err := m.revert(s, p, before); err != nil {
			return r, err
		}
		r.Reverted = append(r.Reverted, s.ID)
	}
	m.removeAutologon()
	m.removeStaleAnswers()
	if err := m.writeSetupComplete(p); err != nil {
		return r, err
	}
	for _, name := range m.disk.list(`Windows\Temp`) {
		if strings.HasPrefix(name, "wintemplate-") {
			_ = m.disk.wipe(`Windows\Temp\` + name)
		}
	}

	m.enter(c, guest.SealStageSysprep)
	m.beacon(beacon.SealSysprep, beacon.Start, "")
	answers := p.Folder + `\unattend.xml`
	_, rest, ok := splitDrive(answers)
	if !ok {
		return r, failure("script", "the folder %q has no drive", p.Folder)
	}
	if strings.Contains(answers, " ") {
		// sysprep takes the argument's words apart.
		return r, failure(guest.SealNotStarted, "sysprep.exe ended with 87 and has begun nothing")
	}
	if err := m.disk.write(rest, []byte("\xef\xbb\xbf"+p.Unattend)); err != nil {
		return r, err
	}
	if err := m.runSysprep(ctx, c, p, answers); err != nil {
		return r, err
	}
	r.ImageState = m.imageState()
	m.beacon(beacon.SealSysprep, beacon.OK, "")

	if p.Client {
		m.software.SetDWord(currentVersionKey+`\Setup\OOBE`, "UnattendCreatedUser", 1)
	}
	if p.CloudbaseInit {
		m.software.Delete(cloudbaseStates)
		if exit := m.setServiceStart(cloudbaseService, startDemand, false); exit != 0 {
			return r, failure("script", "Set-Service: there is no service cloudbase-init")
		}
	}
	m.enter(c, guest.SealStageSealed)
	m.awaitRelease(ctx, c, time.Duration(p.ReleaseTimeoutSeconds)*time.Second)

	m.enter(c, guest.SealStageClose)
	if err := m.close(ctx, p, before, &r); err != nil {
		return r, err
	}
	if err := m.host.Trim(); err != nil {
		m.beacon(beacon.Seal, beacon.Info, "drive C: is not trimmed: "+err.Error())
	}
	m.beacon(beacon.Seal, beacon.OK, "")
	m.leave(shutdownDelay, m.host.PowerOff)
	for _, k := range m.software.Create(taskTreeKey).Subkeys() {
		if strings.HasPrefix(k.Name, "wintemplate-") {
			m.software.Delete(taskTreeKey + `\` + k.Name)
		}
	}
	return r, nil
}

// awaitRelease waits, with the lock let go, for the session to have seen the
// stage.
func (m *Model) awaitRelease(ctx context.Context, c caller, limit time.Duration) {
	m.mu.Unlock()
	defer m.mu.Lock()
	for end := time.Now().Add(limit); time.Now().Before(end) && !m.disk.exists(c.task+`\release`); {
		select {
		case <-ctx.Done():
			return
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// close shuts the doors of the build; every step is tried.
func (m *Model) close(ctx context.Context, p guest.SealParameters, before *answerfile.BootstrapBefore, r *guest.SealResult) error {
	var errs []error
	late := func(kinds func(string) bool) {
		for _, s := range p.Reverts {
			if !s.Late || !kinds(s.Kind) {
				continue
			}
			if err := m.revert(s, p, before); err != nil {
				errs = append(errs, err)
				continue
			}
			r.Reverted = append(r.Reverted, s.ID)
		}
	}
	late(func(kind string) bool { return kind != "registry-value" && kind != "folder" })
	if p.WinRM {
		m.setServiceRunning("WinRM", false)
		// It waits for the requests in flight, and they may wait for the lock.
		m.mu.Unlock()
		m.host.StopWinRM()
		m.mu.Lock()
	}
	late(func(kind string) bool { return kind == "registry-value" })
	if p.Account != "" {
		var err error
		m.await(ctx, time.Minute, func() bool { err = m.removeAccount(p.Account); return err == nil })
		errs = append(errs, err)
	}
	if p.ResetNetwork {
		for _, device := range m.adapters(true) {
			m.removeDevice(device)
		}
	}
	late(func(kind string) bool { return kind == "folder" })
	if _, rest, ok := splitDrive(p.Folder); ok {
		errs = append(errs, m.disk.wipe(rest))
	}
	if err := errors.Join(errs...); err != nil {
		return failure("close", "the image is sealed, but the build's doors are not closed: %v", err)
	}
	return nil
}

// readBefore reads what the bootstrap noted; nil when it has not.
func (m *Model) readBefore(folder string) (*answerfile.BootstrapBefore, error) {
	b, err := m.file(folder + `\bootstrap.before.json`)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var before answerfile.BootstrapBefore
	return &before, json.Unmarshal(b, &before)
}

// revert undoes one setting of the build.
func (m *Model) revert(s guest.Revert, p guest.SealParameters, before *answerfile.BootstrapBefore) error {
	switch s.Kind {
	case "registry-value":
		root, path, err := m.key(s.Key)
		if err != nil {
			return err
		}
		if !s.Restore {
			erase(root.Open(path), s.Name)
			return nil
		}
		if _, there := root.Open(path).Get(s.Name); !there {
			return nil
		}
		return m.setRegistry(RegValue{Key: s.Key, Name: s.Name, Type: s.Type, Data: s.Data})
	case "registry-key":
		root, path, err := m.key(s.Key)
		if err != nil {
			return err
		}
		root.Delete(path)
	case "firewall-rule":
		m.controlSet().Create(firewallRulesKey).Unset(s.Name)
	case "winrm-listener":
		m.removeListener(s.Name)
	case "certificate":
		m.removeCertificate(p.CertificateSHA256)
	case "wsman-item", "service":
		if before == nil {
			return fmt.Errorf(`%s\bootstrap.before.json is not there, so what %s was before the build is not known`, p.Folder, s.ID)
		}
		if s.Kind == "wsman-item" {
			m.private = true // Set-NetConnectionProfile comes first
			return m.setWSMan(s.Name, before.WSMan[s.Name])
		}
		if exit := m.setServiceStart(s.Name, uint32(before.WinRMStart), before.WinRMDelayed); exit != 0 {
			return fmt.Errorf("sc.exe config %s ended with %d", s.Name, exit)
		}
	case "folder":
		if _, rest, ok := splitDrive(s.Name); ok {
			return m.disk.wipe(rest)
		}
	default:
		return fmt.Errorf("the setting %s is of the unknown kind %s", s.ID, s.Kind)
	}
	return nil
}

// erase removes a value; a text is overwritten first.
func erase(k *regf.Key, name string) {
	if v, ok := k.Get(name); ok {
		if text, ok := v.Text(); ok && text != "" {
			k.Set(regf.StringValue(name, strings.Repeat("0", len(utf16.Encode([]rune(text))))))
		}
		k.Unset(name)
	}
}

func (m *Model) removeAutologon() {
	w := m.software.Create(winlogonKey)
	w.Set(regf.StringValue("AutoAdminLogon", "0"))
	for _, name := range []string{"AutoLogonCount", "AutoLogonSID", "DefaultUserName", "DefaultPassword", "DefaultDomainName", "ForceAutoLogon"} {
		erase(w, name)
	}
	if run := m.software.Open(currentVersionKey + `\Run`); run != nil {
		for _, v := range run.Values() {
			if strings.HasPrefix(strings.ToLower(v.Name), "unattend") {
				erase(run, v.Name)
			}
		}
	}
}

func (m *Model) removeStaleAnswers() {
	for _, name := range []string{
		pantherAnswer, `Windows\Panther\unattend-original.xml`, `Windows\Panther\Unattend`, `Windows\Panther\autounattend.xml`,
		sysprepFolder + `\unattend.xml`, "unattend.xml", "autounattend.xml",
	} {
		_ = m.disk.wipe(name)
	}
	erase(m.system.Create("Setup"), "UnattendFile")
}

func (m *Model) writeSetupComplete(p guest.SealParameters) error {
	if p.SetupComplete == "" {
		return nil
	}
	const file = setupScripts + `\SetupComplete.cmd`
	if b, err := m.disk.read(file); err == nil && !strings.Contains(strings.ToLower(string(b)), "wintemplate-setupcomplete") {
		if err := m.disk.rename(file, setupScripts+`\SetupComplete.user.cmd`); err != nil {
			return err
		}
	}
	if err := m.disk.write(file, ascii(p.SetupComplete)); err != nil {
		return err
	}
	return m.disk.write(setupScripts+`\wintemplate-setupcomplete.ps1`, ascii(p.SetupCompleteScript))
}
