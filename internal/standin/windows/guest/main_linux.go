package guest

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/windows/setup"
)

// Main plays Windows until it restarts or powers off. It never returns.
func Main() {
	os.Setenv("PATH", "/bin")
	g := &machine{}
	err := g.prepare()
	if err == nil {
		switch part := commandLine("standin"); part {
		case "winpe":
			err = g.runSetup()
		case "windows":
			err = g.runWindows()
		default:
			err = fmt.Errorf("standin=%q on the kernel's command line", part)
		}
	}
	g.stop(err)
}

// machine is the virtual machine as PID 1 sees it.
type machine struct {
	modules map[string][]string
	port    port
	config  configured
}

// prepare mounts the kernel's own file systems and loads what Windows brings
// along.
func (g *machine) prepare() error {
	for _, m := range []struct{ kind, at string }{
		{"devtmpfs", "/dev"}, {"proc", "/proc"}, {"sysfs", "/sys"}, {"tmpfs", "/run"}, {"tmpfs", "/tmp"},
	} {
		if err := unix.Mount(m.kind, m.at, m.kind, 0, ""); err != nil {
			return fmt.Errorf("mount %s: %w", m.at, err)
		}
	}
	if err := g.readModules(); err != nil {
		return err
	}
	if err := g.load("inbox"); err != nil {
		return err
	}
	g.port.open()
	return nil
}

// stop shows why nothing goes on and stays there, as Windows does: a screen
// that nobody sees, and not a word on COM1.
func (g *machine) stop(err error) {
	var screen *setup.Screen
	if !errors.As(err, &screen) {
		// Not a screen of Windows: the stand-in itself has failed.
		logKernel()
		screen = &setup.Screen{ID: "stand-in", Title: "The stand-in has failed", Text: fmt.Sprint(err)}
	}
	show(screen)
	for {
		time.Sleep(time.Hour)
	}
}

// commandLine is the value of a key on the kernel's command line.
func commandLine(key string) string {
	text, err := os.ReadFile("/proc/cmdline")
	if err != nil {
		return ""
	}
	for _, word := range strings.Fields(string(text)) {
		if value, ok := strings.CutPrefix(word, key+"="); ok {
			return value
		}
	}
	return ""
}
