//go:build unix

package libvirt

import "golang.org/x/sys/unix"

// freeSpace gives the bytes that this user can still write to path's file
// system.
func freeSpace(path string) (uint64, error) {
	var fs unix.Statfs_t
	if err := unix.Statfs(path, &fs); err != nil {
		return 0, err
	}
	return fs.Bavail * uint64(fs.Bsize), nil
}
