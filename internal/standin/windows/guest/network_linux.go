package guest

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/windows/dhcp"
)

// network keeps the first network adapter configured, as Windows' DHCP client
// does: whenever there is a driver, an adapter and a link.
type network struct {
	mu      sync.Mutex
	held    bool // the adapter is gone for now
	address net.IP
}

// pause between two looks at the link.
const linkPoll = 200 * time.Millisecond

// keep looks after the adapter until the machine ends. ready brings the
// driver; it fails while Windows has none.
func (n *network) keep(ready func() error, hostName func() string) {
	for ; ; time.Sleep(linkPoll) {
		if err := ready(); err != nil {
			logf("network driver: %v", err)
			return
		}
		device := networkDevice()
		if device == "" || n.isHeld() {
			continue
		}
		if err := setLink(device, true); err != nil {
			logf("network: %v", err)
			continue
		}
		switch linked, has := hasCarrier(device), n.current() != nil; {
		case !linked && has:
			n.set(nil)
		case linked && !has:
			if address, err := lease(device, hostName()); err != nil {
				logf("network: %v", err)
			} else {
				logf("address %s on %s", address, device)
				n.set(address)
			}
		}
	}
}

func (n *network) isHeld() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.held
}

func (n *network) current() net.IP {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.address
}

func (n *network) set(address net.IP) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.held {
		n.address = address
	}
}

// hold takes the adapter away, or gives it back.
func (n *network) hold(held bool) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.held, n.address = held, nil
	if device := networkDevice(); held && device != "" {
		return setLink(device, false)
	}
	return nil
}

// wait waits for an address.
func (n *network) wait(ctx context.Context) error {
	for n.current() == nil {
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: %w", n.missing(), ctx.Err())
		case <-time.After(linkPoll / 2):
		}
	}
	return nil
}

func (n *network) missing() string {
	switch device := networkDevice(); {
	case device == "":
		return "no network adapter has a driver"
	case !hasCarrier(device):
		return "the network cable is unplugged"
	default:
		return "no DHCP server has given an address"
	}
}

// networkDevice is the first network adapter, or nothing.
func networkDevice() string {
	entries, _ := os.ReadDir("/sys/class/net")
	for _, e := range entries {
		if e.Name() != "lo" {
			return e.Name()
		}
	}
	return ""
}

func hasCarrier(device string) bool {
	text, _ := os.ReadFile("/sys/class/net/" + device + "/carrier")
	return strings.TrimSpace(string(text)) == "1"
}

// lease asks DHCP for an address and configures the adapter with it.
func lease(device, hostName string) (net.IP, error) {
	adapter, err := net.InterfaceByName(device)
	if err != nil {
		return nil, err
	}
	conn, closeConn, err := dhcp.Listen(device)
	if err != nil {
		return nil, err
	}
	defer closeConn()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	got, err := dhcp.Acquire(ctx, conn, adapter.HardwareAddr, hostName)
	if err != nil {
		return nil, err
	}
	return got.Offered, configure(device, got)
}

// networkDriver loads virtio_net once Windows has NetKVM. Until then there is
// no adapter, unless it is one that Windows knows by itself.
func (h *host) networkDriver() func() error {
	loaded := false
	return func() error {
		if loaded {
			return nil
		}
		if !fileExists(filepath.Join(h.Root(), "Windows/System32/drivers/netkvm.sys")) {
			return nil
		}
		loaded = true
		return h.machine.load("netkvm")
	}
}

func fileExists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
