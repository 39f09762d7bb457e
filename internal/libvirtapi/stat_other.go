//go:build !unix

package libvirtapi

import "fmt"

// LocalStat is Stat of this machine, which has no Unix permissions and so no local QEMU.
func LocalStat(path string) (PathInfo, error) {
	return PathInfo{}, fmt.Errorf("stat %s: this system has no Unix permissions", path)
}
