package model

import (
	"fmt"
	"slices"
	"strings"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/regf"
)

// Driver is a driver package in the driver store. Devices and Start come from
// its INF; for the packages of the virtio-win disc they may be left empty.
type Driver struct {
	Name    string   // viostor
	INF     string   // viostor.inf
	Service string   // viostor; "" for a package that brings none
	Devices []string // PCI\VEN_1AF4&DEV_1042
	Start   uint32   // what the INF's StartType says
	Version string
}

// virtio are the packages of the virtio-win disc: PCI ids of the transitional
// and of the modern device (virtio 1.2, 4.1.2), and the services that their
// INFs name. Only the storage drivers have StartType 0.
var virtio = []Driver{
	{Name: "viostor", Service: "viostor", Devices: virtioIDs(0x1001, 0x1042), Start: startBoot},
	{Name: "vioscsi", Service: "vioscsi", Devices: virtioIDs(0x1004, 0x1048), Start: startBoot},
	{Name: "netkvm", Service: "netkvm", Devices: virtioIDs(0x1000, 0x1041), Start: startDemand},
	{Name: "vioser", Service: "VirtioSerial", Devices: virtioIDs(0x1003, 0x1043), Start: startDemand},
	{Name: "balloon", Service: "BALLOON", Devices: virtioIDs(0x1002, 0x1045), Start: startDemand},
	{Name: "viorng", Service: "viorng", Devices: virtioIDs(0x1005, 0x1044), Start: startDemand},
	{Name: "vioinput", Service: "vioinput", Devices: virtioIDs(0x1052), Start: startDemand},
}

func virtioIDs(ids ...uint16) []string {
	list := make([]string, len(ids))
	for i, id := range ids {
		list[i] = PCIDevice{0x1af4, id}.String()
	}
	return list
}

// driverStoreKey is where Windows keeps what it knows of a package in the
// driver store. Windows has a hive of its own for it (DRIVERS); here it is a
// key of SYSTEM.
const driverStoreKey = `DriverDatabase\DriverPackages`

// addDriver puts a package into the driver store. That alone starts nothing: a
// template whose storage driver is only there stops with 0x7B
// (virtio-win-guest-tools-installer#61).
func (m *Model) addDriver(d Driver) error {
	if i := slices.IndexFunc(virtio, func(v Driver) bool { return strings.EqualFold(v.Name, d.Name) }); i >= 0 && len(d.Devices) == 0 {
		known := virtio[i]
		d.Devices, d.Start = known.Devices, known.Start
		if d.Service == "" {
			d.Service = known.Service
		}
	}
	if d.Name == "" {
		return fmt.Errorf("driver package %q has no name", d.INF)
	}
	if d.INF == "" {
		d.INF = d.Name + ".inf"
	}
	k := m.system.Create(driverStoreKey + `\` + strings.ToLower(d.INF) + "_amd64")
	k.Set(regf.StringValue("Name", d.Name))
	k.Set(regf.StringValue("Service", d.Service))
	k.Set(regf.MultiStringValue("Devices", d.Devices))
	k.Set(regf.DWordValue("StartType", d.Start))
	k.Set(regf.StringValue("Version", d.Version))
	return nil
}

// bindDevices gives every device that is there a driver from the store. Only
// then does the driver's service exist, and the device in Enum.
func (m *Model) bindDevices(devices []PCIDevice) {
	store := m.system.Open(driverStoreKey)
	if store == nil {
		return
	}
	for _, device := range devices {
		for _, k := range store.Subkeys() {
			v, _ := k.Get("Devices")
			ids, _ := v.Texts()
			if slices.ContainsFunc(ids, func(id string) bool { return strings.EqualFold(id, device.String()) }) {
				m.bind(k, device)
				break
			}
		}
	}
}

// deviceInstance ends the instance id of every PCI device.
const deviceInstance = `\3&11583659&0&20`

func (m *Model) bind(driver *regf.Key, device PCIDevice) {
	name, _ := driver.Text("", "Name")
	serviceName, _ := driver.Text("", "Service")
	start, _ := driver.Number("", "StartType")
	enum := m.controlSet().Create(`Enum\` + device.String() + deviceInstance)
	enum.Set(regf.StringValue("Service", serviceName))
	enum.Set(regf.DWordValue("ConfigFlags", 0))
	if strings.EqualFold(name, "netkvm") {
		enum.Set(regf.StringValue("ClassGUID", netClass))
		m.addConnection(device.String() + deviceInstance)
	}
	if serviceName != "" && m.serviceStart(serviceName) < 0 {
		m.addService(service{
			Name: serviceName, Start: uint32(start), Type: kernelDriver,
			Image: `\SystemRoot\System32\drivers\` + name + ".sys",
		})
	}
}

// writeDriverFiles puts the files of bound drivers where their services look
// for them, unless Setup has copied real ones.
func (m *Model) writeDriverFiles(disk drive) {
	for _, k := range m.controlSet().Create(servicesKey).Subkeys() {
		image, _ := k.Text("", "ImagePath")
		file, ours := strings.CutPrefix(image, `\SystemRoot\`)
		if !ours || disk.exists(`Windows\`+file) {
			continue
		}
		if err := disk.write(`Windows\`+file, []byte("MZ stand-in driver "+k.Name+"\r\n")); err != nil && m.host != nil {
			m.host.Logf("driver %s: %v", k.Name, err)
		}
	}
}

// unboundDevices are the virtio devices that no driver has taken.
func (m *Model) unboundDevices() []string {
	var list []string
	for _, device := range m.host.Devices() {
		if device.Vendor == 0x1af4 && m.controlSet().Open(`Enum\`+device.String()) == nil {
			list = append(list, device.String()+`&SUBSYS_11001AF4&REV_01\3&11583659&0&20`)
		}
	}
	return list
}

func (m *Model) hasVirtioSerial() bool {
	return slices.ContainsFunc(virtioIDs(0x1003, 0x1043), func(id string) bool {
		return m.controlSet().Open(`Enum\`+id) != nil
	})
}
