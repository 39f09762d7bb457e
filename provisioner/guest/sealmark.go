package guest

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"time"

	packersdk "github.com/hashicorp/packer-plugin-sdk/packer"
)

// mark is a file on the machine that runs Packer which says that a guest of
// this run is sealed. Every provisioner is a process of its own, Packer gives
// them nothing that one could write for the next, and a sealed guest does not
// answer; so this is where a provisioner that follows learns why.
type mark string

// sealMark names the mark of the guest at s in this run of Packer. There is
// none without the run's id, as in tests of other programs.
func sealMark(s seat) mark {
	if s.Run == "" {
		return ""
	}
	// An address alone names no guest: one run can build several, and the next may get the address of one that is gone.
	sum := sha256.Sum256(fmt.Appendf(nil, "%q", []any{s.Run, s.Build, s.ID, s.Host, s.Port, s.pin}))
	// Packer's cache: of the user alone, unlike the folder for temporary files
	path, err := packersdk.CachePath("wintemplate-sealed", hex.EncodeToString(sum[:8]))
	if err != nil {
		return ""
	}
	return mark(path)
}

func (m mark) exists() bool {
	if m == "" {
		return false
	}
	_, err := os.Stat(string(m))
	return err == nil
}

func (m mark) make() error {
	if m == "" {
		return nil
	}
	m.sweep()
	if err := os.WriteFile(string(m), nil, 0o600); err != nil {
		return fmt.Errorf("note that the guest is sealed: %w", err)
	}
	return nil
}

// sweep removes the marks of runs that are long over.
func (m mark) sweep() {
	old, _ := filepath.Glob(filepath.Join(filepath.Dir(string(m)), "*"))
	for _, path := range old {
		if info, err := os.Stat(path); err == nil && time.Since(info.ModTime()) > 48*time.Hour {
			_ = os.Remove(path)
		}
	}
}
