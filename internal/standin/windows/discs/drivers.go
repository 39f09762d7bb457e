package discs

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// driversVersion is the release of virtio-win whose layout is imitated.
const driversVersion = "0.1.285"

// driver is one driver of the virtio-win disc.
type driver struct {
	Folder  string   // folder on the disc, exact case
	File    string   // base name of .inf, .sys, .cat
	Class   string   // INF class
	GUID    string   // class GUID
	Devices []string // PCI device ids below vendor 1AF4
	Service string   // service name, empty when the INF adds none
	Extra   []string // further files of SourceDisksFiles
}

// virtioDrivers are the drivers of the disc that a template build looks at.
// vioserial's files are called vioser.*; the ids are the virtio
// specification's, transitional and modern.
var virtioDrivers = []driver{
	{Folder: "Balloon", File: "balloon", Class: "System", GUID: "{4d36e97d-e325-11ce-bfc1-08002be10318}", Devices: []string{"1002", "1045"}, Service: "BALLOON", Extra: []string{"blnsvr.exe"}},
	{Folder: "NetKVM", File: "netkvm", Class: "Net", GUID: "{4d36e972-e325-11ce-bfc1-08002be10318}", Devices: []string{"1000", "1041"}, Service: "netkvm", Extra: []string{"netkvmco.exe", "netkvmp.exe"}},
	{Folder: "vioscsi", File: "vioscsi", Class: "SCSIAdapter", GUID: "{4d36e97b-e325-11ce-bfc1-08002be10318}", Devices: []string{"1004", "1048"}, Service: "vioscsi"},
	{Folder: "vioserial", File: "vioser", Class: "System", GUID: "{4d36e97d-e325-11ce-bfc1-08002be10318}", Devices: []string{"1003", "1043"}, Service: "VirtioSerial"},
	{Folder: "viostor", File: "viostor", Class: "SCSIAdapter", GUID: "{4d36e97b-e325-11ce-bfc1-08002be10318}", Devices: []string{"1001", "1042"}, Service: "viostor"},
	{Folder: "viorng", File: "viorng", Class: "System", GUID: "{4d36e97d-e325-11ce-bfc1-08002be10318}", Devices: []string{"1005", "1044"}, Service: "viorng"},
	{Folder: "vioinput", File: "vioinput", Class: "HIDClass", GUID: "{745a17a0-74d3-11d0-b6fe-00a0c90f57da}", Devices: []string{"1052"}, Service: "vioinput"},
	{Folder: "viogpudo", File: "viogpudo", Class: "Display", GUID: "{4d36e968-e325-11ce-bfc1-08002be10318}", Devices: []string{"1050"}, Service: "VioGpuDod"},
}

// driverSystems are the disc's Windows folders for amd64.
var driverSystems = []string{"2k16", "2k19", "2k22", "2k25", "w10", "w11"}

// inf writes a driver's INF: the sections that Setup and the plugin read.
func (d driver) inf() []byte {
	files := append([]string{d.File + ".sys"}, d.Extra...)
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\r\n", args...) }
	line("; A stand-in for the virtio-win project's %s.inf. It installs nothing.", d.File)
	line("[Version]")
	line(`Signature="$WINDOWS NT$"`)
	line("Class=%s", d.Class)
	line("ClassGuid=%s", d.GUID)
	line("Provider=%%VENDOR%%")
	line("DriverVer=07/07/2025,100.102.104.28500")
	line("CatalogFile=%s.cat", d.File)
	line("PnpLockDown=1")
	line("")
	line("[SourceDisksNames]")
	line("1=%%DiskName%%,,,")
	line("")
	line("[SourceDisksFiles]")
	for _, f := range files {
		line("%s=1,,", f)
	}
	line("")
	line("[DestinationDirs]")
	line("DefaultDestDir=12")
	line("")
	line("[Manufacturer]")
	line("%%VENDOR%%=Models,NTamd64.10.0")
	line("")
	line("[Models.NTamd64.10.0]")
	for _, id := range d.Devices {
		subsystem := "1AF4"
		line(`%%Device.Desc%%=Device_Inst, PCI\VEN_1AF4&DEV_%s&SUBSYS_%s%s&REV_00, PCI\VEN_1AF4&DEV_%s`, id, "0000", subsystem, id)
	}
	line("")
	line("[Device_Inst.NT]")
	line("CopyFiles=Device_CopyFiles")
	line("")
	line("[Device_CopyFiles]")
	line("%s.sys", d.File)
	line("")
	line("[Device_Inst.NT.Services]")
	line("AddService=%s,0x00000002,Device_Service", d.Service)
	line("")
	line("[Device_Service]")
	line("DisplayName=%%Device.Desc%%")
	line("ServiceType=1")
	start := 3
	if d.Class == "SCSIAdapter" {
		start = 0
	}
	line("StartType=%d", start)
	line("ErrorControl=1")
	line(`ServiceBinary=%%12%%\%s.sys`, d.File)
	line("")
	line("[Strings]")
	line(`VENDOR="Red Hat, Inc."`)
	line(`DiskName="VirtIO %s installation disk"`, d.Folder)
	line(`Device.Desc="Stand-in VirtIO %s"`, d.Folder)
	return []byte(b.String())
}

// files are the package's files below its folder.
func (d driver) files() map[string][]byte {
	files := map[string][]byte{
		d.File + ".inf": d.inf(),
		d.File + ".sys": peStub(d.File + ".sys"),
		// A catalogue is a PKCS #7 message; this one only has its first bytes.
		d.File + ".cat": append([]byte{0x30, 0x82, 0x04, 0x00, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x02}, make([]byte, 1024)...),
	}
	for _, name := range d.Extra {
		files[name] = peStub(name)
	}
	return files
}

// writeDriversISO makes a disc laid out as virtio-win's: Rock Ridge names
// over ISO 9660 level 4, no Joliet.
func writeDriversISO(ctx context.Context, out, work string, o Options) error {
	tree := filepath.Join(work, "drivers")
	files := map[string][]byte{
		"virtio-win_license.txt":         []byte("Stand-in drivers: no code, no licence needed.\r\n"),
		"data/info.json":                 []byte(`{"version": "` + driversVersion + `", "standin": true}` + "\n"),
		"cert/Virtio_Win_Red_Hat_CA.cer": certificate("Virtio Win stand-in CA"),
		"virtio-win-guest-tools.exe":     peStub("virtio-win-guest-tools.exe"),
		"guest-agent/qemu-ga-i386.msi":   nil,
		"guest-agent/qemu-ga-x86_64.msi": nil,
		"virtio-win-gt-x64.msi":          nil,
		"virtio-win-gt-x86.msi":          nil,
	}
	for name, product := range map[string]string{
		"guest-agent/qemu-ga-i386.msi":   "QEMU guest agent",
		"guest-agent/qemu-ga-x86_64.msi": "QEMU guest agent",
		"virtio-win-gt-x64.msi":          "Virtio-win-driver-installer",
		"virtio-win-gt-x86.msi":          "Virtio-win-driver-installer",
	} {
		msi, err := buildMSI(ctx, work, product, driversVersion)
		if err != nil {
			return err
		}
		files[name] = msi
	}
	for _, d := range virtioDrivers {
		for _, system := range driverSystems {
			folder := d.Folder + "/" + system
			if slices.Contains(o.OmitDrivers, folder) {
				continue
			}
			for name, body := range d.files() {
				files[folder+"/amd64/"+name] = body
				if d.Class == "SCSIAdapter" {
					files["amd64/"+system+"/"+name] = body
				}
			}
		}
	}
	if err := writeTree(tree, files); err != nil {
		return err
	}
	partial := out + ".partial"
	defer os.Remove(partial)
	if _, err := tool(ctx, "", "genisoimage", "-quiet", "-o", partial, "-R", "-iso-level", "4",
		"-V", "virtio-win-"+driversVersion, tree); err != nil {
		return err
	}
	return os.Rename(partial, out)
}
