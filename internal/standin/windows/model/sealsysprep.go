package model

import (
	"context"
	"path"
	"strings"
	"time"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/beacon"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/guest"
)

// runSysprep does what sysprep.ps1 does: as LocalSystem, and where sysprep
// refuses that, as the build's account in a task of its own.
func (m *Model) runSysprep(ctx context.Context, c caller, p guest.SealParameters, answers string) error {
	mark := p.Folder + `\sysprep-as-account`
	_, markFile, _ := splitDrive(mark)
	if !m.disk.exists(markFile) {
		m.removeSysprepLogs()
		m.sysprep(answers, c.system)
		if m.disk.exists(sysprepAct) {
			return m.sysprepEnd()
		}
		refusal := "it ended with 0x0 and has begun nothing"
		if p.SysprepAccount == "" {
			if p.NoSysprepAccount != "" {
				refusal += ". No account can run it instead: " + p.NoSysprepAccount
			}
			return failure(guest.SealNotStarted, "sysprep.exe may refuse LocalSystem: %s", refusal)
		}
		if err := m.disk.write(markFile, []byte(refusal)); err != nil {
			return err
		}
		m.beacon(beacon.SealSysprep, beacon.Info, "run as LocalSystem, "+refusal+"; it is run as "+p.SysprepAccount+" now")
	}
	m.enter(c, guest.SealStageAccount)
	m.removeSysprepLogs()
	id := path.Base(strings.ReplaceAll(c.task, `\`, "/")) + "-sysprep"
	if err := m.startAs(id, p.SysprepAccount, func() { m.sysprep(answers, false) }); err != nil {
		return failure(guest.SealNotStarted, "sysprep.exe refuses LocalSystem, and no task can be made for %s to run it: %v", p.SysprepAccount, err)
	}
	defer m.unregisterTask(id)
	if !m.await(ctx, time.Duration(p.SysprepTimeoutSeconds)*time.Second, func() bool { return !m.tasks[id].running }) {
		return failure(guest.SealTimeout, "sysprep.exe did not end within %d seconds", p.SysprepTimeoutSeconds)
	}
	if !m.disk.exists(sysprepAct) {
		return failure(guest.SealNotStarted, "sysprep.exe runs neither as LocalSystem nor as %s: it has begun nothing", p.SysprepAccount)
	}
	return m.sysprepEnd()
}

func (m *Model) removeSysprepLogs() {
	for _, log := range []string{sysprepAct, sysprepErr} {
		_ = m.disk.remove(log)
	}
}

// sysprepEnd is the failure that the state and the logs tell of.
func (m *Model) sysprepEnd() error {
	if state := m.imageState(); state != stateSealed {
		return m.sysprepFailure(state)
	}
	return nil
}
