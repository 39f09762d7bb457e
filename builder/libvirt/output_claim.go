package libvirt

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/hashicorp/packer-plugin-sdk/filelock"
)

// claimOutput keeps other builds of this user away from output_directory until
// release. It is made at the end of a build, so two sources with the same folder
// would both begin, and one would fail when its Windows is installed. The
// operating system drops the lock when the process dies.
func claimOutput(locks, dir string) (release func() error, err error) {
	there := places(dir)
	if len(there) == 0 {
		return nil, fmt.Errorf("output_directory: %q has no absolute path; is the current folder gone?", dir)
	}
	path := filepath.Join(locks, fmt.Sprintf("output-%.8x.lock", sha256.Sum256([]byte(there[len(there)-1]))))
	lock := filelock.New(path)
	switch ok, err := lock.TryLock(); {
	case err != nil:
		return nil, fmt.Errorf("output_directory: lock %s: %w", path, err)
	case !ok:
		return nil, fmt.Errorf(`output_directory: another build that runs now will put its template into %s; give each source a folder of its own, or leave the field out: its default is named after the source`, there[0])
	}
	return func() error { return errors.Join(os.Remove(path), lock.Unlock()) }, nil
}
