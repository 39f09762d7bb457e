package libvirtapi

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
)

// Stat is what CheckAccess asks of a file system: mode, owner and group of a path, symbolic
// links followed. LocalStat is this machine's.
type Stat func(path string) (PathInfo, error)

// PathInfo is what Stat found.
type PathInfo struct {
	Mode     fs.FileMode
	UID, GID uint32
}

// CheckAccess says whether QEMU can read the file at the absolute path; nil when it can. Else an *Error that names
// the folder or file, what was found and what to try; ErrPermission, or what stat said. Pure but for stat.
//
// Every folder on the way must be open to QEMU's user: Ubuntu's homes (0750) are not. And AppArmor's helper
// forbids everything under a dot-folder of a home, where Packer's own cache lies (~/.cache/packer;
// crc-org/crc#1776).
//
// The path must have its symbolic links resolved (filepath.EvalSymlinks), as the overlay's header should too: QEMU walks
// the folders behind them. An ACL is not seen: a file that is readable by one alone counts as unreadable.
func CheckAccess(h Host, file string, stat Stat) error {
	const op = "let QEMU read"
	if !path.IsAbs(file) {
		return &Error{Op: op, Object: file, Message: "the path is not absolute"}
	}
	if h.Session {
		return nil // QEMU is the user
	}
	file = path.Clean(file)
	if dot := homeDotFolder(file); dot != "" && h.AppArmor {
		return &Error{
			Op: op, Object: file, Kind: ErrPermission,
			Message: fmt.Sprintf("AppArmor forbids QEMU what lies in %s, a hidden folder of a home", dot),
			Remedy:  "move the file out of it",
		}
	}
	if h.DiskUser.UID == 0 {
		return nil // root reads everything
	}
	denied := func(p, may string, info PathInfo) error {
		return &Error{
			Op: op, Object: file, Kind: ErrPermission,
			Message: fmt.Sprintf("%s has mode %04o and owner %d:%d, so QEMU's user %d:%d may not %s it",
				p, info.Mode.Perm(), info.UID, info.GID, h.DiskUser.UID, h.DiskUser.GID, may),
			Remedy: fmt.Sprintf("move the file, or open it (chmod o+%s %s)", map[string]string{"enter": "x", "read": "r"}[may], p),
		}
	}
	for _, dir := range parents(file) {
		info, err := stat(dir)
		if err != nil {
			return &Error{Op: op, Object: file, Message: err.Error(), Kind: statKind(err)}
		}
		if !h.DiskUser.may(info, 1) {
			return denied(dir, "enter", info)
		}
	}
	info, err := stat(file)
	if err != nil {
		return &Error{Op: op, Object: file, Message: err.Error(), Kind: statKind(err)}
	}
	if !h.DiskUser.may(info, 4) {
		return denied(file, "read", info)
	}
	return nil
}

// may tests one permission bit (4 read, 1 enter) of the class that the user is in: the first class that
// fits decides, as in the kernel.
func (u User) may(info PathInfo, bit fs.FileMode) bool {
	switch {
	case u.UID == info.UID:
		bit <<= 6
	case u.GID == info.GID:
		bit <<= 3
	}
	return info.Mode&bit != 0
}

// parents gives the folders from / down to the file's own.
func parents(file string) []string {
	list := []string{"/"}
	for i, r := range file {
		if r == '/' && i > 0 {
			list = append(list, file[:i])
		}
	}
	return list
}

// homeDotFolder finds the hidden folder (or file) directly in a home that a path leads through, as AppArmor's
// @{HOME}/.* means it: /home/*/ and /root/.
func homeDotFolder(file string) string {
	parts := strings.Split(strings.TrimPrefix(file, "/"), "/")
	depth := 0
	switch {
	case len(parts) > 2 && parts[0] == "home":
		depth = 2
	case len(parts) > 1 && parts[0] == "root":
		depth = 1
	default:
		return ""
	}
	if strings.HasPrefix(parts[depth], ".") {
		return "/" + strings.Join(parts[:depth+1], "/")
	}
	return ""
}

// statKind tells a file that is not there from one that can't be looked at.
func statKind(err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return ErrNotFound
	case errors.Is(err, fs.ErrPermission):
		return ErrPermission
	}
	return nil
}
