package guest

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/answerfile"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/regf"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/windows/model"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/windows/setup"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/windows"
)

// systemHive is the SYSTEM hive as the boot loader read it by the firmware and
// handed it over, before any driver ran.
const systemHive = "/SYSTEM"

// bootDrivers are the drivers that may start before any disk can be read,
// beside those that Windows brings along.
var bootDrivers = []string{"viostor", "vioscsi"}

// sealedState is ImageState after sysprep /generalize /oobe.
const sealedState = "IMAGE_STATE_GENERALIZE_RESEAL_TO_OOBE"

// runWindows is Windows from its own disk. It returns only when it stops.
func (g *machine) runWindows() error {
	progress("Windows", "Getting devices ready")
	if err := g.startBootDrivers(); err != nil {
		return err
	}
	volume, err := findWindows()
	if err != nil {
		return err
	}
	waitForDiscs()
	discs := mountDiscs()
	if err := g.readConfig(discs); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if volume, err = installRecovery(volume); err != nil {
		return fmt.Errorf("install Windows RE: %w", err)
	}
	h := newHost(g, volume, discs)
	m, commands, err := g.awaken(volume.at)
	if err != nil {
		return err
	}
	if m.ImageState() == sealedState {
		return g.welcomeClone(m, h)
	}
	h.model = m
	if err := m.Boot(h); err != nil {
		return err
	}
	go h.watchPowerButton()
	go h.takeOrders()
	go h.network.keep(h.networkDriver(), m.ComputerName)
	progress("Windows", m.ComputerName())
	if err := logOn(m, commands); err != nil {
		return err
	}
	return h.serve()
}

// startBootDrivers loads the drivers that the hive starts at boot (Start=0),
// and no other.
func (g *machine) startBootDrivers() error {
	data, err := readHive(systemHive)
	if err != nil {
		return fmt.Errorf("the boot loader handed over no SYSTEM hive: %w", err)
	}
	root, err := regf.Load(data)
	if err != nil {
		return &setup.Screen{
			ID: "hive", Title: "Your PC ran into a problem and needs to restart.",
			Text: "Stop code: BAD SYSTEM CONFIG INFO (0x74)", Log: err.Error(), Source: "learn.microsoft.com: Bug check 0x74",
		}
	}
	current, _ := root.Number("Select", "Current")
	for _, name := range bootDrivers {
		start, ok := root.Number(fmt.Sprintf(`ControlSet%03d\Services\%s`, current, name), "Start")
		if ok && start == 0 {
			if err := g.load(name); err != nil {
				return err
			}
		}
	}
	return nil
}

// readHive reads a hive from a file that is longer than it: its base block says
// how long the hive is.
func readHive(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	const baseBlock, lengthAt = 4096, 40
	head := make([]byte, baseBlock)
	if _, err := io.ReadFull(f, head); err != nil {
		return nil, err
	}
	const limit = 256 << 20
	rest := make([]byte, min(binary.LittleEndian.Uint32(head[lengthAt:]), limit))
	if _, err := io.ReadFull(f, rest); err != nil {
		return nil, err
	}
	return append(head, rest...), nil
}

// findWindows mounts the partition that Windows is on. When no driver shows
// it, Windows stops with 0x7B.
func findWindows() (*ntfs, error) {
	// Looks, not time, of which a busy host may let much pass between two.
	for range 30 {
		for _, disk := range blockDisks() {
			for _, name := range partitionsOf(disk) {
				if volume := tryWindows("/dev/" + name); volume != nil {
					return volume, nil
				}
			}
		}
		time.Sleep(100 * time.Millisecond)
	}
	return nil, &setup.Screen{
		ID: "0x7b", Title: "Your PC ran into a problem and needs to restart.",
		Text:   "Stop code: INACCESSIBLE BOOT DEVICE (0x7B)",
		Log:    "no driver with Start=0 in the SYSTEM hive is for the disk's controller",
		Source: "virtio-win/virtio-win-guest-tools-installer#61, cloudbase/windows-imaging-tools#347",
	}
}

func tryWindows(device string) *ntfs {
	first := make([]byte, 512)
	f, err := os.Open(device)
	if err != nil {
		return nil
	}
	_, err = f.Read(first)
	f.Close()
	if err != nil || !bytes.HasPrefix(first[3:], []byte("NTFS")) {
		return nil
	}
	volume, err := mountNTFS(device, "/mnt/C")
	if err != nil {
		logf("%v", err)
		return nil
	}
	if _, err := os.Stat(volume.at + "/Windows/System32/ntoskrnl.exe"); err == nil {
		return volume
	}
	if err := volume.close(); err != nil {
		logf("%v", err)
	}
	return nil
}

// awaken gives Windows as it is on the disk. The first start after Windows PE
// goes through the specialize and oobeSystem passes; commands are those of the
// first logon then.
func (g *machine) awaken(root string) (*model.Model, []setup.Command, error) {
	r, first, err := readRecord(root)
	if err != nil {
		return nil, nil, err
	}
	if !first {
		m, err := model.Load(root)
		return m, nil, err
	}
	m, commands, err := g.finishSetup(r, root)
	if err != nil {
		return nil, nil, err
	}
	if err := m.Save(root); err != nil {
		return nil, nil, err
	}
	return m, commands, os.Remove(filepath.Join(root, recordFile))
}

// finishSetup runs the passes specialize and oobeSystem from the answer file
// that Setup left in Panther.
func (g *machine) finishSetup(r record, root string) (*model.Model, []setup.Command, error) {
	const panther = "Windows/Panther/unattend.xml"
	data, err := os.ReadFile(filepath.Join(root, panther))
	if err != nil {
		return nil, nil, err
	}
	answers, screen := setup.Parse(`C:\Windows\Panther\unattend.xml`, data)
	if screen != nil {
		return nil, nil, screen
	}
	progress("Getting ready")
	specialized, screen := answers.Specialize(setup.Installed{Type: r.InstallationType, EditionID: r.EditionID, Build: r.Build}, isTimeZone)
	if screen != nil {
		return nil, nil, screen
	}
	if screen := g.specializeCommands(specialized.Commands); screen != nil {
		return nil, nil, screen
	}
	if screen := setup.NetworkPage(r.Build, r.InstallationType, specialized.Commands); screen != nil {
		return nil, nil, screen
	}
	locale, err := windows.LookupLocale(r.Language)
	if err != nil {
		return nil, nil, err
	}
	welcomed, screen := answers.Welcome(r.InstallationType, specialized.ComputerName, locale.Administrator)
	if screen != nil {
		return nil, nil, screen
	}
	m, err := r.model(specialized, welcomed)
	if err != nil {
		return nil, nil, err
	}
	m.CompleteSetup()
	return m, welcomed.Commands, nil
}

// specializeCommands does the commands of the specialize pass that do something
// outside the registry. None restarts the stand-in's machine.
func (g *machine) specializeCommands(commands []setup.Command) *setup.Screen {
	var refused *setup.Screen
	_, screen := setup.RunSynchronous(commands, func(c setup.Command) int {
		action, err := setup.Interpret(c.Line)
		if err != nil && refused == nil {
			refused = &setup.Screen{ID: "command", Pass: "specialize", Title: "The stand-in refuses a command", Text: err.Error()}
		}
		if refused == nil && action.Beacon != "" {
			g.port.send(action.Beacon)
		}
		return 0
	})
	if refused != nil {
		return refused
	}
	return screen
}

// isTimeZone says whether Windows has a time zone of that name.
func isTimeZone(name string) bool {
	zone, err := windows.LookupTimeZone(name)
	return err == nil && zone.Windows == name
}

// logOn is the automatic logon and, the first time, the first-logon commands.
// Windows runs any; the stand-in runs no PowerShell, so it knows the plugin's
// own one only.
func logOn(m *model.Model, commands []setup.Command) error {
	user, ok := m.AutoLogon()
	if !ok {
		logf("nobody is logged on")
		return nil
	}
	logf("logged on: %s", user)
	for _, c := range commands {
		if c.Line != answerfile.FirstLogonCommand() {
			return &setup.Screen{
				ID: "command", Pass: "oobeSystem", Title: "The stand-in refuses a first-logon command",
				Text: fmt.Sprintf("%q is not the plugin's own", c.Line),
			}
		}
		go func() {
			if err := m.Bootstrap(context.Background()); err != nil {
				logf("bootstrap: %v", err)
			}
		}()
	}
	return nil
}

// welcomeClone is the first start of a sealed disk: the answer file that
// sysprep cached is read again, and Windows welcomes its new owner. What
// follows (cloudbase-init, the owner's choices) is beyond the stand-in.
func (g *machine) welcomeClone(m *model.Model, h *host) error {
	h.model = m
	m.Meet(h)
	go h.watchPowerButton()
	data, err := os.ReadFile(filepath.Join(h.Root(), "Windows/Panther/unattend.xml"))
	if err == nil {
		answers, screen := setup.Parse(`C:\Windows\Panther\unattend.xml`, data)
		if screen != nil {
			return screen
		}
		installation := m.InstallationType()
		specialized, screen := answers.Specialize(setup.Installed{Type: installation, EditionID: m.EditionID(), Build: m.Build()}, isTimeZone)
		if screen != nil {
			return screen
		}
		if restart, err := h.specializeClone(specialized.Commands); err != nil || restart {
			return err
		}
		if screen := answers.Check("oobeSystem", installation); screen != nil {
			return screen
		}
	}
	show(&setup.Screen{ID: "oobe", Pass: "oobeSystem", Title: "Just a moment...", Text: "Windows starts for the first time on this machine."})
	return h.serve()
}
