package guest

import (
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/windows"
)

// port is COM1. Windows prints nothing there by itself: only beacons do.
type port struct {
	mu     sync.Mutex
	file   *os.File
	faults windows.Faults
	onDrop func()
}

// open finds COM1; a machine without one swallows its beacons, as
// `>COM1 2>nul` does.
func (p *port) open() { p.file = openUART("/dev/ttyS0", "COM1", unix.O_WRONLY) }

// openUART opens a serial port raw, or gives nil when there is no UART behind
// the node.
func openUART(node, name string, access int) *os.File {
	fd, err := unix.Open(node, access|unix.O_NOCTTY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil
	}
	settings, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		unix.Close(fd)
		return nil
	}
	settings.Oflag &^= unix.OPOST
	settings.Iflag &^= unix.ICRNL | unix.INLCR | unix.IGNCR | unix.IXON | unix.ISTRIP
	settings.Lflag &^= unix.ECHO | unix.ICANON | unix.ISIG | unix.IEXTEN
	settings.Cflag = unix.CS8 | unix.CREAD | unix.CLOCAL | unix.B115200
	if err := unix.IoctlSetTermios(fd, unix.TCSETS, settings); err != nil {
		unix.Close(fd)
		return nil
	}
	return os.NewFile(uintptr(fd), name)
}

// send writes one line, and commits the faults that hang on it.
func (p *port) send(line string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.file != nil && !p.faults.SilentConsole {
		_ = p.file.SetWriteDeadline(time.Now().Add(2 * time.Second))
		_, _ = p.file.WriteString(line + "\r\n")
	}
	said := strings.TrimPrefix(line, "wintemplate: ")
	if at := p.faults.DropNIC; at != "" && strings.HasPrefix(said, at) && p.onDrop != nil {
		p.onDrop()
	}
	if at := p.faults.FreezeAfter; at != "" && strings.HasPrefix(said, at) {
		freeze()
	}
}

// show exchanges the faults that hang on beacons.
func (p *port) show(f windows.Faults) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults = f
}

// freeze stops everything, as a guest does whose processor hangs.
func freeze() {
	_ = os.WriteFile("/proc/sys/kernel/sysrq", []byte("1"), 0)
	_ = os.WriteFile("/proc/sysrq-trigger", []byte("c"), 0) // panic=0: it hangs
	select {}
}
