package guest

import "time"

// PreflightParameters say whether preflight may mend.
type PreflightParameters struct {
	// Fix lets it mend what can be mended.
	Fix bool `json:"fix"`
	// Reboots is how many restarts this preflight has had already, MaxReboots
	// how many it may have: some updaters ask for another one at each boot.
	Reboots    int `json:"reboots"`
	MaxReboots int `json:"max_reboots"`
	// WaitSeconds bounds the wait for updates and for decryption.
	WaitSeconds int `json:"wait_seconds"`
	// SkipRearm turns a used-up rearm count into a warning.
	SkipRearm bool `json:"skip_rearm"`
}

// PreflightFinding is one thing that sysprep may trip over.
type PreflightFinding struct {
	// ID names the check: image-state, audit-mode, pending-reboot, file-rename,
	// windows-update, domain, upgraded, rearm, sysprep-running,
	// sysprep-external, defender-endpoint, bitlocker, reserved-storage,
	// cloudbase-init-ran, appx.
	ID string `json:"id"`
	// Severity is ok, fixed, warn or fail.
	Severity string `json:"severity"`
	Object   string `json:"object"`
	Found    string `json:"found"`
	Remedy   string `json:"remedy"`
}

// The severities of a PreflightFinding.
const (
	FindingOK    = "ok"
	FindingFixed = "fixed"
	FindingWarn  = "warn"
	FindingFail  = "fail"
)

// PreflightResult lists the findings. A pending restart is asked for by the
// envelope's reboot, not by a finding of severity fail.
type PreflightResult struct {
	Findings []PreflightFinding `json:"findings"`
}

// Preflight finds what makes sysprep fail, before sysprep is run. It runs as
// the build's administrator, not detached: LocalSystem may not remove the
// packages of a user.
var Preflight = define[PreflightParameters, PreflightResult]("preflight", 40*time.Minute, true, "appx", "preflight")

// AppXRemoveParameters name packages by their full names, as sysprep's log does.
type AppXRemoveParameters struct {
	Packages []string `json:"packages"`
}

// AppXRemoveResult names those that could not be removed.
type AppXRemoveResult struct {
	Left []string `json:"left"`
}

// AppXRemove removes Store packages that sysprep has refused.
var AppXRemove = define[AppXRemoveParameters, AppXRemoveResult]("appx.remove", 10*time.Minute, true, "appx", "appx-remove")
