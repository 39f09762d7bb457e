package guest

import "time"

// CleanupParameters say what is thrown away.
type CleanupParameters struct {
	ComponentStore bool `json:"component_store"` // superseded components
	ResetBase      bool `json:"reset_base"`      // updates cannot be removed then
	Temp           bool `json:"temp"`            // temporary files, downloaded updates, old reports
	EventLogs      bool `json:"event_logs"`
	Hibernation    bool `json:"hibernation"`
	// PageFile takes the page file away, with a restart; the seal's answer
	// file gives it back to the clone.
	PageFile bool `json:"page_file"`
	// Trim tells the host which blocks are free.
	Trim           bool `json:"trim"`
	TimeoutSeconds int  `json:"timeout_seconds"`
}

// CleanupResult tells what it brought.
type CleanupResult struct {
	FreedBytes int64  `json:"freed_bytes"`
	Steps      []Step `json:"steps"`
}

// Cleanup makes the image small. Run detached: it takes half an hour.
var Cleanup = define[CleanupParameters, CleanupResult]("cleanup", 2*time.Hour, false, "cleanup")
