package guest

import (
	"crypto/rand"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/windows/partition"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/windows/setup"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/windows/wimfile"
)

// partition writes the disk's table and waits for the kernel to see it.
func (g *machine) partition(wim *wimfile.File, disk string, i *setup.Installation) error {
	entries := make([]partition.Entry, len(i.Layout.Partitions))
	for n, p := range i.Layout.Partitions {
		entries[n] = tableEntry(p)
	}
	f, err := os.OpenFile("/dev/"+disk, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	if firmware() == setup.UEFI {
		_, err = partition.WriteGPT(f, diskBytes(disk), rand.Reader, entries)
	} else {
		var boot []byte
		if boot, err = wimContent(wim, i.Image.Index, "Windows/Boot/PCAT/standin.mbr"); err == nil {
			_, err = partition.WriteMBR(f, diskBytes(disk), rand.Reader, boot, entries)
		}
	}
	if err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := unix.IoctlSetInt(int(f.Fd()), unix.BLKRRPART, 0); err != nil {
		return fmt.Errorf("read the partition table again: %w", err)
	}
	return waitForNode(partitionNode(disk, len(entries)))
}

func waitForNode(path string) error {
	for range 500 { // looks, not time: a busy host may let the whole machine stand
		if _, err := os.Stat(path); err == nil {
			return nil
		}
		time.Sleep(20 * time.Millisecond)
	}
	return fmt.Errorf("%s does not appear", path)
}

// tableEntry is a partition as the table has it: types and names that Windows
// gives.
func tableEntry(p setup.Partition) partition.Entry {
	e := partition.Entry{MiB: p.MiB, Active: p.Active, Kind: 0x07, Type: partition.BasicData, Name: "Basic data partition"}
	switch p.Kind {
	case "EFI":
		e.Type, e.Name = partition.EFISystem, "EFI system partition"
	case "MSR":
		e.Type, e.Name = partition.MicrosoftReserve, "Microsoft reserved partition"
	}
	if p.Format == "FAT32" {
		e.Kind = 0x0c
	}
	if p.Recovery() {
		e.Type, e.Kind = partition.Recovery, partition.RecoveryKind
	}
	return e
}

// format makes the file systems.
func (g *machine) format(disk string, layout setup.Layout) error {
	for n, p := range layout.Partitions {
		node := partitionNode(disk, n+1)
		var err error
		switch p.Format {
		case "FAT32":
			args := []string{"-F", "32"}
			if p.Label != "" {
				args = append(args, "-n", p.Label)
			}
			err = program("mkfs.vfat", append(args, node)...)
		case "NTFS":
			args := []string{"-Q", "-F", "-q"}
			if p.Label != "" {
				args = append(args, "-L", p.Label)
			}
			err = program("mkntfs", append(args, node)...)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// applyImage writes the files of an image, as DISM /Apply-Image does.
func applyImage(wim *wimfile.File, index int, root string) error {
	return wim.Walk(index, func(name string, content *io.SectionReader) error {
		path := filepath.Join(root, filepath.FromSlash(name))
		switch {
		case content == nil:
			return os.MkdirAll(path, 0o755)
		case filepath.Base(name) == ".keep":
			return nil
		}
		f, err := os.Create(path)
		if err != nil {
			return err
		}
		if _, err := io.CopyBuffer(struct{ io.Writer }{f}, content, make([]byte, 1<<20)); err != nil {
			f.Close()
			return err
		}
		return f.Close()
	})
}

// wimContent reads one file of an image.
func wimContent(wim *wimfile.File, index int, name string) ([]byte, error) {
	var data []byte
	err := wim.Walk(index, func(at string, content *io.SectionReader) error {
		if at != name || content == nil {
			return nil
		}
		var err error
		data, err = io.ReadAll(content)
		return err
	})
	if err == nil && data == nil {
		err = fmt.Errorf("the image holds no %s", name)
	}
	return data, err
}

func writeUnder(root, name string, data []byte) error {
	path := filepath.Join(root, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, data, 0o644)
}
