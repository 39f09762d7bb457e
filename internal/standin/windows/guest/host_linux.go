package guest

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/beacon"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/windows"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/windows/model"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/windows/setup"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/winrm"
)

// host is the machine that the model of Windows runs on.
type host struct {
	machine *machine
	volume  *ntfs
	discs   map[string]fs.FS
	model   *model.Model
	network network
	leaving chan func() error // restart or powerOff
	grown   atomic.Bool       // drive C:'s partition, not yet its file system

	remote *remote
	// crashing: the machine restarts as after a blue screen
	crashing atomic.Bool

	mu     sync.Mutex
	faults windows.Faults
	server *winrm.Server
	undo   []func() // troubles of WinRM
}

func newHost(g *machine, volume *ntfs, discs []setup.Disc) *host {
	h := &host{machine: g, volume: volume, discs: map[string]fs.FS{}, leaving: make(chan func() error, 4), faults: g.config.Faults}
	for _, d := range discs {
		h.discs[d.Letter] = d.FS
	}
	h.remote = newRemote(h)
	g.port.onDrop = func() {
		if err := h.network.hold(true); err != nil {
			logf("network: %v", err)
		}
	}
	return h
}

// Beacon writes a line to COM1.
func (h *host) Beacon(e beacon.Event) {
	logf("beacon %s", e)
	h.machine.port.send(e.String())
}

// Root is where C: is mounted.
func (h *host) Root() string { return h.volume.at }

// Discs are the CDs by drive letter.
func (h *host) Discs() map[string]fs.FS { return h.discs }

// Faults are the defects this guest shows.
func (h *host) Faults() windows.Faults {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.faults
}

// Logf writes to the stand-in's own log.
func (h *host) Logf(format string, args ...any) { logf(format, args...) }

// Devices are the PCI functions that are there now.
func (h *host) Devices() []model.PCIDevice {
	var all []model.PCIDevice
	for _, d := range pciDevices() {
		all = append(all, model.PCIDevice(d))
	}
	return all
}

// NetworkUp waits for link and lease.
func (h *host) NetworkUp(ctx context.Context) error { return h.network.wait(ctx) }

// DropLink takes the network away for a moment.
func (h *host) DropLink(ctx context.Context) error {
	if networkDevice() == "" {
		return nil
	}
	if err := h.network.hold(true); err != nil {
		return err
	}
	select {
	case <-time.After(time.Second):
	case <-ctx.Done():
	}
	return errors.Join(h.network.hold(false), ctx.Err())
}

// StartWinRM listens for HTTPS.
func (h *host) StartWinRM(certificate tls.Certificate, port int) error {
	server, err := winrm.NewServer(winrm.Config{
		Certificate: certificate, Authenticate: h.model.Authenticate, Start: h.remote.start, Log: logf,
	})
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", fmt.Sprintf(":%d", port))
	if err != nil {
		return err
	}
	h.mu.Lock()
	h.server = server
	troubles := h.faults.WinRM
	h.mu.Unlock()
	if err := h.trouble(troubles); err != nil {
		return err
	}
	go func() {
		if err := server.Serve(listener); err != nil && !errors.Is(err, http.ErrServerClosed) {
			logf("WinRM: %v", err)
		}
	}()
	return nil
}

// StopWinRM closes the listener and every connection.
func (h *host) StopWinRM() {
	h.mu.Lock()
	server := h.server
	h.server = nil
	h.mu.Unlock()
	if server != nil {
		if err := server.Close(); err != nil {
			logf("WinRM: %v", err)
		}
	}
}

// Trim gives the free clusters of C: back to the disk.
func (h *host) Trim() error { return h.volume.trim() }

// Reboot asks for a restart, PowerOff for a power-off.
func (h *host) Reboot() {
	if h.Faults().IgnoreRestart {
		logf("the restart is put off")
		return
	}
	h.leave(restart)
}

func (h *host) PowerOff() { h.leave(powerOff) }

func (h *host) leave(by func() error) {
	select {
	case h.leaving <- by:
	default: // it is leaving already
	}
}

// serve waits until Windows leaves, saves it and ends the machine.
func (h *host) serve() error {
	by := <-h.leaving
	if !h.crashing.Load() { // else nobody is told: connections stay as they are
		progress("Shutting down")
		h.StopWinRM()
	}
	if err := h.model.Save(h.Root()); err != nil {
		return err
	}
	if err := h.closeVolume(); err != nil {
		return err
	}
	if err := h.growVolume(); err != nil {
		return err
	}
	return by()
}

// closeVolume unmounts C:, waiting for what still has a file open there.
func (h *host) closeVolume() error {
	var err error
	for range 50 {
		if err = h.volume.close(); err == nil {
			return nil
		}
		time.Sleep(100 * time.Millisecond)
	}
	return err
}

// powerKey is KEY_POWER in an input_event of type EV_KEY, pressed.
var powerKey = []byte{1, 0, 116, 0, 1, 0, 0, 0}

// watchPowerButton shuts down when somebody presses the ACPI power button, as
// Windows does by default.
func (h *host) watchPowerButton() {
	nodes, _ := filepath.Glob("/dev/input/event*")
	for _, node := range nodes {
		go func() {
			f, err := os.Open(node)
			if err != nil {
				return
			}
			defer f.Close()
			event := make([]byte, 24)
			for {
				if n, err := f.Read(event); err != nil || n != len(event) {
					return
				}
				if bytes.Equal(event[16:], powerKey) && !h.Faults().IgnoreShutdown {
					logf("power button")
					h.PowerOff()
				}
			}
		}()
	}
}
