package windows

import (
	"fmt"
	"strings"
)

// FirstConXBuild is the first build whose Setup is "ConX", the one that came
// with Windows 11 24H2 and Windows Server 2025. It wants its drivers in
// $WinPEDriver$ and aborts on a driver that is offered twice.
const FirstConXBuild = 26100

// Installation types as the INSTALLATIONTYPE element of a WIM's XML has them.
const (
	InstallationClient     = "Client"
	InstallationServer     = "Server"
	InstallationServerCore = "Server Core"
)

// Product is one Windows product at one build.
type Product struct {
	// Name is Microsoft's, without the edition: "Windows Server 2022",
	// "Windows 11".
	Name string
	// Server tells the server products from the client ones.
	Server bool
	// Core is true for an installation without the desktop ("Server Core").
	Core bool
	// MinBuild is the first build that carries Name.
	MinBuild int
	// Build is the build this value was made for, never below MinBuild.
	Build int

	driverDirs []string
	osType     string
}

// anyWindows is CloudStack's OS type of a Windows with paravirtual drivers. It
// is seeded in every version, and on KVM it gives such a machine VirtIO.
const anyWindows = "Windows PV"

// OSType is the OS type that clouds of CloudStack's kind know the product by,
// e.g. "Windows Server 2022 (64-bit)". The names vary by version and site: a
// cloud that lacks it is asked for AnyOSType. It chooses the buses of every
// machine made from a template. That of Windows Server 2025 has no "(64-bit)":
// it is seeded without, from CloudStack 4.20.1 on.
func (p Product) OSType() string {
	if p.osType == "" {
		return anyWindows
	}
	return p.osType
}

// AnyOSType is the OS type for a Windows whose own name a cloud doesn't know.
func AnyOSType() string { return anyWindows }

// line is one row of the catalogue.
type line struct {
	name     string
	min, max int
	dirs     []string
	osType   string
}

// The semi-annual channel's servers have rows of their own: their names are
// versions, and none of the long-term products' keys is theirs.
//
// Build ranges and folders: windows-imaging-tools' table of virtio folders,
// and the fall-backs that dockur/windows uses. w10, 2k16, 2k19 and 2k22 of a
// virtio-win disc hold the same Windows 10 binaries, w11 and 2k25 the Windows
// 11 ones, so a folder's neighbour of the same family is as good.
var (
	servers = []line{
		{"Windows Server 2016", 14393, 16298, []string{"2k16", "w10", "2k19"}, "Windows Server 2016 (64-bit)"},
		{"Windows Server, version 1709", 16299, 17133, []string{"2k16", "w10", "2k19"}, anyWindows},
		{"Windows Server, version 1803", 17134, 17762, []string{"2k16", "w10", "2k19"}, anyWindows},
		{"Windows Server 2019", 17763, 18361, []string{"2k19", "w10", "2k16"}, "Windows Server 2019 (64-bit)"},
		{"Windows Server, version 1903", 18362, 18362, []string{"2k19", "w10", "2k16"}, anyWindows},
		{"Windows Server, version 1909", 18363, 19040, []string{"2k19", "w10", "2k16"}, anyWindows},
		{"Windows Server, version 2004", 19041, 19041, []string{"2k19", "w10", "2k16"}, anyWindows},
		{"Windows Server, version 20H2", 19042, 20347, []string{"2k19", "w10", "2k16"}, anyWindows},
		{"Windows Server 2022", 20348, 25397, []string{"2k22", "2k19", "w10"}, "Windows Server 2022 (64-bit)"},
		{"Windows Server, version 23H2", 25398, 26099, []string{"2k22", "2k19", "w10"}, anyWindows},
		{"Windows Server 2025", 26100, 0, []string{"2k25", "w11", "2k22"}, "Windows Server 2025"},
	}
	clients = []line{
		{"Windows 10", 10240, 21999, []string{"w10", "2k19", "2k16"}, "Windows 10 (64-bit)"},
		{"Windows 11", 22000, 0, []string{"w11", "2k25", "w10"}, "Windows 11 (64-bit)"},
	}
)

// ProductOf finds the product of a build. installationType is the WIM's
// INSTALLATIONTYPE: Client, Server or "Server Core", in any case.
func ProductOf(build int, installationType string) (Product, error) {
	server, core := false, false
	rows := clients
	switch strings.ToLower(strings.TrimSpace(installationType)) {
	case "client":
	case "server":
		server, rows = true, servers
	case "server core":
		server, core, rows = true, true, servers
	default:
		return Product{}, fmt.Errorf("installation type %q is none of Client, Server, Server Core: is this an image of Windows itself, not of WinPE?", installationType)
	}
	for _, row := range rows {
		if build >= row.min && (row.max == 0 || build <= row.max) {
			return Product{Name: row.name, Server: server, Core: core, MinBuild: row.min, Build: build, driverDirs: row.dirs, osType: row.osType}, nil
		}
	}
	return Product{}, fmt.Errorf("build %d (%s) is older than what is supported: %s is the first build (%s)", build, installationType, fmt.Sprint(rows[0].min), rows[0].name)
}

// DriverDirs names the folders of a virtio-win disc that hold this product's
// drivers ("2k22"), the preferred one first, then those of the same family.
func (p Product) DriverDirs() []string {
	return append([]string(nil), p.driverDirs...)
}

// DriverDelivery is how Setup is given the drivers it needs to see the disk.
type DriverDelivery int

const (
	// DriverPaths lists folders in the answer file
	// (Microsoft-Windows-PnpCustomizationsWinPE).
	DriverPaths DriverDelivery = iota
	// WinPEDriver puts them in $WinPEDriver$ at the root of a disc, where
	// Setup finds them by itself; no folder is listed anywhere.
	WinPEDriver
)

// String names the delivery as users know it.
func (d DriverDelivery) String() string {
	if d == WinPEDriver {
		return "$WinPEDriver$"
	}
	return "DriverPaths"
}

// firstWindows11 is the first client build that is called Windows 11.
const firstWindows11 = 22000

// DriversIn says how this build's Setup takes its drivers. From 26100 on any
// driver that fails to install aborts Setup, and one that is listed while
// another disc carries it too fails with 0x80070103 (quickemu 6a34e59f). Setup
// of every version reads $WinPEDriver$ (Microsoft KB2686316), so all of Windows
// 11 gets its drivers the same way.
func (p Product) DriversIn() DriverDelivery {
	if p.Build >= FirstConXBuild || !p.Server && p.Build >= firstWindows11 {
		return WinPEDriver
	}
	return DriverPaths
}

// String is the name with the build, for messages.
func (p Product) String() string {
	return fmt.Sprintf("%s (build %d)", p.Name, p.Build)
}
