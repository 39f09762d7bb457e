package handoff

import (
	"encoding/json"
	"errors"
	"fmt"
)

// StateKey is the key of Artifact.State under which a builder gives its
// Manifest as a JSON string.
const StateKey = "wintemplate.handoff"

// ManifestVersion is the version of Manifest that this code writes and reads.
const ManifestVersion = 1

// Manifest describes a finished disk to whoever takes it on: a post-processor,
// or a pipeline that reads the file beside the disk.
type Manifest struct {
	Version int    `json:"version"`
	Plugin  string `json:"plugin"` // version of the plugin that made it
	Disk    Disk   `json:"disk"`
	Source  Source `json:"source"`
	Guest   Image  `json:"guest"`
	// Findings are what the check of the sealed disk found, the good ones too.
	Findings []Finding `json:"findings"`
}

// Disk is the finished disk image.
type Disk struct {
	Path        string `json:"path"`
	Format      string `json:"format"`       // qcow2
	Size        int64  `json:"size"`         // bytes of the file
	VirtualSize int64  `json:"virtual_size"` // bytes that a machine sees
	SHA256      string `json:"sha256"`
	Firmware    string `json:"firmware"` // uefi or bios
	Bus         string `json:"bus"`      // the bus it was built on: virtio-blk or virtio-scsi
	TPM         bool   `json:"tpm"`      // whether it was built with a TPM 2.0
	SecureBoot  bool   `json:"secure_boot"`
}

// Source says what the image was made of.
type Source struct {
	ISO         string `json:"iso"` // URL or path as the template gave it
	ISOChecksum string `json:"iso_checksum,omitempty"`
	ImageIndex  int    `json:"image_index"`
	ImageName   string `json:"image_name"`
	DriversISO  string `json:"drivers_iso,omitempty"`
	// DriversISOVersion is what the drivers ISO says of itself, such as
	// 0.1.285. What is installed on the disk, Image.DriverVersion says.
	DriversISOVersion string `json:"drivers_iso_version,omitempty"`
}

// Image says what runs on the disk.
type Image struct {
	Product       string `json:"product"` // Windows Server 2022
	Edition       string `json:"edition"` // ServerStandard
	Build         int    `json:"build"`
	Language      string `json:"language"`
	Architecture  string `json:"architecture"`
	DriverVersion string `json:"driver_version,omitempty"` // of the virtio-win package that the disk has installed
	AgentVersion  string `json:"agent_version,omitempty"`
	CloudbaseInit string `json:"cloudbase_init,omitempty"` // its version
	ImageState    string `json:"image_state"`
}

// Severity says what a finding means for the build.
type Severity string

// Unknown is a check that could not be made; it never passes for a good one.
// Warning is what a user should know of, in a template that is good all the
// same.
const (
	OK      Severity = "ok"
	Warning Severity = "warning"
	Unknown Severity = "unknown"
	Fail    Severity = "fail"
)

// Finding is one result of the disk check.
type Finding struct {
	ID       string   `json:"id"`
	Severity Severity `json:"severity"`
	Object   string   `json:"object"`
	Found    string   `json:"found"`
	Remedy   string   `json:"remedy,omitempty"`
}

// Encode is the manifest as indented JSON, ended by a newline.
func (m Manifest) Encode() ([]byte, error) {
	m.Version = ManifestVersion
	b, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encode the handoff manifest: %w", err)
	}
	return append(b, '\n'), nil
}

// ErrNoManifest says that an artifact comes from another builder.
var ErrNoManifest = errors.New("the artifact carries no handoff manifest; it was not made by a builder of this plugin")

// ParseManifest reads what Artifact.State(StateKey) gave.
func ParseManifest(state any) (Manifest, error) {
	s, ok := state.(string)
	if !ok || s == "" {
		return Manifest{}, ErrNoManifest
	}
	var m Manifest
	if err := json.Unmarshal([]byte(s), &m); err != nil {
		return Manifest{}, fmt.Errorf("read the handoff manifest: %w", err)
	}
	if m.Version != ManifestVersion {
		return Manifest{}, fmt.Errorf("the handoff manifest has version %d, this plugin reads %d", m.Version, ManifestVersion)
	}
	return m, nil
}
