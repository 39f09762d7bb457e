package guest

import (
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/windows/model"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/windows/partition"
)

// installRecovery is Setup's Windows RE at the first start from the disk: it
// shrinks drive C: and puts a recovery partition behind it, or, on older
// builds, uses C:\Recovery. It gives the volume back mounted.
func installRecovery(volume *ntfs) (*ntfs, error) {
	r, first, err := readRecord(volume.at)
	if err != nil || !first {
		return volume, err
	}
	if r.RecoveryMiB == 0 {
		return volume, model.InstallRecovery(volume.at, volume.at, 0)
	}
	if err := volume.close(); err != nil {
		return nil, err
	}
	disk, number := partitionOf(volume.device)
	added, err := shrinkFor(disk, number, r.RecoveryMiB)
	if err != nil {
		return nil, err
	}
	node := partitionNode(disk, added.Number)
	if err := program("mkntfs", "-Q", "-F", "-q", node); err != nil {
		return nil, err
	}
	if volume, err = mountNTFS(volume.device, volume.at); err != nil {
		return nil, err
	}
	recovery, err := mountNTFS(node, "/mnt/R")
	if err != nil {
		return nil, err
	}
	if err := model.InstallRecovery(volume.at, recovery.at, added.Offset); err != nil {
		return nil, err
	}
	return volume, recovery.close()
}

// shrinkFor makes drive C: smaller by a recovery partition and adds that.
func shrinkFor(disk string, number int, mib int64) (partition.Partition, error) {
	var added partition.Partition
	err := changeTable(disk, func(t *partition.Table) error {
		room, err := t.Room(number)
		if err != nil {
			return err
		}
		size := room - mib<<20
		// The file system first: it must never reach beyond its partition.
		if err := resizeNTFS(partitionNode(disk, number), size); err != nil {
			return err
		}
		if err := t.Resize(number, size); err != nil {
			return err
		}
		at, err := t.AddRecovery(number, rand.Reader)
		for _, p := range t.Partitions {
			if p.Number == at {
				added = p
			}
		}
		return err
	})
	if err != nil {
		return added, err
	}
	f, err := os.OpenFile("/dev/"+disk, os.O_RDWR, 0)
	if err != nil {
		return added, err
	}
	defer f.Close()
	if err := unix.IoctlSetInt(int(f.Fd()), unix.BLKRRPART, 0); err != nil {
		return added, fmt.Errorf("read the partition table again: %w", err)
	}
	return added, waitForNode(partitionNode(disk, added.Number))
}

// changeTable reads a disk's table, changes it and writes it.
func changeTable(disk string, change func(*partition.Table) error) error {
	f, err := os.OpenFile("/dev/"+disk, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	t, err := partition.Read(f, diskBytes(disk))
	if err != nil {
		return err
	}
	if err := change(t); err != nil {
		return err
	}
	if err := t.Write(f); err != nil {
		return err
	}
	return f.Sync()
}

// resizeNTFS gives an unmounted file system a size, or with 0 that of its
// partition. ntfsresize leaves it marked for chkdsk, as Windows does not.
func resizeNTFS(node string, size int64) error {
	args := []string{"-f", "-f", "-P"}
	if size > 0 {
		args = append(args, "-s", strconv.FormatInt(size, 10))
	}
	if err := program("ntfsresize", append(args, node)...); err != nil {
		return err
	}
	return program("ntfsfix", "-d", node)
}

// partitionOf takes a device node apart.
func partitionOf(node string) (disk string, number int) {
	name := filepath.Base(node)
	for _, disk := range blockDisks() {
		if rest, ok := strings.CutPrefix(name, disk); ok {
			number, err := strconv.Atoi(strings.TrimPrefix(rest, "p"))
			if err == nil {
				return disk, number
			}
		}
	}
	return "", 0
}

// Partitions are those of the disk that drive C: is on.
func (h *host) Partitions() ([]model.Partition, error) {
	disk, number := partitionOf(h.volume.device)
	f, err := os.Open("/dev/" + disk)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	t, err := partition.Read(f, diskBytes(disk))
	if err != nil {
		return nil, err
	}
	all := make([]model.Partition, len(t.Partitions))
	for i, p := range t.Partitions {
		room, err := t.Room(p.Number)
		if err != nil {
			return nil, err
		}
		all[i] = model.Partition{
			Number: p.Number, Offset: p.Offset, Size: p.Size, Room: room, Active: p.Active, Windows: p.Number == number,
			Type: model.PartitionType(t.GPT, p.Type, p.Kind),
		}
	}
	return all, nil
}

// MountPartition mounts an NTFS partition of the system disk.
func (h *host) MountPartition(number int) (string, func() error, error) {
	disk, _ := partitionOf(h.volume.device)
	v, err := mountNTFS(partitionNode(disk, number), "/mnt/R")
	if err != nil {
		return "", nil, err
	}
	return v.at, v.close, nil
}

// RemovePartition takes one out of the table and out of the kernel's.
func (h *host) RemovePartition(number int) error {
	disk, _ := partitionOf(h.volume.device)
	if err := changeTable(disk, func(t *partition.Table) error { return t.Remove(number) }); err != nil {
		return err
	}
	return tellKernel(disk, blkpgDelete, number, partition.Span{})
}

// ExtendWindows makes drive C:'s partition as large as it can be. Its file
// system follows when Windows leaves (growVolume), since ntfs-3g has it
// mounted; Windows extends both at once.
func (h *host) ExtendWindows() error {
	disk, number := partitionOf(h.volume.device)
	var span partition.Span
	err := changeTable(disk, func(t *partition.Table) error {
		room, err := t.Room(number)
		if err != nil {
			return err
		}
		if err := t.Resize(number, room); err != nil {
			return err
		}
		for _, p := range t.Partitions {
			if p.Number == number {
				span = p.Span
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	h.grown.Store(true)
	return tellKernel(disk, blkpgResize, number, span)
}

// growVolume lets the unmounted file system of drive C: follow its partition.
func (h *host) growVolume() error {
	if !h.grown.Swap(false) {
		return nil
	}
	return resizeNTFS(h.volume.device, 0)
}

// Operations of the kernel's BLKPG (linux/blkpg.h), which changes partitions
// of a disk in use.
const (
	blkpgDelete = 2
	blkpgResize = 3
)

type blkpgPartition struct {
	start, length int64 // bytes
	number        int32
	names         [128]byte
	_             [4]byte
}

type blkpgArgument struct {
	operation, flags, length int32
	_                        int32
	data                     unsafe.Pointer
}

func tellKernel(disk string, operation int32, number int, span partition.Span) error {
	f, err := os.OpenFile("/dev/"+disk, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	p := blkpgPartition{start: span.Offset, length: span.Size, number: int32(number)}
	a := blkpgArgument{operation: operation, length: int32(unsafe.Sizeof(p)), data: unsafe.Pointer(&p)}
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, f.Fd(), unix.BLKPG, uintptr(unsafe.Pointer(&a))); errno != 0 {
		return fmt.Errorf("BLKPG %d of partition %d of %s: %w", operation, number, disk, errno)
	}
	return nil
}
