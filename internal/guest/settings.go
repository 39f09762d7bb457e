package guest

import "time"

// Step is one step of an operation that goes on when a step fails.
type Step struct {
	Name  string `json:"name"`
	Code  int    `json:"code"`  // exit code, 0 when it is well
	Error string `json:"error"` // empty when it is well
}

// PowerResult lists what was set.
type PowerResult struct {
	Steps []Step `json:"steps"`
}

// Power keeps the machine from sleeping in mid-build, and turns hibernation off.
var Power = define[None, PowerResult]("power", 3*time.Minute, true, "power")

// RDPParameters say how Remote Desktop shall be.
type RDPParameters struct {
	Enable bool `json:"enable"`
	NLA    bool `json:"nla"` // clients authenticate first
}

// RDPResult is how it is.
type RDPResult struct {
	Enabled bool `json:"enabled"`
	NLA     bool `json:"nla"`
	Rules   int  `json:"rules"` // firewall rules that were opened or closed
}

// RDP opens or closes Remote Desktop.
var RDP = define[RDPParameters, RDPResult]("rdp", 3*time.Minute, true, "rdp")

// FirewallParameters say what the firewall shall let in.
type FirewallParameters struct {
	// State of all profiles: on, off, or empty to leave them.
	State string `json:"state"`
	// Groups are opened, by resource id: @FirewallAPI.dll,-28502.
	Groups []string `json:"groups"`
	// Ping lets ICMP echo requests in.
	Ping bool `json:"ping"`
}

// FirewallGroup is a group with the number of its rules.
type FirewallGroup struct {
	Group string `json:"group"`
	Rules int    `json:"rules"`
}

// FirewallResult lists what was opened.
type FirewallResult struct {
	Groups []FirewallGroup `json:"groups"`
}

// Firewall opens groups of rules, and turns the firewall on or off.
var Firewall = define[FirewallParameters, FirewallResult]("firewall", 3*time.Minute, true, "firewall")

// UpdatesPauseResult lists the services of Windows Update.
type UpdatesPauseResult struct {
	Services []Service `json:"services"`
}

// UpdatesPause keeps Windows Update from restarting the machine in mid-build,
// by a policy that the seal takes back.
var UpdatesPause = define[None, UpdatesPauseResult]("updates.pause", 5*time.Minute, true, "updates-pause")

// BusPrepareParameters name storage drivers that shall be bound.
type BusPrepareParameters struct {
	BootServices []string `json:"boot_services"`
	WaitSeconds  int      `json:"wait_seconds"`
}

// BusPrepareResult tells which of them start at boot now.
type BusPrepareResult struct {
	Bound   []string `json:"bound"`
	Missing []string `json:"missing"`
}

// BusPrepare looks for disks anew and waits until each storage driver is bound
// to one. The builder lends a disk on the bus that the machine does not boot
// from.
var BusPrepare = define[BusPrepareParameters, BusPrepareResult]("bus.prepare", 10*time.Minute, true, "bus-prepare")

// NetworkResetResult lists network adapters that are no longer there.
type NetworkResetResult struct {
	Removed []string `json:"removed"` // instance ids
	Left    []string `json:"left"`    // could not be removed
}

// NetworkReset removes adapters that are gone, and the networks that were seen.
// The adapter that is there is the seal's (SealParameters.ResetNetwork).
var NetworkReset = define[None, NetworkResetResult]("network.reset", 10*time.Minute, true, "devices", "network-reset")
