package guest

import "time"

// ReadyParameters say what counts as ready.
type ReadyParameters struct {
	// ManifestSHA256 is what the bootstrap's marker must hold; empty for a
	// guest that was not installed by this plugin: then no marker is asked for.
	ManifestSHA256 string `json:"manifest_sha256"`
}

// ReadyResult says whether Windows has settled.
type ReadyResult struct {
	Ready bool `json:"ready"`
	// WaitingFor names what is still missing: marker, oobe, image-state,
	// setup, system-setup.
	WaitingFor    []string `json:"waiting_for"`
	ImageState    string   `json:"image_state"`
	BootID        string   `json:"boot_id"`
	UptimeSeconds int64    `json:"uptime_seconds"`
}

// WaitReady looks once, and answers at once; Session.WaitReady repeats it.
var WaitReady = define[ReadyParameters, ReadyResult]("wait-ready", 2*time.Minute, true, "wait-ready")
