package guest

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// program runs one of the initramfs's programs.
func program(name string, args ...string) error {
	cmd := exec.Command("/bin/"+name, args...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, out.Bytes())
	}
	return nil
}

// ntfs is a mounted NTFS volume: ntfs-3g serves it as a child of PID 1.
type ntfs struct {
	device string
	at     string
	server *exec.Cmd
	out    *bytes.Buffer
}

// mountNTFS mounts a volume and waits until it is there.
func mountNTFS(device, at string) (*ntfs, error) {
	if err := os.MkdirAll(at, 0o755); err != nil {
		return nil, err
	}
	v := &ntfs{device: device, at: at, out: &bytes.Buffer{}}
	v.server = exec.Command("/bin/ntfs-3g", "-o", "no_detach,noatime,big_writes", device, at)
	v.server.Stdout, v.server.Stderr = v.out, v.out
	if err := v.server.Start(); err != nil {
		return nil, err
	}
	ended := make(chan error, 1)
	go func() { ended <- v.server.Wait() }()
	for range 1500 {
		time.Sleep(20 * time.Millisecond)
		select {
		case err := <-ended:
			if err == nil {
				err = errors.New("it ended without mounting")
			}
			return nil, fmt.Errorf("ntfs-3g %s: %w: %s", device, err, v.out.Bytes())
		default:
		}
		if isMounted(at) {
			return v, nil
		}
	}
	return nil, fmt.Errorf("ntfs-3g %s: not mounted after 30 s", device)
}

func isMounted(at string) bool {
	mounts, _ := os.ReadFile("/proc/mounts")
	return bytes.Contains(mounts, []byte(" "+at+" "))
}

// close unmounts the volume; what was written is on the disk afterwards.
func (v *ntfs) close() error {
	unix.Sync()
	if err := unix.Unmount(v.at, 0); err != nil {
		return fmt.Errorf("unmount %s: %w", v.at, err)
	}
	unix.Sync()
	return nil
}

// fitrim is the ioctl behind fstrim, _IOWR('X', 121, struct fstrim_range)
// (linux/fs.h); ntfs-3g answers it since 2015.3.14.
const fitrim = 0xc0185879

// trim discards what is free, as Optimize-Volume -ReTrim does.
func (v *ntfs) trim() error {
	unix.Sync()
	f, err := os.Open(v.at)
	if err != nil {
		return err
	}
	defer f.Close()
	free := struct{ start, length, minimum uint64 }{length: math.MaxUint64}
	if _, _, code := unix.Syscall(unix.SYS_IOCTL, f.Fd(), fitrim, uintptr(unsafe.Pointer(&free))); code != 0 {
		return fmt.Errorf("trim %s: %w", v.at, code)
	}
	logf("trimmed %d bytes of %s", free.length, v.at)
	return nil
}

// restart and powerOff end the machine by the firmware.
func restart() error  { return end(unix.LINUX_REBOOT_CMD_RESTART) }
func powerOff() error { return end(unix.LINUX_REBOOT_CMD_POWER_OFF) }

func end(command int) error {
	unix.Sync()
	return unix.Reboot(command)
}
