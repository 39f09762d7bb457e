// Package handoff holds what the components give to each other: the builder to
// the provisioner (Guest, DiscManifest) and to the post-processor (Manifest).
//
// They run in processes of their own and never import each other. Across
// Packer's RPC only strings survive unchanged: a struct arrives as a map of
// interfaces, a []string as []interface{}, which makes every provisioner fail.
// So everything here travels as one JSON string with a version.
package handoff

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
)

// GuestKey is the one key of generated_data in which a builder of this plugin
// tells the provisioner about the guest. Other builders do not set it; the
// provisioner then uses the communicator that it is handed.
const GuestKey = "WintemplateGuest"

// GuestVersion is the version of Guest that this code writes and reads.
const GuestVersion = 1

// Guest is what the provisioner must know of the guest beyond Packer's own
// Host, Port, User and Password. It holds no secret.
type Guest struct {
	Version int `json:"version"`
	// CertificateSHA256 is the SHA-256 of the DER of the certificate that the
	// guest's WinRM listener shows, in lower-case hex.
	CertificateSHA256 string `json:"certificate_sha256"`
	// DiscManifestSHA256 is the SHA-256 of wintemplate/manifest.json on the
	// answer disc, in lower-case hex: with it, the guest can trust every file
	// that the manifest names.
	DiscManifestSHA256 string `json:"disc_manifest_sha256"`
	// Build is the Windows build number, such as 20348.
	Build int `json:"build"`
	// Server is true for a server edition, false for a client edition.
	Server bool `json:"server"`
	// Edition is the edition id of the installed image, such as ServerStandard.
	Edition string `json:"edition"`
	// Language is the installed image's language, such as ko-KR.
	Language string `json:"language"`
	// TimeZone is the guest's time zone by its Windows name.
	TimeZone string `json:"time_zone"`
	// Firmware is uefi or bios.
	Firmware string `json:"firmware"`
	// Account is the account of the build: the built-in Administrator, or the
	// extra local account of a client edition, which the seal removes.
	Account string `json:"account"`
	// BuildProxy says that the build's machine has a proxy that the seal must
	// take out again.
	BuildProxy bool `json:"build_proxy,omitempty"`
}

// String is the JSON that travels in generated_data.
func (g Guest) String() string {
	g.Version = GuestVersion
	b, err := json.Marshal(g)
	if err != nil { // a struct of strings, numbers and booleans always encodes
		panic(err)
	}
	return string(b)
}

// ParseGuest reads what Guest.String wrote. An unknown version and hashes that
// are not SHA-256 are errors: a wrong pin must never be taken for "no pin".
func ParseGuest(s string) (Guest, error) {
	var g Guest
	if err := json.Unmarshal([]byte(s), &g); err != nil {
		return Guest{}, fmt.Errorf("%s in the build's generated data: %w", GuestKey, err)
	}
	if g.Version != GuestVersion {
		return Guest{}, fmt.Errorf("%s in the build's generated data has version %d, this plugin reads %d; builder and provisioner must be of the same release", GuestKey, g.Version, GuestVersion)
	}
	return g, errors.Join(
		checkSHA256("certificate_sha256", g.CertificateSHA256),
		checkSHA256("disc_manifest_sha256", g.DiscManifestSHA256),
	)
}

func checkSHA256(field, value string) error {
	b, err := hex.DecodeString(value)
	if err != nil || len(b) != 32 {
		return fmt.Errorf("%s: %q is not a SHA-256 in hex", field, value)
	}
	return nil
}
