package guest

import "time"

// RebootParameters say why.
type RebootParameters struct {
	// Reason is shown in Windows' event log; one line of ASCII.
	Reason string `json:"reason"`
	// CloudbaseInit asserts that cloudbase-init's service is disabled, or
	// absent, before the machine goes down.
	CloudbaseInit bool `json:"cloudbase_init"`
}

// RebootResult is what was true before the restart.
type RebootResult struct {
	BootID string `json:"boot_id"`
}

// Reboot asks Windows to restart in two seconds, so that the answer still gets
// through. A restart that is already under way (1115) counts.
var Reboot = define[RebootParameters, RebootResult]("reboot", 2*time.Minute, true, "reboot")
