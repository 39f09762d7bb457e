package model

import (
	"context"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/guest"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/regf"
)

const (
	downloadFolder = `Windows\SoftwareDistribution\Download`
	eventLogFolder = `Windows\System32\winevt\Logs`
	pageFile       = "pagefile.sys"
	packagesKey    = currentVersionKey + `\Component Based Servicing\Packages`
	// superseded is a package's CurrentState once a newer one has replaced it
	// (Microsoft, "Understanding component-based servicing").
	superseded = 0x50
	// pendingOperations is CBS_E_PENDING, with which dism.exe refuses to clean
	// up while a restart is due; the process ends with it as a signed number.
	pendingOperations = 0x800F0806
)

var eventLogs = []string{"Application", "Security", "Setup", "System"}

// SupersedeUpdate makes an update one that a newer one has replaced.
func (m *Model) SupersedeUpdate(name string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.software.SetDWord(packagesKey+`\`+name, "CurrentState", superseded)
}

func (m *Model) cleanup(_ context.Context, _ caller, p guest.CleanupParameters) (guest.CleanupResult, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := guest.CleanupResult{Steps: []guest.Step{}}
	step := func(name string, do func() (int, error)) {
		s := guest.Step{Name: name}
		var err error
		if s.Code, err = do(); err != nil {
			s.Code, s.Error = -1, err.Error()
		}
		r.Steps = append(r.Steps, s)
	}
	before := m.disk.used()
	if p.ComponentStore {
		step("component-store", func() (int, error) { return m.startComponentCleanup(p.ResetBase), nil })
	}
	if p.Temp {
		step("updates", func() (int, error) {
			m.setServiceRunning("wuauserv", false)
			m.setServiceRunning("bits", false)
			return 0, m.clearFolder(downloadFolder)
		})
		for _, folder := range []string{`Windows\Temp`, `Windows\Logs\CBS`, `Windows\Logs\DISM`, `ProgramData\Microsoft\Windows\WER\ReportArchive`, `ProgramData\Microsoft\Windows\WER\ReportQueue`} {
			step(`C:\`+folder, func() (int, error) { return 0, m.clearFolder(folder) })
		}
	}
	if p.Hibernation {
		step("hibernation", func() (int, error) { return 0, m.hibernateOff() })
	}
	if p.PageFile {
		step("page-file", func() (int, error) {
			m.controlSet().Create(memoryKey).Set(regf.MultiStringValue("PagingFiles", nil))
			return 0, nil
		})
	}
	if p.EventLogs {
		step("event-logs", func() (int, error) { return 0, m.clearEventLogs() })
	}
	if p.Trim {
		step("trim", func() (int, error) { return 0, m.host.Trim() })
	}
	r.FreedBytes = before - m.disk.used()
	return r, p.PageFile, nil
}

// startComponentCleanup does `dism.exe /Online /Cleanup-Image
// /StartComponentCleanup`. Only /ResetBase takes superseded updates out, which
// cannot be uninstalled then (Microsoft, "Clean Up the WinSxS Folder").
func (m *Model) startComponentCleanup(resetBase bool) (exit int) {
	if m.software.Open(rebootPendingKey) != nil {
		return pendingOperations - 1<<32
	}
	if !resetBase {
		return 0
	}
	for _, k := range m.software.Create(packagesKey).Subkeys() {
		if state, _ := k.Number("", "CurrentState"); state == superseded {
			m.software.Delete(packagesKey + `\` + k.Name)
		}
	}
	return 0
}

// clearFolder empties a folder, but for what is the build's own.
func (m *Model) clearFolder(folder string) error {
	for _, name := range m.disk.list(folder) {
		if strings.HasPrefix(strings.ToLower(name), "wintemplate") {
			continue
		}
		if err := m.disk.remove(folder + `\` + name); err != nil {
			return err
		}
	}
	return nil
}

// logStart notes a start of Windows: event 6005, the event log service was
// started.
func (m *Model) logStart() {
	for _, log := range eventLogs {
		if file := eventLogFolder + `\` + log + ".evtx"; !m.disk.exists(file) {
			m.writeLog(file, "")
		}
	}
	const system = eventLogFolder + `\System.evtx`
	b, _ := m.disk.read(system)
	m.writeLog(system, string(b)+"6005 "+m.bootID+"\r\n")
}

func (m *Model) writeLog(file, text string) {
	if err := m.disk.write(file, []byte(text)); err != nil {
		m.host.Logf("event log: %v", err)
	}
}

// clearEventLogs does `wevtutil.exe clear-log`, which notes that it did: 1102
// in Security, 104 in System.
func (m *Model) clearEventLogs() error {
	for _, log := range eventLogs {
		file := eventLogFolder + `\` + log + ".evtx"
		if !m.disk.exists(file) {
			return fmt.Errorf("wevtutil.exe clear-log %s ended with 15007", log) // ERROR_EVT_CHANNEL_NOT_FOUND
		}
		if err := m.disk.write(file, []byte(map[string]string{"Security": "1102\r\n", "System": "104\r\n"}[log])); err != nil {
			return err
		}
	}
	return nil
}

// makePageFile is what the session manager does at a start: what PagingFiles
// names is made, what it no longer names is gone.
func (m *Model) makePageFile() {
	if m.pageFileRemoved() {
		_ = m.disk.remove(pageFile)
		return
	}
	if err := m.disk.write(pageFile, []byte("stand-in page file\r\n")); err != nil {
		m.host.Logf("page file: %v", err)
	}
}

// pageFileRemoved: the value is there and names nothing.
func (m *Model) pageFileRemoved() bool {
	v, ok := m.controlSet().Open(memoryKey).Get("PagingFiles")
	list, _ := v.Texts()
	return ok && len(list) == 0
}

// used is the size of all files.
func (d drive) used() int64 {
	var n int64
	_ = filepath.WalkDir(d.root, func(_ string, e fs.DirEntry, err error) error {
		if err != nil {
			return nil //nolint:nilerr // what is gone by now takes no space
		}
		if info, err := e.Info(); err == nil && info.Mode().IsRegular() {
			n += info.Size()
		}
		return nil
	})
	return n
}
