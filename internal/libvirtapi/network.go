package libvirtapi

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	golibvirt "github.com/digitalocean/go-libvirt"
	"libvirt.org/go/libvirtxml"
)

// Network is a libvirt network.
type Network struct {
	Name    string
	Active  bool
	Bridge  string // "virbr0"
	Forward string // "nat", "route", "open", "bridge" …; empty is isolated
	// DHCP is true when libvirt's dnsmasq gives addresses, so that Lease can work.
	DHCP bool
}

// Lease is an address that libvirt's DHCP server gave.
type Lease struct {
	Address  netip.Addr
	MAC      string
	Hostname string
	Expires  time.Time
}

// Network finds a network by name; ErrNotFound tells what there is.
func (c *Conn) Network(ctx context.Context, name string) (Network, error) {
	h, err := c.networkHandle(ctx, name)
	if err != nil {
		return Network{}, err
	}
	const op = "read network"
	doc, err := ask(ctx, c, op, name, func(l *golibvirt.Libvirt) (string, error) { return l.NetworkGetXMLDesc(h, 0) })
	if err != nil {
		return Network{}, err
	}
	active, err := ask(ctx, c, op, name, func(l *golibvirt.Libvirt) (int32, error) { return l.NetworkIsActive(h) })
	if err != nil {
		return Network{}, err
	}
	n, err := parseNetwork(doc)
	n.Active = active != 0
	return n, err
}

func parseNetwork(doc string) (Network, error) {
	var x libvirtxml.Network
	if err := x.Unmarshal(doc); err != nil {
		return Network{}, fmt.Errorf("the network's XML can't be read: %w", err)
	}
	n := Network{Name: x.Name}
	if x.Bridge != nil {
		n.Bridge = x.Bridge.Name
	}
	if x.Forward != nil {
		n.Forward = x.Forward.Mode
		if n.Forward == "" {
			n.Forward = "nat" // libvirt's default when the element has no mode
		}
	}
	for _, ip := range x.IPs {
		n.DHCP = n.DHCP || ip.DHCP != nil && ip.Family != "ipv6"
	}
	return n, nil
}

func (c *Conn) networkHandle(ctx context.Context, name string) (golibvirt.Network, error) {
	h, err := ask(ctx, c, "find network", name, func(l *golibvirt.Libvirt) (golibvirt.Network, error) {
		return l.NetworkLookupByName(name)
	})
	if !errors.Is(err, ErrNotFound) {
		return h, err
	}
	names, listErr := c.NetworkNames(ctx)
	switch {
	case listErr != nil:
	case len(names) == 0:
		err = withRemedy(err, "the host has no network at all; Debian, Ubuntu: sudo apt install libvirt-daemon-config-network")
	default:
		err = withRemedy(err, "the host has: "+strings.Join(names, ", "))
	}
	return h, err
}

// NetworkNames lists the host's networks, running or not, sorted.
func (c *Conn) NetworkNames(ctx context.Context) ([]string, error) {
	return ask(ctx, c, "list the networks of", c.uri, func(l *golibvirt.Libvirt) ([]string, error) {
		all, _, err := l.ConnectListAllNetworks(1, 0)
		names := make([]string, 0, len(all))
		for _, n := range all {
			names = append(names, n.Name)
		}
		slices.Sort(names)
		return names, err
	})
}

// StartNetwork starts it when it is stopped, and says whether it did. It is left running.
func (c *Conn) StartNetwork(ctx context.Context, name string) (started bool, err error) {
	h, err := c.networkHandle(ctx, name)
	if err != nil {
		return false, err
	}
	isActive := func() (bool, error) {
		n, err := ask(ctx, c, "read network", name, func(l *golibvirt.Libvirt) (int32, error) { return l.NetworkIsActive(h) })
		return n != 0, err
	}
	if active, err := isActive(); err != nil || active {
		return false, err
	}
	_, err = act(ctx, c, "start network", name, only(func(l *golibvirt.Libvirt) error { return l.NetworkCreate(h) }))
	if err == nil {
		return true, nil
	}
	// Another build may have been quicker.
	if active, activeErr := isActive(); activeErr == nil && active {
		return false, nil
	}
	return false, withRemedy(err, "is dnsmasq installed on the host (Debian, Ubuntu: dnsmasq-base), and is the network's address free?")
}

// Lease gives the newest IPv4 lease of the card that has not expired; ErrNotFound while there is none.
func (c *Conn) Lease(ctx context.Context, network, mac string) (Lease, error) {
	h, err := c.networkHandle(ctx, network)
	if err != nil {
		return Lease{}, err
	}
	// Without the MAC as an argument: libvirt compares its spelling.
	all, err := ask(ctx, c, "read the leases of network", network, func(l *golibvirt.Libvirt) ([]golibvirt.NetworkDhcpLease, error) {
		leases, _, err := l.NetworkGetDhcpLeases(h, nil, 1, 0)
		return leases, err
	})
	if err != nil {
		return Lease{}, err
	}
	if l, ok := newestLease(all, mac); ok {
		return l, nil
	}
	return Lease{}, &Error{Op: "find a lease in network", Object: network, Message: "none for " + mac, Kind: ErrNotFound}
}

func newestLease(all []golibvirt.NetworkDhcpLease, mac string) (Lease, bool) {
	first := func(o golibvirt.OptString) string {
		if len(o) == 0 {
			return ""
		}
		return o[0]
	}
	var best Lease
	found := false
	for _, x := range all {
		addr, err := netip.ParseAddr(x.Ipaddr)
		if err != nil || !addr.Is4() || !sameMAC(first(x.Mac), mac) {
			continue
		}
		l := Lease{Address: addr, MAC: first(x.Mac), Hostname: first(x.Hostname), Expires: time.Unix(x.Expirytime, 0)}
		if !found || l.Expires.After(best.Expires) {
			best, found = l, true
		}
	}
	return best, found
}
