package model

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// category is how far Windows trusts a network, by its number in the registry.
type category uint32

const (
	publicNetwork  category = 0
	privateNetwork category = 1
)

// profile is the category's name in a firewall rule.
func (c category) profile() string {
	if c == privateNetwork {
		return "Private"
	}
	return "Public"
}

const firstNetworkKey = `Policies\Microsoft\Windows NT\CurrentVersion\NetworkList\Signatures\FirstNetwork`

// errPublic is WinRM's refusal to be configured: 0x80338113,
// ERROR_WINRM_FIREWALL_PUBLIC (rgl/windows-vagrant#46).
var errPublic = errors.New("0x80338113: WinRM firewall exception will not work since one of the network connection types on this machine is set to Public")

// network is the category of the network. It lasts: taking the policy of the
// first network away does not change a network that is known already.
func (m *Model) network() category {
	if m.private && !m.host.Faults().PublicNetwork {
		return privateNetwork
	}
	return publicNetwork
}

// meetNetwork is a network's first appearance: Public, unless the answer file
// has said otherwise. One that is known keeps its category.
func (m *Model) meetNetwork() {
	if n, known := m.software.Number(networkListKey+`\Profiles\`+stableID("network"), "Category"); known {
		m.private = category(n) == privateNetwork
		return
	}
	n, _ := m.software.Number(firstNetworkKey, "Category")
	m.private = category(n) == privateNetwork
}

// Virtio network adapters, legacy and modern, and those that Windows has a
// driver for by itself (e1000, e1000e, rtl8139).
var (
	virtioNet     = []PCIDevice{{0x1af4, 0x1000}, {0x1af4, 0x1041}}
	inboxAdapters = []PCIDevice{{0x8086, 0x100e}, {0x8086, 0x10d3}, {0x10ec, 0x8139}}
)

// adapterWithoutDriver says that the machine has a virtio adapter and Windows
// no NetKVM, nor another adapter.
func (m *Model) adapterWithoutDriver() bool {
	devices := m.host.Devices()
	has := func(ids []PCIDevice) bool {
		return slices.ContainsFunc(devices, func(d PCIDevice) bool { return slices.Contains(ids, d) })
	}
	return has(virtioNet) && !has(inboxAdapters) && !m.disk.exists(`Windows\System32\drivers\netkvm.sys`)
}

// letsIn says whether an active firewall rule lets TCP in through a port on a
// network of this category. A rule without a profile is for all.
func letsIn(rule string, port uint64, on category) bool {
	fields := strings.Split(rule, "|")
	hasProfile := slices.ContainsFunc(fields, func(f string) bool { return strings.HasPrefix(f, "Profile=") })
	return slices.Contains(fields, "Active=TRUE") && slices.Contains(fields, "Dir=In") &&
		slices.Contains(fields, fmt.Sprintf("LPort=%d", port)) &&
		(!hasProfile || slices.Contains(fields, "Profile="+on.profile()))
}
