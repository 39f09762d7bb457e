//go:build linux

package libvirtapi_test

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/libvirtapi"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/libvirtapi/libvirttest"
)

// A stopped network is started and left so, and a real DHCP client's lease is found by its MAC.
func TestNetworkAndLease(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root: it puts a DHCP client on a bridge")
	}
	c := libvirttest.Connect(t)
	const subnet = "192.168.243"
	id := fmt.Sprintf("wt%x", time.Now().UnixNano()&0xffffff)
	doc := filepath.Join(t.TempDir(), "net.xml")
	xml := fmt.Sprintf(`<network><name>%s</name><bridge name='%s'/><ip address='%s.1' netmask='255.255.255.0'>
<dhcp><range start='%s.50' end='%s.60'/></dhcp></ip></network>`, id, id, subnet, subnet, subnet)
	if err := os.WriteFile(doc, []byte(xml), 0o600); err != nil {
		t.Fatal(err)
	}
	libvirttest.Virsh(t, "net-define", doc)
	t.Cleanup(func() {
		_ = exec.Command("virsh", "net-destroy", id).Run()
		libvirttest.Virsh(t, "net-undefine", id)
	})

	if n, err := c.Network(t.Context(), id); err != nil || n != (libvirtapi.Network{Name: id, Bridge: id, DHCP: true}) {
		t.Errorf("stopped: %+v, %v", n, err)
	}
	if started, err := c.StartNetwork(t.Context(), id); err != nil || !started {
		t.Fatalf("%v, %v", started, err)
	}
	if started, err := c.StartNetwork(t.Context(), id); err != nil || started {
		t.Errorf("started twice: %v, %v", started, err)
	}
	if n, err := c.Network(t.Context(), id); err != nil || !n.Active {
		t.Errorf("%+v, %v", n, err)
	}

	const mac = "52:54:00:5e:ed:01"
	if _, err := c.Lease(t.Context(), id, mac); !errors.Is(err, libvirtapi.ErrNotFound) {
		t.Errorf("before there is one: %v", err)
	}
	dhcpClient(t, id, mac)
	// dnsmasq tells libvirt of a lease through a helper process, after the
	// client has its answer
	var l libvirtapi.Lease
	var err error
	for range 600 {
		if l, err = c.Lease(t.Context(), id, strings.ToUpper(mac)); !errors.Is(err, libvirtapi.ErrNotFound) {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	if err != nil || !netip.MustParsePrefix(subnet+".0/24").Contains(l.Address) || l.Expires.Before(time.Now()) {
		t.Errorf("%+v, %v", l, err)
	}
	if _, err := c.Network(t.Context(), "no-such-net"); !errors.Is(err, libvirtapi.ErrNotFound) || !strings.Contains(err.Error(), id) {
		t.Errorf("the error must list what there is: %v", err)
	}
}

// dhcpClient asks for an address on the bridge from a network namespace of its own.
func dhcpClient(t *testing.T, bridge, mac string) {
	t.Helper()
	run := func(args ...string) {
		t.Helper()
		if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%v (Debian packages iproute2, busybox-static): %v\n%s", args, err, out)
		}
	}
	ns, inside, outside := bridge+"n", bridge+"i", bridge+"o"
	run("ip", "netns", "add", ns)
	t.Cleanup(func() { _ = exec.Command("ip", "netns", "del", ns).Run() })
	run("ip", "link", "add", outside, "type", "veth", "peer", "name", inside, "address", mac, "netns", ns)
	t.Cleanup(func() { _ = exec.Command("ip", "link", "del", outside).Run() })
	run("ip", "link", "set", outside, "master", bridge, "up")
	run("ip", "-n", ns, "link", "set", inside, "up")
	run("ip", "netns", "exec", ns, "busybox", "udhcpc", "-f", "-q", "-n", "-t", "60", "-T", "1", "-s", "/bin/true", "-i", inside)
}
