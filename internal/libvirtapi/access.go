package libvirtapi

import "io/fs"

// Stat is what CheckAccess asks of a file system: mode, owner and group of a path, symbolic
// links followed. LocalStat is this machine's.
type Stat func(path string) (PathInfo, error)

// PathInfo is what Stat found.
type PathInfo struct {
	Mode     fs.FileMode
	UID, GID uint32
}
