package model

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/beacon"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/guest"
)

// SystemDisk is the disk that Windows is on.
type SystemDisk interface {
	// Partitions are in the order of their place.
	Partitions() ([]Partition, error)
	// MountPartition makes a partition's files readable until release.
	MountPartition(number int) (root string, release func() error, err error)
	// RemovePartition takes a partition out of the table.
	RemovePartition(number int) error
	// ExtendWindows gives drive C: the space that follows it.
	ExtendWindows() error
}

// Partition is a partition as Windows' Storage module has it.
type Partition struct {
	Number       int
	Offset, Size int64
	Room         int64  // how large it could be
	Type         string // GPT type GUID in braces, or mbr-0x27
	Windows      bool   // drive C:
	Active       bool   // MBR: the machine starts from it
}

// The types of a recovery partition.
const (
	recoveryGPT = "{de94bba4-06d1-4d40-a16a-bfd50179d6ac}"
	recoveryMBR = "mbr-0x27"
)

func (p Partition) recovery() bool { return p.Type == recoveryGPT || p.Type == recoveryMBR }

func (p Partition) summary() guest.RecoveryPartition {
	return guest.RecoveryPartition{Number: p.Number, Offset: p.Offset, Size: p.Size, Type: p.Type}
}

// Where Windows RE lies: its image while it is switched off, its state, and
// the folder on the volume that it was installed to.
const (
	recoveryImage  = `Windows\System32\Recovery\Winre.wim`
	recoveryState  = `Windows\System32\Recovery\ReAgent.xml`
	recoveryFolder = "Recovery/WindowsRE"
)

// reAgent is ReAgent.xml, as far as reagentc.exe goes by it.
type reAgent struct {
	XMLName  xml.Name `xml:"WindowsRE"`
	Version  string   `xml:"version,attr"`
	Location struct {
		Path   string `xml:"path,attr"`
		ID     int    `xml:"id,attr"`
		Offset int64  `xml:"offset,attr"`
		GUID   string `xml:"guid,attr"`
	} `xml:"WinreLocation"`
	Install struct {
		State int `xml:"state,attr"`
	} `xml:"InstallState"`
}

const noGUID = "{00000000-0000-0000-0000-000000000000}"

// InstallRecovery is Setup switching Windows RE on: Winre.wim moves from drive
// C:'s System32 to the volume at root, which is the recovery partition at this
// offset. With an offset of 0 root is drive C: itself.
func InstallRecovery(c, root string, offset int64) error {
	disk := drive{c}
	image, err := disk.read(recoveryImage)
	if errors.Is(err, os.ErrNotExist) {
		return nil // taken out of the image: there is nothing to install
	}
	if err != nil {
		return err
	}
	if err := (drive{root}).write(recoveryFolder+"/Winre.wim", image); err != nil {
		return err
	}
	if err := disk.remove(recoveryImage); err != nil {
		return err
	}
	var r reAgent
	r.Location.Path, r.Location.Offset, r.Install.State = `\Recovery\WindowsRE`, offset, 1
	return r.write(disk)
}

func (r reAgent) write(d drive) error {
	r.Version, r.Location.GUID = "2.0", noGUID
	b, err := xml.Marshal(r)
	if err != nil {
		return err
	}
	return d.write(recoveryState, append([]byte(xml.Header), b...))
}

func readReAgent(d drive) (reAgent, error) {
	var r reAgent
	b, err := d.read(recoveryState)
	if errors.Is(err, os.ErrNotExist) {
		return r, nil
	}
	if err != nil {
		return r, err
	}
	return r, xml.Unmarshal(b, &r)
}

// disableRecovery is `reagentc.exe /disable` with its exit code: 0, and 2 when
// Windows RE is off already (rgl/windows-vagrant). It brings Winre.wim back to
// System32.
func (m *Model) disableRecovery(partitions []Partition) (exit int, err error) {
	r, err := readReAgent(m.disk)
	if err != nil {
		return 0, err
	}
	if r.Install.State == 0 {
		return 2, nil
	}
	root := m.disk.root
	if r.Location.Offset != 0 {
		at := -1
		for i, p := range partitions {
			if p.Offset == r.Location.Offset {
				at = i
			}
		}
		if at < 0 {
			return 50, nil // its partition is gone
		}
		mounted, release, err := m.host.MountPartition(partitions[at].Number)
		if err != nil {
			return 0, err
		}
		defer func() { err = errors.Join(err, release()) }()
		root = mounted
	}
	image := filepath.Join(root, filepath.FromSlash(recoveryFolder), "Winre.wim")
	b, err := os.ReadFile(image)
	if err != nil {
		return 0, err
	}
	if err := m.disk.write(recoveryImage, b); err != nil {
		return 0, err
	}
	if err := os.Remove(image); err != nil {
		return 0, err
	}
	return 0, reAgent{}.write(m.disk)
}

// recoveryRemove does what the operation's script does to the real disk.
func (m *Model) recoveryRemove(_ context.Context, _ caller, p guest.RecoveryRemoveParameters) (guest.RecoveryRemoveResult, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := guest.RecoveryRemoveResult{Removed: []guest.RecoveryPartition{}, Kept: []guest.RecoveryPartition{}}
	all, err := m.host.Partitions()
	if err != nil {
		return r, false, err
	}
	windows := -1
	for i, p := range all {
		if p.Windows {
			windows = i
		}
	}
	if windows < 0 {
		return r, false, failure("no-windows", "no partition has the drive letter C")
	}
	r.SizeBefore, r.SizeAfter = all[windows].Size, all[windows].Size
	for _, other := range all[:windows] {
		if other.recovery() {
			r.Kept = append(r.Kept, other.summary())
		}
	}
	behind := all[windows+1:]
	if p.Keep {
		m.beacon(beacon.RecoveryKept, beacon.Info, "")
		for _, other := range behind {
			if other.recovery() {
				r.Kept = append(r.Kept, other.summary())
			}
		}
		return r, false, nil
	}
	for _, other := range behind {
		if !other.recovery() {
			return r, false, failure("not-recovery", "partition %d (%s, %d bytes) lies behind drive C: and is no recovery partition, so nothing was changed", other.Number, other.Type, other.Size)
		}
		if other.Active {
			return r, false, failure("in-use", "partition %d is of the recovery type, but the machine starts from it, so nothing was changed", other.Number)
		}
	}
	if len(behind) > 0 {
		exit, err := m.disableRecovery(all)
		if err != nil {
			return r, false, err
		}
		if exit != 0 && exit != 2 {
			return r, false, failure("reagentc", "reagentc.exe /disable ended with %d, so the recovery partition was left", exit)
		}
		r.Disabled = exit == 0
	}
	for _, other := range behind {
		if err := m.host.RemovePartition(other.Number); err != nil {
			return r, false, failure("remove", "partition %d could not be removed: %v", other.Number, err)
		}
		r.Removed = append(r.Removed, other.summary())
	}
	r.SizeAfter, err = m.extendWindows()
	return r, false, err
}

// extendWindows gives drive C: what follows it, if that is worth it.
func (m *Model) extendWindows() (size int64, err error) {
	for try := 0; ; try++ {
		all, err := m.host.Partitions()
		if err != nil {
			return 0, err
		}
		for _, p := range all {
			if !p.Windows {
				continue
			}
			if p.Room-p.Size < 1<<20 {
				return p.Size, nil
			}
			size = p.Size
		}
		if try > 0 {
			return size, failure("extend", "drive C: has %d bytes after it was extended", size)
		}
		if err := m.host.ExtendWindows(); err != nil {
			return size, failure("extend", "drive C: could not be extended: %v", err)
		}
	}
}

// PartitionType is the type in the form that Partition has it.
func PartitionType(gpt bool, guid [16]byte, kind byte) string {
	if !gpt {
		return fmt.Sprintf("mbr-0x%02x", kind)
	}
	// The first three groups are little-endian.
	return strings.ToLower(fmt.Sprintf("{%02x%02x%02x%02x-%02x%02x-%02x%02x-%x-%x}",
		guid[3], guid[2], guid[1], guid[0], guid[5], guid[4], guid[7], guid[6], guid[8:10], guid[10:]))
}
