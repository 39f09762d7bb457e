package guest

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/windows"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/windows/setup"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/windows/winfs"
)

// configured is the stand-in's own configuration and where it was found.
type configured struct {
	windows.Config
	folder string // mount point of the installation disc
}

// firstLetter is what Windows gives the first CD drive: C belongs to the disk.
const firstLetter = 'D'

// mountDiscs mounts every CD by its drive letter. A drive keeps its letter when
// it is empty.
func mountDiscs() []setup.Disc {
	drives, _ := filepath.Glob("/sys/block/sr*")
	slices.Sort(drives)
	var discs []setup.Disc
	for i, drive := range drives {
		letter := string(rune(firstLetter + i))
		at := "/mnt/" + letter
		if err := os.MkdirAll(at, 0o755); err != nil {
			continue
		}
		if err := mountDisc("/dev/"+filepath.Base(drive), at); err == nil {
			discs = append(discs, setup.Disc{Letter: letter, FS: winfs.New(os.DirFS(at))})
		}
	}
	return discs
}

// mountDisc mounts a CD. Windows prefers UDF where a disc has both.
func mountDisc(device, at string) error {
	var err error
	for _, kind := range []string{"udf", "iso9660"} {
		if err = unix.Mount(device, at, kind, unix.MS_RDONLY, ""); err == nil {
			return nil
		}
	}
	return err
}

// waitForDiscs waits until the CD drives have answered: their controllers find
// them one after the other. It counts its looks and not the time, which goes on
// while a busy host lets the whole machine stand.
func waitForDiscs() {
	const look = 50 * time.Millisecond
	const settle, alone, limit = 300 * time.Millisecond / look, 5 * time.Second / look, 30 * time.Second / look
	last, same := "", time.Duration(0)
	for range limit {
		drives, _ := filepath.Glob("/sys/block/sr*")
		if now := strings.Join(drives, " "); now != last {
			last, same = now, 0
		}
		// Next to an installation disc there is nearly always another one, which
		// a busy host may find seconds later.
		patience := settle
		if len(drives) == 1 {
			patience = alone
		}
		if same++; last != "" && same > patience {
			return
		}
		time.Sleep(look)
	}
}

// readConfig finds the installation disc by the stand-in's own file on it.
func (g *machine) readConfig(discs []setup.Disc) error {
	for _, disc := range discs {
		data, err := fs.ReadFile(disc.FS, windows.ConfigPath)
		if err != nil {
			continue
		}
		g.config.folder = "/mnt/" + disc.Letter
		if err := json.Unmarshal(data, &g.config.Config); err != nil {
			return fmt.Errorf("%s: %w", windows.ConfigPath, err)
		}
		g.port.faults = g.config.Faults
		return nil
	}
	return fs.ErrNotExist
}
