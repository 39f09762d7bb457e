package guest

import "time"

// DriversVerifyParameters name the drivers to be looked at.
type DriversVerifyParameters struct {
	// BootServices are storage drivers that must start at boot (Start = 0):
	// viostor, vioscsi.
	BootServices []string `json:"boot_services"`
	// Services are drivers that must be there: netkvm, vioser.
	Services []string `json:"services"`
}

// Driver is one driver's service as the registry has it.
type Driver struct {
	Name    string `json:"name"`
	Present bool   `json:"present"` // the service's key is there, and the file that it names
	Start   int    `json:"start"`   // 0 boot, 3 demand, 4 disabled; -1 when absent
	File    string `json:"file"`
	Version string `json:"version"` // of the file
}

// DriversVerifyResult tells how the virtio drivers stand.
type DriversVerifyResult struct {
	OK      bool     `json:"ok"`
	Drivers []Driver `json:"drivers"`
	// Tools is the version of the installed "Virtio-win-driver-installer",
	// empty when it is not installed.
	Tools string `json:"tools"`
	// Devices are Red Hat devices (VEN_1AF4) whose driver has a problem:
	// instance id and Windows' problem code.
	Devices []ProblemDevice `json:"devices"`
	// Problems says in words what is wrong; empty when OK.
	Problems []string `json:"problems"`
}

// ProblemDevice is a device that Windows could not start.
type ProblemDevice struct {
	ID   string `json:"id"`
	Code int    `json:"code"` // CM_PROB_…: 28 is "no driver"
}

// DriversVerify looks at the drivers and changes nothing.
var DriversVerify = define[DriversVerifyParameters, DriversVerifyResult]("drivers.verify", 5*time.Minute, true, "drivers-verify")

// InstallParameters name an installer that lies in the guest.
type InstallParameters struct {
	// Path of the .msi in the guest; for DriversInstall also of a driver
	// package's .inf, with the package's files beside it.
	Path string `json:"path"`
	// SHA256 is checked again before the file is run.
	SHA256 string `json:"sha256"`
	// Beside are files that the installer takes from its folder, each checked
	// like it: of a driver package the .sys and .cat.
	Beside []PayloadFile `json:"beside"`
	// Properties are MSI properties, NAME=VALUE.
	Properties []string `json:"properties"`
	// TimeoutSeconds ends msiexec.exe.
	TimeoutSeconds int `json:"timeout_seconds"`
}

// InstallResult is what Windows Installer said.
type InstallResult struct {
	ExitCode int    `json:"exit_code"` // 0, 3010 or 1641; of a driver package also 259, when no device wants it
	Log      string `json:"log"`       // path in the guest
	Version  string `json:"version"`   // of the product, when it is listed as installed
}

// DriversInstall runs virtio-win-gt-x64.msi, or has pnputil.exe install one
// driver package (Path ends in .inf). Either drops the network adapter
// while it runs, so it is run detached. Asks for a reboot when the MSI does.
var DriversInstall = define[InstallParameters, InstallResult]("drivers.install", 45*time.Minute, false, "msi", "drivers-install")
