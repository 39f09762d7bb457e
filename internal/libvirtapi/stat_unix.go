//go:build unix

package libvirtapi

import (
	"fmt"
	"os"
	"syscall"
)

// LocalStat is Stat of this machine.
func LocalStat(path string) (PathInfo, error) {
	fi, err := os.Stat(path)
	if err != nil {
		return PathInfo{}, err
	}
	st, ok := fi.Sys().(*syscall.Stat_t)
	if !ok {
		return PathInfo{}, fmt.Errorf("stat %s: no owner", path)
	}
	return PathInfo{Mode: fi.Mode(), UID: st.Uid, GID: st.Gid}, nil
}
