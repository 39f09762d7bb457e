package diskcheck

import (
	"encoding/binary"
	"fmt"
	"strings"
)

// alignment is what partitioning tools round to; less than two of it is no
// room that anybody would miss.
const alignment = 1 << 20

// checkRoom wants drive C: to be able to grow: cloudbase-init's ExtendVolumes
// and ExtendOSPartition only extend a volume into space that follows it, so in
// a clone with a larger disk any partition behind Windows keeps C: at the size
// of the build. Setup of Windows Server 2022 and 2025 and Windows 11 puts a
// recovery partition there (unattend-generator#11).
func (c *checker) checkRoom() {
	const id = "windows-last"
	var behind []string
	kept := c.want.KeepRecovery
	for _, p := range c.table.partitions {
		if p.start <= c.home.start {
			continue
		}
		behind = append(behind, p.String())
		kept = kept && p.kind == "recovery"
	}
	switch {
	case len(behind) == 0:
		c.ok(id, c.home.String(), "the last partition of the disk")
	case kept:
		c.ok(id, c.home.String(), "before "+strings.Join(behind, ", ")+", which was to be kept; an instance cannot extend drive C:")
	default:
		c.fail(id, c.home.String(), "before "+strings.Join(behind, ", ")+": an instance cannot extend drive C:",
			`the sysprep block removes a recovery partition that Setup adds; put other partitions before Windows`)
	}
	c.checkFilled()
}

// checkFilled wants the file system to be as large as its partition: one that
// was left behind when the partition grew does not grow later either, since
// Windows extends into unallocated space only.
func (c *checker) checkFilled() {
	const id = "windows-filled"
	boot := make([]byte, sector)
	if _, err := c.disk.ReadAt(boot, c.home.start); err != nil {
		c.unknown(id, c.home.String(), err)
		return
	}
	// The boot sector counts all sectors but the last, where its copy lies.
	bytes := (int64(binary.LittleEndian.Uint64(boot[40:])) + 1) * int64(binary.LittleEndian.Uint16(boot[11:]))
	if bytes < 0 || bytes > c.home.size || c.home.size-bytes >= 2*alignment {
		c.fail(id, "drive C:", fmt.Sprintf("a file system of %d bytes on %s of %d bytes", bytes, c.home, c.home.size), "was the partition resized without its file system? install again")
		return
	}
	c.ok(id, "drive C:", fmt.Sprintf("the file system fills its partition of %d MiB", c.home.size>>20))
}
