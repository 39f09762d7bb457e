package discs

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// kernel is an unpacked Debian kernel package.
type kernel struct {
	Version string // "6.1.0-56-amd64"
	Image   string // path of vmlinuz
	Modules string // path of lib/modules/<version>
}

var kernelPackage = regexp.MustCompile(`linux-image-[0-9][^\s]*-amd64\b`)

// fetchKernel gets the distribution's present kernel as a package and unpacks
// it into the cache. It is never installed on the host: what boots is the
// guest, not this machine.
func fetchKernel(ctx context.Context, cache string) (kernel, error) {
	name, err := kernelPackageName(ctx)
	if err != nil {
		if k, ok := cachedKernel(cache); ok {
			return k, nil
		}
		return kernel{}, err
	}
	k := kernelAt(cache, strings.TrimPrefix(name, "linux-image-"))
	if _, err := os.Stat(k.Image); err == nil {
		return k, nil
	}
	work, err := os.MkdirTemp(cache, "kernel-*")
	if err != nil {
		return kernel{}, err
	}
	defer os.RemoveAll(work)
	if _, err := tool(ctx, work, "apt-get", "-q", "download", name); err != nil {
		return kernel{}, fmt.Errorf("%w\n(a package that is gone from the archive: run apt-get update)", err)
	}
	debs, err := filepath.Glob(filepath.Join(work, "*.deb"))
	if err != nil || len(debs) != 1 {
		return kernel{}, fmt.Errorf("apt-get download %s left %d packages, not one", name, len(debs))
	}
	unpacked := filepath.Join(work, "tree")
	if _, err := tool(ctx, work, "dpkg-deb", "-x", debs[0], unpacked); err != nil {
		return kernel{}, err
	}
	if err := os.Rename(unpacked, filepath.Join(cache, name)); err != nil && !isPresent(k.Image) {
		return kernel{}, err
	}
	return k, nil
}

// kernelPackageName is the package that linux-image-amd64 stands for today.
func kernelPackageName(ctx context.Context) (string, error) {
	out, err := tool(ctx, "", "apt-cache", "depends", "linux-image-amd64")
	if err != nil {
		return "", err
	}
	name := kernelPackage.Find(out)
	if name == nil {
		return "", errors.New("apt-cache depends linux-image-amd64 names no kernel package: run apt-get update")
	}
	return string(name), nil
}

// kernelAt is where a kernel of that version lies in the cache.
func kernelAt(cache, version string) kernel {
	tree := filepath.Join(cache, "linux-image-"+version)
	return kernel{
		Version: version,
		Image:   filepath.Join(tree, "boot", "vmlinuz-"+version),
		Modules: filepath.Join(tree, "lib", "modules", version),
	}
}

// cachedKernel finds a kernel of an earlier call, for a machine whose package
// lists are empty.
func cachedKernel(cache string) (kernel, bool) {
	trees, _ := filepath.Glob(filepath.Join(cache, "linux-image-*"))
	for _, tree := range slices.Backward(trees) {
		k := kernelAt(cache, strings.TrimPrefix(filepath.Base(tree), "linux-image-"))
		if isPresent(k.Image) {
			return k, true
		}
	}
	return kernel{}, false
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
