// Package debian brings what Debian's packages hold to guests that boot it: a
// kernel with its modules, signed boot loaders. Nothing is installed on the host:
// a package is downloaded by apt-get and unpacked into a cache, once.
package debian

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Unpack gives the folder that holds the files of a package, as its present
// version in the archive has them, or had them when it was first asked for.
func Unpack(ctx context.Context, name string) (string, error) {
	cache, err := cacheFolder()
	if err != nil {
		return "", err
	}
	tree := filepath.Join(cache, name)
	if isPresent(tree) {
		return tree, nil
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return "", err
	}
	work, err := os.MkdirTemp(cache, "unpack-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(work)
	if _, err := run(ctx, work, "apt-get", "-q", "-o", "Acquire::Retries=5", "download", name); err != nil {
		return "", fmt.Errorf("%w\n(a package that is gone from the archive: run apt-get update)", err)
	}
	debs, err := filepath.Glob(filepath.Join(work, "*.deb"))
	if err != nil || len(debs) != 1 {
		return "", fmt.Errorf("apt-get download %s left %d packages, not one", name, len(debs))
	}
	aside := filepath.Join(work, "tree")
	if _, err := run(ctx, work, "dpkg-deb", "-x", debs[0], aside); err != nil {
		return "", err
	}
	// Whole or not at all; another process may have been quicker.
	if err := os.Rename(aside, tree); err != nil && !isPresent(tree) {
		return "", err
	}
	return tree, nil
}

// cacheFolder is one for all who unpack packages.
func cacheFolder() (string, error) {
	if dir := os.Getenv("WINTEMPLATE_CACHE"); dir != "" {
		return filepath.Join(dir, "packages"), nil
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("no cache folder for Debian's packages (%w): set WINTEMPLATE_CACHE", err)
	}
	return filepath.Join(dir, "wintemplate", "packages"), nil
}

func isPresent(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// holders names the package of each program that runs here, for the error of
// one that is absent.
var holders = map[string]string{"apt-cache": "apt", "apt-get": "apt", "dpkg-deb": "dpkg"}

// run runs one of Debian's tools in dir and gives what it printed.
func run(ctx context.Context, dir, name string, args ...string) ([]byte, error) {
	path, err := exec.LookPath(name)
	if err != nil {
		return nil, fmt.Errorf("%s is not installed: it is in Debian's package %s", name, holders[name])
	}
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "LC_ALL=C")
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("%s %s: %w\n%s%s", name, strings.Join(args, " "), err, stdout.Bytes(), stderr.Bytes())
	}
	return stdout.Bytes(), nil
}
