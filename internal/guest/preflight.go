package guest

import "time"

// PreflightParameters say whether preflight may mend.
type PreflightParameters struct {
	// Fix lets it mend what can be mended.
	Fix bool `json:"fix"`
	// Account is the build's account, under which the AppX packages are
	// removed: LocalSystem is refused per-user deployment.
	Account string `json:"account"`
}

// PreflightFinding is one thing that sysprep may trip over.
type PreflightFinding struct {
	// ID names the check: appx, bitlocker, reserved-storage, pending-reboot,
	// windows-update, audit-mode, domain, upgraded, rearm, sysprep-running,
	// cloudbase-init-ran, sysprep-external, defender-endpoint, file-rename.
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

// Preflight finds what makes sysprep fail, before sysprep is run.
var Preflight = define[PreflightParameters, PreflightResult]("preflight", "preflight", 30*time.Minute, true)
