package discs

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// kernel is an unpacked Debian kernel package.
type kernel struct {
	Version string // "6.1.0-56-amd64"
	Image   string // path of vmlinuz
	Modules string // path of lib/modules/<version>
}

var kernelPackage = regexp.MustCompile(`linux-image-([0-9][^\s]*-amd64)\b`)

// fetchKernel gets the distribution's present kernel as a package and unpacks
// it into the cache. It is never installed on the host: what boots is the
// guest, not this machine.
func fetchKernel(ctx context.Context, cache string) (kernel, error) {
	out, err := tool(ctx, "", "apt-cache", "depends", "linux-image-amd64")
	if err != nil {
		return kernel{}, err
	}
	match := kernelPackage.FindSubmatch(out)
	if match == nil {
		return kernel{}, fmt.Errorf("apt-cache depends linux-image-amd64 names no kernel package: run apt-get update")
	}
	version := string(match[1])
	tree := filepath.Join(cache, "linux-image-"+version)
	k := kernel{
		Version: version,
		Image:   filepath.Join(tree, "boot", "vmlinuz-"+version),
		Modules: filepath.Join(tree, "lib", "modules", version),
	}
	if _, err := os.Stat(k.Image); err == nil {
		return k, nil
	}
	work, err := os.MkdirTemp(cache, "kernel-*")
	if err != nil {
		return kernel{}, err
	}
	defer os.RemoveAll(work)
	if _, err := tool(ctx, work, "apt-get", "-q", "download", string(match[0])); err != nil {
		return kernel{}, err
	}
	debs, err := filepath.Glob(filepath.Join(work, "*.deb"))
	if err != nil || len(debs) != 1 {
		return kernel{}, fmt.Errorf("apt-get download %s left %d packages, not one", match[0], len(debs))
	}
	unpacked := filepath.Join(work, "tree")
	if _, err := tool(ctx, work, "dpkg-deb", "-x", debs[0], unpacked); err != nil {
		return kernel{}, err
	}
	if err := os.Rename(unpacked, tree); err != nil && !isPresent(k.Image) {
		return kernel{}, err
	}
	return k, nil
}

func isPresent(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// moduleName is the kernel's own spelling of a module's name: file names may
// hold dashes, dependencies never do.
func moduleName(file string) string {
	return strings.ReplaceAll(strings.TrimSuffix(filepath.Base(file), ".ko"), "-", "_")
}
