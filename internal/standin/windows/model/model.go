package model

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/regf"
)

// Model is one installation of Windows. Its methods may be called from several
// goroutines.
type Model struct {
	mu       sync.Mutex // guards everything below
	software *regf.Key
	system   *regf.Key
	sam      *regf.Key

	host    Host
	disk    drive
	bootID  string
	booted  time.Time
	running map[string]bool      // services, by lower-case name
	tasks   map[string]*task     // scheduled tasks of this boot, by id
	unloads map[string]time.Time // when profiles that tasks have loaded are free, by lower-case account
	leaving bool                 // a restart or power-off is under way
	private bool                 // the network is Private
	ends    map[string]time.Time // when processes of the conditions end
	// installer is held while Windows Installer runs: a second msiexec gets
	// 1618.
	installer sync.Mutex
}

const (
	softwareHive = `Windows\System32\config\SOFTWARE`
	systemHive   = `Windows\System32\config\SYSTEM`
	samHive      = `Windows\System32\config\SAM`
	stateFile    = `Windows\Setup\State\State.ini`
)

// Load reads the hives below the mounted drive C:.
func Load(root string) (*Model, error) {
	m := &Model{disk: drive{root}}
	for path, key := range map[string]**regf.Key{softwareHive: &m.software, systemHive: &m.system, samHive: &m.sam} {
		b, err := m.disk.read(path)
		if err != nil {
			return nil, fmt.Errorf("load Windows: %w", err)
		}
		if *key, err = regf.Load(b); err != nil {
			return nil, fmt.Errorf(`load Windows: C:\%s: %w`, path, err)
		}
	}
	return m, nil
}

// Save writes clean hives (equal sequence numbers) below the mounted drive C:.
func (m *Model) Save(root string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	disk := drive{root}
	m.writeDriverFiles(disk)
	for path, key := range map[string]*regf.Key{softwareHive: m.software, systemHive: m.system, samHive: m.sam} {
		name := path[strings.LastIndexByte(path, '\\')+1:]
		// Over the file that is there, as Windows writes it: new clusters would
		// leave the old ones, with all the registry held, free and readable.
		size := int(disk.size(path))
		b, err := regf.Encode(key, regf.Options{FileName: `\SystemRoot\System32\Config\` + name, Written: time.Now().UTC(), MinSize: size})
		if err != nil {
			return fmt.Errorf(`save Windows: C:\%s: %w`, path, err)
		}
		if err := disk.overwrite(path, b); err != nil {
			return fmt.Errorf("save Windows: %w", err)
		}
		// Windows keeps both logs beside every hive; they are empty once
		// everything has been written back.
		for _, log := range []string{".LOG1", ".LOG2"} {
			if err := disk.write(path+log, nil); err != nil {
				return fmt.Errorf("save Windows: %w", err)
			}
		}
	}
	state, _ := m.software.Text(setupStateKey, "ImageState")
	if err := disk.write(stateFile, fmt.Appendf(nil, "[State]\r\nImageState=%q\r\n", state)); err != nil {
		return fmt.Errorf("save Windows: %w", err)
	}
	return nil
}

// Boot is the start of Windows on h: devices are bound to drivers, what waited
// for a restart is done, and services that start by themselves start.
func (m *Model) Boot(h Host) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	id := make([]byte, 16)
	if _, err := rand.Read(id); err != nil {
		return err
	}
	m.host, m.disk = h, drive{h.Root()}
	m.bootID, m.booted = hex.EncodeToString(id), time.Now()
	m.running, m.tasks, m.leaving = map[string]bool{}, map[string]*task{}, false
	m.unloads = map[string]time.Time{}
	m.bindDevices(h.Devices())
	m.writeDriverFiles(m.disk)
	m.finishRestart()
	m.firstConditions()
	m.resumeConditions()
	m.makePageFile()
	m.logStart()
	m.startServices()
	m.meetNetwork()
	m.rememberNetwork()
	return m.openWinRM()
}

// finishRestart does what Windows leaves for a restart.
func (m *Model) finishRestart() {
	m.finishEdition()
	m.software.Delete(rebootPendingKey)
	m.software.Delete(rebootRequiredKey)
	m.controlSet().Create(sessionManagerKey).Unset("PendingFileRenameOperations")
	name, _ := m.controlSet().Text(computerNameKey, "ComputerName")
	m.controlSet().SetString(activeComputerNameKey, "ComputerName", name)
}

// CompleteSetup is the end of the specialize and oobeSystem passes of the
// installation: Windows is installed, and the first logon follows.
func (m *Model) CompleteSetup() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.setImageState(stateComplete)
	m.system.SetDWord("Setup", "SystemSetupInProgress", 0)
	m.system.SetDWord("Setup", "OOBEInProgress", 0)
	m.system.SetDWord("Setup", "SetupType", 0)
	m.system.SetString("Setup", "CmdLine", "")
}

// ImageState is the state that Setup and sysprep keep in the registry.
func (m *Model) ImageState() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.imageState()
}

// InstallationType is the image's: Server, Server Core or Client.
func (m *Model) InstallationType() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	kind, _ := m.software.Text(versionKey, "InstallationType")
	return kind
}

// EditionID is what Windows calls its edition, such as ServerStandard.
func (m *Model) EditionID() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	edition, _ := m.software.Text(versionKey, "EditionID")
	return edition
}

// Build is Windows' build number.
func (m *Model) Build() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	text, _ := m.software.Text(versionKey, "CurrentBuildNumber")
	build, _ := strconv.Atoi(text) // as describe has written it
	return build
}

// ComputerName is the machine's name since its start.
func (m *Model) ComputerName() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	name, _ := m.controlSet().Text(activeComputerNameKey, "ComputerName")
	return name
}

// leave asks the host to restart or to power off, after a time in which the
// answer still gets through.
func (m *Model) leave(after time.Duration, act func()) {
	m.leaving = true
	time.AfterFunc(after, act)
}

// file reads a file by its Windows path, on C: or on a disc.
func (m *Model) file(path string) ([]byte, error) {
	letter, rest, ok := splitDrive(path)
	if !ok {
		return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
	}
	if letter == "C" {
		return m.disk.read(rest)
	}
	disc, ok := m.host.Discs()[letter]
	if !ok {
		return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
	}
	return fs.ReadFile(disc, strings.ReplaceAll(rest, `\`, "/"))
}
