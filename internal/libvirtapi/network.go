package libvirtapi

import (
	"net/netip"
	"time"
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
