package libvirttest

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// DebianPackage unpacks a package of Debian's archive into the cache and gives the folder. It is not installed: what
// it holds runs in a guest.
func DebianPackage(t testing.TB, name string) string {
	t.Helper()
	cache := os.Getenv("WINTEMPLATE_CACHE")
	if cache == "" {
		user, err := os.UserCacheDir()
		if err != nil {
			t.Fatalf("no cache folder (%v): set WINTEMPLATE_CACHE", err)
		}
		cache = filepath.Join(user, "wintemplate")
	}
	cache = filepath.Join(cache, "packages")
	tree := filepath.Join(cache, name)
	if _, err := os.Stat(tree); err == nil {
		return tree
	}
	if err := os.MkdirAll(cache, 0o755); err != nil { //nolint:gosec // nothing secret
		t.Fatal(err)
	}
	work, err := os.MkdirTemp(cache, "unpack-")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(work) }()
	run := func(name string, args ...string) {
		cmd := exec.Command(name, args...)
		cmd.Dir = work
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", cmd, err, out)
		}
	}
	run("apt-get", "-q", "download", name)
	debs, err := filepath.Glob(filepath.Join(work, "*.deb"))
	if err != nil || len(debs) != 1 {
		t.Fatalf("apt-get download %s left %d packages", name, len(debs))
	}
	run("dpkg-deb", "-x", debs[0], "tree")
	if err := os.Rename(filepath.Join(work, "tree"), tree); err != nil {
		if _, present := os.Stat(tree); present != nil {
			t.Fatal(err)
		}
	}
	return tree
}
