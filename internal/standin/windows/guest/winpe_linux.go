package guest

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/windows/setup"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/windows/wimfile"
)

// runSetup is Windows PE with setup.exe. It returns only when Setup stops.
func (g *machine) runSetup() error {
	progress("Windows Setup", "Setup is starting")
	waitForDiscs()
	discs := mountDiscs()
	if err := g.readConfig(discs); err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return &setup.Screen{
			ID: "media-driver", Pass: "windowsPE", Title: "Windows Setup",
			Text:   "A media driver your computer needs is missing. This could be a DVD, USB or Hard disk driver.",
			Log:    "the installation disc is on a controller that Windows PE has no driver for: use SATA or IDE",
			Source: "virtio-win/kvm-guest-drivers-windows#1100",
		}
	}
	medium, wim, err := g.openMedium()
	if err != nil {
		return err
	}
	session, screen := setup.Start(setup.Machine{
		Firmware: firmware(), Devices: pciDevices(), CPUFlags: cpuFlags(), Discs: discs, Medium: medium,
		TPM2: hasTPM2(), SecureBoot: knowsSecureBoot(), MemoryMiB: memoryMiB(),
	})
	if screen != nil {
		return screen
	}
	for _, c := range session.Commands {
		if err := g.command(c.Line); err != nil {
			return err
		}
	}
	if err := g.loadDrivers(session); err != nil {
		return err
	}
	disks := blockDisks()
	installation, screen := session.Install(describeDisks(disks))
	if screen != nil {
		return screen
	}
	return g.install(wim, disks[installation.Layout.Disk], installation)
}

// command runs a windowsPE command. What reg.exe adds to Windows PE's own
// registry changes nothing here: Setup knows the commands that it had run.
func (g *machine) command(line string) error {
	action, err := setup.Interpret(line)
	if err != nil {
		return &setup.Screen{ID: "command", Pass: "windowsPE", Title: "The stand-in refuses a command", Text: err.Error()}
	}
	if action.Beacon != "" {
		g.port.send(action.Beacon)
	}
	return nil
}

// loadDrivers loads those of the offered drivers whose device is there.
func (g *machine) loadDrivers(session *setup.Session) error {
	for _, p := range session.Drivers {
		if p.Class == "SCSIAdapter" && p.Serves(session.Machine.Devices) {
			if err := g.load(p.Name); err != nil {
				return err
			}
		}
	}
	return nil
}

func describeDisks(names []string) []setup.Disk {
	var disks []setup.Disk
	for _, name := range names {
		disks = append(disks, setup.Disk{Bytes: diskBytes(name), Partitions: len(partitionsOf(name))})
	}
	return disks
}

// install does to the disk what Setup has decided, and restarts.
func (g *machine) install(wim *wimfile.File, disk string, i *setup.Installation) error {
	progress("Installing Windows", "Getting files ready for installation", i.Image.DisplayName)
	if err := g.partition(wim, disk, i); err != nil {
		return fmt.Errorf("partition %s: %w", disk, err)
	}
	if err := g.format(disk, i.Layout); err != nil {
		return err
	}
	volume, err := mountNTFS(partitionNode(disk, i.Layout.Windows+1), "/mnt/C")
	if err != nil {
		return err
	}
	if err := g.lay(wim, volume.at, i); err != nil {
		return err
	}
	if err := g.bootFiles(disk, volume.at, i.Layout); err != nil {
		return err
	}
	if err := volume.close(); err != nil {
		return err
	}
	progress("Windows needs to restart to continue")
	return restart()
}

// lay puts Windows on its volume: the image, the drivers, the answer file, and
// hives that say which drivers start at boot.
func (g *machine) lay(wim *wimfile.File, root string, i *setup.Installation) error {
	if err := applyImage(wim, i.Image.Index, root); err != nil {
		return err
	}
	if err := storeDrivers(root, i.Drivers); err != nil {
		return err
	}
	if err := writeUnder(root, "Windows/Panther/unattend.xml", i.AnswerFile); err != nil {
		return err
	}
	record := recordOf(i)
	if err := record.write(root); err != nil {
		return err
	}
	m, err := record.model(setup.Specialized{}, setup.Welcomed{})
	if err != nil {
		return err
	}
	if err := os.MkdirAll(root+"/Windows/System32/config", 0o755); err != nil {
		return err
	}
	return m.Save(root)
}
