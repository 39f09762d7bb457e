package guest

import "time"

// PayloadFindParameters name one file to be found on the guest's discs.
type PayloadFindParameters struct {
	// ManifestSHA256 is the digest of wintemplate/manifest.json on the answer
	// disc; empty for a guest that was not installed by this plugin.
	ManifestSHA256 string `json:"manifest_sha256"`
	// Patterns are tried in order against the paths in the manifest, or, with
	// no manifest, against the files of each disc; with slashes, as PowerShell's
	// -like has them: wintemplate/payload/CloudbaseInitSetup*.msi.
	Patterns []string `json:"patterns"`
	// SHA256 the file must have, in hex; empty: the manifest's word counts.
	// With neither manifest nor SHA256 the operation fails.
	SHA256 string `json:"sha256"`
}

// PayloadFindResult is where the file lies. Its digest was computed in the
// guest, from the bytes on the disc.
type PayloadFindResult struct {
	Found  bool   `json:"found"`
	Path   string `json:"path"`   // D:\wintemplate\payload\CloudbaseInitSetup_x64.msi
	Name   string `json:"name"`   // as the manifest names it
	Size   int64  `json:"size"`   // bytes
	SHA256 string `json:"sha256"` // hex, lower case
	// Beside are the other files that the manifest names in this folder, with
	// the digests that they must have; whoever uses one computes its own.
	Beside []PayloadFile `json:"beside"`
	// Searched are the discs that were looked at, for messages: D:\, E:\.
	Searched []string `json:"searched"`
	// Offered are the manifest's files, for messages.
	Offered []string `json:"offered"`
}

// PayloadFile is a file in the guest and the digest it must have.
type PayloadFile struct {
	Path   string `json:"path"`
	SHA256 string `json:"sha256"` // hex, lower case
}

// PayloadFind finds a file on the discs by its digest.
var PayloadFind = define[PayloadFindParameters, PayloadFindResult]("payload.find", 10*time.Minute, true, "payload-find")
