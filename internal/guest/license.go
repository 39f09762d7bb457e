package guest

import "time"

// EditionConvertParameters say what an evaluation shall become.
type EditionConvertParameters struct {
	// Target is an edition id: ServerStandard. On Server Core DISM's
	// ServerStandardCor is the same.
	Target string `json:"target"`
	// ProductKey of that edition; a KMS client key is public.
	ProductKey     string `json:"product_key"`
	TimeoutSeconds int    `json:"timeout_seconds"`
}

// EditionConvertResult tells what was done.
type EditionConvertResult struct {
	From     string   `json:"from"`
	ExitCode int      `json:"exit_code"` // dism's: 0 or 3010
	Targets  []string `json:"targets"`   // what it can become
}

// EditionConvert makes an evaluation a full edition. It asks for a restart
// unless it is that edition already. Run detached.
var EditionConvert = define[EditionConvertParameters, EditionConvertResult]("edition.convert", 70*time.Minute, false, "edition-convert")

// ActivationParameters say how Windows is licensed.
type ActivationParameters struct {
	ProductKey string `json:"product_key"` // empty: the one that is installed
	KMSHost    string `json:"kms_host"`    // empty: as it is
	KMSPort    int    `json:"kms_port"`    // 0: 1688
	Activate   bool   `json:"activate"`    // now, in the build
}

// ActivationResult is how it is licensed.
type ActivationResult struct {
	LicenseStatus int    `json:"license_status"` // 1 is licensed
	PartialKey    string `json:"partial_key"`    // the key's last five characters
	Channel       string `json:"channel"`        // Volume:GVLK
}

// Activation installs a key, names the KMS host, activates.
var Activation = define[ActivationParameters, ActivationResult]("activation", 10*time.Minute, true, "activation")
