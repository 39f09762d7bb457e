package model

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/guest"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/regf"
)

const (
	netClass       = "{4d36e972-e325-11ce-bfc1-08002be10318}"
	connectionsKey = `Control\Network\` + netClass
	networkListKey = versionKey + `\NetworkList`
)

// addConnection names a network adapter. An adapter that is gone keeps its
// name, so that the next one becomes "Ethernet 2" (kvm-guest-drivers-windows
// #592, #1460).
func (m *Model) addConnection(instance string) {
	var taken []string
	root := m.controlSet().Create(connectionsKey)
	for _, k := range root.Subkeys() {
		if id, _ := k.Text("Connection", "PnPInstanceId"); strings.EqualFold(id, instance) {
			return
		}
		name, _ := k.Text("Connection", "Name")
		taken = append(taken, name)
	}
	name := "Ethernet"
	for n := 2; slices.Contains(taken, name); n++ {
		name = fmt.Sprintf("Ethernet %d", n)
	}
	k := root.Create(stableID(instance) + `\Connection`)
	k.Set(regf.StringValue("Name", name))
	k.Set(regf.StringValue("PnPInstanceId", instance))
}

// stableID is a GUID that is the same for the same text.
func stableID(text string) string {
	d := strings.ToUpper(digest([]byte(text)))
	return fmt.Sprintf("{%s-%s-%s-%s-%s}", d[:8], d[8:12], d[12:16], d[16:20], d[20:32])
}

// rememberNetwork lists the network of the build, which a clone has no use for.
func (m *Model) rememberNetwork() {
	if len(m.adapters(true)) == 0 {
		return
	}
	id := stableID("network")
	profile := m.software.Create(networkListKey + `\Profiles\` + id)
	profile.Set(regf.StringValue("ProfileName", "Network"))
	profile.Set(regf.DWordValue("Category", uint32(m.network())))
	m.software.SetString(networkListKey+`\Signatures\Unmanaged\010103000F0000F008000000`, "ProfileGuid", id)
}

// adapters are the instance ids of network adapters on PCI that are there, or
// of those that are not. A device that is gone stays in Enum.
func (m *Model) adapters(present bool) []string {
	var list []string
	devices := m.host.Devices()
	for _, device := range m.controlSet().Create(`Enum\PCI`).Subkeys() {
		here := slices.ContainsFunc(devices, func(d PCIDevice) bool { return strings.EqualFold(d.String(), `PCI\`+device.Name) })
		for _, k := range device.Subkeys() {
			if class, _ := k.Text("", "ClassGUID"); here == present && strings.EqualFold(class, netClass) {
				list = append(list, `PCI\`+device.Name+`\`+k.Name)
			}
		}
	}
	return list
}

// removeDevice does `pnputil.exe /remove-device` and, in older builds,
// DiUninstallDevice.
func (m *Model) removeDevice(instance string) {
	cs := m.controlSet()
	cs.Delete(`Enum\` + instance)
	device := `Enum\` + instance[:strings.LastIndexByte(instance, '\\')]
	if k := cs.Open(device); k != nil && len(k.Subkeys()) == 0 {
		cs.Delete(device)
	}
	cs.Delete(connectionsKey + `\` + stableID(instance))
}

func (m *Model) networkReset(_ context.Context, _ caller, _ guest.None) (guest.NetworkResetResult, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := guest.NetworkResetResult{Removed: []string{}, Left: []string{}}
	for _, ghost := range m.adapters(false) {
		m.removeDevice(ghost)
		r.Removed = append(r.Removed, ghost)
	}
	for _, list := range []string{`\Profiles`, `\Signatures\Managed`, `\Signatures\Unmanaged`} {
		for _, k := range m.software.Create(networkListKey + list).Subkeys() {
			m.software.Delete(networkListKey + list + `\` + k.Name)
		}
	}
	return r, false, nil
}
