package model

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/guest"
)

// systemDisk is a disk in memory; the files of its recovery partition lie in a
// folder.
type systemDisk struct {
	partitions []Partition
	folder     string
	stuck      bool // ExtendWindows does nothing
}

func (d *systemDisk) Partitions() ([]Partition, error) { return slices.Clone(d.partitions), nil }

func (d *systemDisk) MountPartition(int) (string, func() error, error) {
	return d.folder, func() error { return nil }, nil
}

func (d *systemDisk) RemovePartition(number int) error {
	d.partitions = slices.DeleteFunc(d.partitions, func(p Partition) bool { return p.Number == number })
	for i := range d.partitions {
		if p := &d.partitions[i]; p.Windows {
			p.Room = 40 << 30
		}
	}
	return nil
}

func (d *systemDisk) ExtendWindows() error {
	for i := range d.partitions {
		if p := &d.partitions[i]; p.Windows && !d.stuck {
			p.Size = p.Room
		}
	}
	return nil
}

const basicGPT = "{ebd0a0a2-b9e5-4433-87c0-68b6b72699c7}"

// withRecovery is a world after Setup has put Windows RE on a partition.
func withRecovery(t *testing.T, more ...Partition) *world {
	t.Helper()
	w := newWorld(t)
	w.folder = t.TempDir()
	w.partitions = append([]Partition{
		{Number: 1, Offset: 1 << 20, Size: 300 << 20, Type: "{c12a7328-f81f-11d2-ba4b-00a0c93ec93b}"},
		{Number: 3, Offset: 400 << 20, Size: 39 << 30, Room: 39 << 30, Type: basicGPT, Windows: true},
		{Number: 4, Offset: 39<<30 + 400<<20, Size: 682 << 20, Type: recoveryGPT},
	}, more...)
	if err := (drive{w.root}).write(recoveryImage, []byte("image")); err != nil {
		t.Fatal(err)
	}
	if err := InstallRecovery(w.root, w.folder, w.partitions[2].Offset); err != nil {
		t.Fatal(err)
	}
	return w
}

func TestRecoveryRemove(t *testing.T) {
	w := withRecovery(t)
	image := filepath.Join(w.folder, "Recovery", "WindowsRE", "Winre.wim")
	if _, err := os.Stat(image); err != nil || w.disk.exists(recoveryImage) {
		t.Fatalf("Windows RE was not installed: %v", err)
	}
	r, _, err := guest.RecoveryRemove.Do(t.Context(), guest.NewSession(w), guest.RecoveryRemoveParameters{Keep: true})
	if err != nil || len(r.Kept) != 1 || len(r.Removed) != 0 || len(w.partitions) != 3 || !slices.Contains(w.beacons, "guest.recovery.keep info") {
		t.Errorf("keep: %+v, %v", r, err)
	}
	r, _, err = guest.RecoveryRemove.Do(t.Context(), guest.NewSession(w), guest.RecoveryRemoveParameters{})
	if err != nil || len(r.Removed) != 1 || !r.Disabled || r.SizeAfter != 40<<30 || len(w.partitions) != 2 {
		t.Errorf("%+v, %v", r, err)
	}
	state, err := readReAgent(w.disk)
	if _, gone := os.Stat(image); err != nil || !w.disk.exists(recoveryImage) || state.Install.State != 0 || gone == nil {
		t.Errorf("Windows RE is still on: %+v, %v", state, err)
	}
	r, _, err = guest.RecoveryRemove.Do(t.Context(), guest.NewSession(w), guest.RecoveryRemoveParameters{})
	if err != nil || len(r.Removed) != 0 || r.Disabled {
		t.Errorf("again: %+v, %v", r, err)
	}
}

func TestRecoveryRemoveRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		damage func(*world)
		says   string
	}{
		"data behind it": {func(w *world) {
			w.partitions = append(w.partitions, Partition{Number: 5, Offset: 50 << 30, Size: 1 << 20, Type: basicGPT})
		}, "is no recovery partition"},
		"it is active":            {func(w *world) { w.partitions[2].Active = true }, "the machine starts from it"},
		"no Windows":              {func(w *world) { w.partitions[1].Windows = false }, "drive letter C"},
		"its partition has moved": {func(w *world) { w.partitions[2].Offset += 1 << 20 }, "reagentc.exe /disable ended with 50"},
		"C: stays small":          {func(w *world) { w.stuck = true }, "after it was extended"},
	} {
		t.Run(name, func(t *testing.T) {
			w := withRecovery(t)
			c.damage(w)
			_, _, err := guest.RecoveryRemove.Do(t.Context(), guest.NewSession(w), guest.RecoveryRemoveParameters{})
			if e := (*guest.Error)(nil); !errors.As(err, &e) || !strings.Contains(e.Message, c.says) {
				t.Errorf("got %v, want %q", err, c.says)
			}
			if name != "C: stays small" && len(w.partitions) < 3 {
				t.Error("a partition was removed")
			}
		})
	}
}

func TestPartitionType(t *testing.T) {
	recovery := [16]byte{0xa4, 0xbb, 0x94, 0xde, 0xd1, 0x06, 0x40, 0x4d, 0xa1, 0x6a, 0xbf, 0xd5, 0x01, 0x79, 0xd6, 0xac}
	if got := PartitionType(true, recovery, 0); got != recoveryGPT {
		t.Errorf("got %s, want %s", got, recoveryGPT)
	}
	if got := PartitionType(false, recovery, 0x27); got != recoveryMBR {
		t.Errorf("got %s", got)
	}
}
