package libvirt

import (
	"fmt"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/libvirtapi"
)

// ownership is owner and mode of the user's ISO: libvirt must not change them
// (cockpit#20431), and the build looks whether it has.
type ownership struct {
	libvirtapi.PathInfo
	known bool // false where the system has no such thing
}

func ownershipOf(path string) ownership {
	info, err := libvirtapi.LocalStat(path)
	return ownership{PathInfo: info, known: err == nil}
}

// check compares with what path has now.
func (o ownership) check(path string) error {
	now := ownershipOf(path)
	if !o.known || !now.known || now.PathInfo == o.PathInfo {
		return nil
	}
	return fmt.Errorf("%s was uid %d gid %d %s and is uid %d gid %d %s now; libvirt was told to leave it alone",
		path, o.UID, o.GID, o.Mode, now.UID, now.GID, now.Mode)
}
