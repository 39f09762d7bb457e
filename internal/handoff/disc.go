package handoff

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
)

// DiscManifestVersion is the version of DiscManifest that this code writes.
const DiscManifestVersion = 1

// DiscManifestPath is where the answer disc holds its manifest.
const DiscManifestPath = "wintemplate/manifest.json"

// DiscManifest lists the files of an answer disc, so that the guest can find a
// file by its hash and check it before it is run.
type DiscManifest struct {
	Version int        `json:"version"`
	Files   []DiscFile `json:"files"`
}

// DiscFile is one file of an answer disc.
type DiscFile struct {
	Path   string `json:"path"` // relative to the disc's root, with slashes
	Size   int64  `json:"size"` // bytes
	SHA256 string `json:"sha256"`
}

// Add hashes what r holds and records it under name.
func (m *DiscManifest) Add(name string, r io.Reader) error {
	h := sha256.New()
	n, err := io.Copy(h, r)
	if err != nil {
		return fmt.Errorf("hash %s for the answer disc: %w", name, err)
	}
	m.Files = append(m.Files, DiscFile{Path: name, Size: n, SHA256: hex.EncodeToString(h.Sum(nil))})
	return nil
}

// Lookup finds a file by its path, whose case does not matter, as on Windows.
func (m DiscManifest) Lookup(name string) (DiscFile, bool) {
	i := slices.IndexFunc(m.Files, func(f DiscFile) bool {
		return strings.EqualFold(path.Clean(f.Path), path.Clean(name))
	})
	if i < 0 {
		return DiscFile{}, false
	}
	return m.Files[i], true
}

// Encode is the manifest as it lies on the disc, files sorted by path, and the
// SHA-256 of those bytes in hex.
func (m DiscManifest) Encode() (data []byte, sha256hex string) {
	m.Version = DiscManifestVersion
	m.Files = slices.Clone(m.Files)
	slices.SortFunc(m.Files, func(a, b DiscFile) int { return strings.Compare(a.Path, b.Path) })
	data, err := json.MarshalIndent(m, "", "  ")
	if err != nil { // strings and numbers always encode
		panic(err)
	}
	data = append(data, '\n')
	sum := sha256.Sum256(data)
	return data, hex.EncodeToString(sum[:])
}

// ParseDiscManifest reads what Encode wrote.
func ParseDiscManifest(data []byte) (DiscManifest, error) {
	var m DiscManifest
	if err := json.Unmarshal(data, &m); err != nil {
		return DiscManifest{}, fmt.Errorf("%s: %w", DiscManifestPath, err)
	}
	if m.Version != DiscManifestVersion {
		return DiscManifest{}, fmt.Errorf("%s has version %d, this plugin reads %d", DiscManifestPath, m.Version, DiscManifestVersion)
	}
	return m, nil
}
