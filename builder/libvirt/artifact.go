package libvirt

import (
	"errors"
	"io/fs"
	"os"

	packersdk "github.com/hashicorp/packer-plugin-sdk/packer"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/handoff"
)

// Artifact is the finished template: a disk and its manifest.
type Artifact struct {
	dir       string
	files     []string
	manifest  string // JSON
	id        string
	summary   string
	keep      bool
	generated map[string]any
}

var _ packersdk.Artifact = (*Artifact)(nil)

// BuilderId names the builder that made it.
func (a *Artifact) BuilderId() string { return BuilderID } //nolint:revive // Packer's interface spells it so

// Files are the disk and its manifest, as absolute paths.
func (a *Artifact) Files() []string { return a.files }

// Id is the disk's SHA-256.
func (a *Artifact) Id() string { return a.id } //nolint:revive // Packer's interface spells it so

// String says what was made and where it is.
func (a *Artifact) String() string { return a.summary }

// State gives the handoff manifest as a JSON string, the one form that
// survives Packer's RPC, and the generated data that Packer's own
// post-processors ask for.
func (a *Artifact) State(name string) any {
	switch name {
	case handoff.StateKey:
		return a.manifest
	case "generated_data":
		if a.generated != nil {
			return a.generated
		}
	}
	return nil
}

// Destroy removes the files, and their folder when nothing else is in it, unless
// keep_artifact is set: Packer destroys the artifact when the first
// post-processor fails.
func (a *Artifact) Destroy() error {
	if a.keep {
		return nil
	}
	var errs []error
	for _, f := range a.files {
		if err := os.Remove(f); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	_ = os.Remove(a.dir) // stays with what others have put there
	return errors.Join(errs...)
}
