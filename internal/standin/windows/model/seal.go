package model

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

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
		if p.Retry && errors.As(err, &own) && (own.Code == guest.SealAppX || own.Code == guest.SealNotStarted) {
			state = beacon.Info // the session mends these and seals again
		}
		m.beacon(beacon.Seal, state, err.Error())
	}
	return r, false, err
}

func (m *Model) sealStages(ctx context.Context, c caller, p guest.SealParameters) (guest.SealResult, error) {
	r := guest.SealResult{Reverted: []string{}}
	m.enter(c, guest.SealStageRevert)
	if start := m.serviceStart(cloudbaseService); start != -1 && start != startDisabled {
		return r, failure("not-disabled", "the service cloudbase-init is not disabled, so it has run, or may have, in this machine")
	}
	for _, s := range p.Reverts {
		if s.Late {
			continue
		}
		if err := m.revert(s, p); err != nil {
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
		if strings.HasPrefix(name, "wintemplate-") && strings.HasSuffix(name, ".log") {
			_ = m.disk.remove(`Windows\Temp\` + name)
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
	if err := m.disk.write(rest, []byte(p.Unattend)); err != nil {
		return r, err
	}
	for _, log := range []string{sysprepAct, sysprepErr} {
		_ = m.disk.remove(log)
	}
	m.sysprep(answers)
	if r.ImageState = m.imageState(); r.ImageState != stateSealed {
		return r, m.sysprepFailure(r.ImageState)
	}
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
	if err := m.close(p, &r); err != nil {
		return r, err
	}
	m.beacon(beacon.Seal, beacon.OK, "")
	m.leave(shutdownDelay, m.host.PowerOff)
	for _, s := range p.Reverts {
		if s.Late && s.Kind == "folder" {
			if err := m.revert(s, p); err != nil {
				return r, err
			}
		}
	}
	_ = m.disk.remove(rest[:len(rest)-len(`\unattend.xml`)])
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
func (m *Model) close(p guest.SealParameters, r *guest.SealResult) error {
	var errs []error
	late := func(registry bool) {
		for _, s := range p.Reverts {
			if !s.Late || s.Kind == "folder" || (s.Kind == "registry-value") != registry {
				continue
			}
			if err := m.revert(s, p); err != nil {
				errs = append(errs, err)
				continue
			}
			r.Reverted = append(r.Reverted, s.ID)
		}
	}
	late(false)
	if p.WinRM {
		m.setServiceRunning("WinRM", false)
		m.host.StopWinRM()
	}
	late(true)
	if p.Account != "" {
		m.removeAccount(p.Account)
	}
	if len(errs) > 0 {
		return failure("close", "the image is sealed, but the build's doors are not closed: %v", errors.Join(errs...))
	}
	return nil
}

// revert undoes one setting of the build.
func (m *Model) revert(s guest.Revert, p guest.SealParameters) error {
	switch s.Kind {
	case "registry-value":
		root, path, err := m.key(s.Key)
		if err != nil {
			return err
		}
		if !s.Restore {
			root.Open(path).Unset(s.Name)
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
	case "wsman-item":
		if s.Restore {
			return m.setWSMan(s.Name, s.Data)
		}
	case "service":
		if s.Restore {
			return m.restoreService(s.Name, s.Data)
		}
	case "folder":
		if _, rest, ok := splitDrive(s.Name); ok {
			return m.disk.remove(rest)
		}
	default:
		return fmt.Errorf("the setting %s is of the unknown kind %s", s.ID, s.Kind)
	}
	return nil
}

func (m *Model) restoreService(name, start string) error {
	n, delayed := uint32(0), false
	switch strings.ToLower(start) {
	case "auto", "automatic", "2":
		n = startAuto
	case "delayed-auto", "automaticdelayedstart":
		n, delayed = startAuto, true
	case "demand", "manual", "3":
		n = startDemand
	case "disabled", "4":
		n = startDisabled
	default:
		return fmt.Errorf("the service %s cannot be set to %q", name, start)
	}
	if exit := m.setServiceStart(name, n, delayed); exit != 0 {
		return fmt.Errorf("sc.exe config %s ended with %d", name, exit)
	}
	return nil
}

func (m *Model) removeAutologon() {
	w := m.software.Create(winlogonKey)
	w.Set(regf.StringValue("AutoAdminLogon", "0"))
	for _, name := range []string{"AutoLogonCount", "AutoLogonSID", "DefaultUserName", "DefaultPassword", "DefaultDomainName", "ForceAutoLogon"} {
		w.Unset(name)
	}
	if run := m.software.Open(currentVersionKey + `\Run`); run != nil {
		for _, v := range run.Values() {
			if strings.HasPrefix(strings.ToLower(v.Name), "unattend") {
				run.Unset(v.Name)
			}
		}
	}
}

func (m *Model) removeStaleAnswers() {
	for _, name := range []string{
		pantherAnswer, `Windows\Panther\unattend-original.xml`, `Windows\Panther\Unattend`, `Windows\Panther\autounattend.xml`,
		sysprepFolder + `\unattend.xml`, "unattend.xml", "autounattend.xml",
	} {
		_ = m.disk.remove(name)
	}
	m.system.Create("Setup").Unset("UnattendFile")
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
