package debian

import (
	"context"
	"errors"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// Kernel is an unpacked kernel package.
type Kernel struct {
	Version string // "6.1.0-56-amd64"
	Image   string // path of vmlinuz
	Modules string // path of lib/modules/<version>
}

var kernelPackage = regexp.MustCompile(`linux-image-[0-9]\S*-amd64\b`)

// FetchKernel gets the distribution's present kernel.
func FetchKernel(ctx context.Context) (Kernel, error) {
	name, err := kernelName(ctx)
	if err != nil {
		if k, ok := cachedKernel(); ok {
			return k, nil
		}
		return Kernel{}, err
	}
	tree, err := Unpack(ctx, name)
	if err != nil {
		return Kernel{}, err
	}
	return kernelIn(tree), nil
}

// kernelName is the package that linux-image-amd64 stands for today.
func kernelName(ctx context.Context) (string, error) {
	out, err := run(ctx, "", "apt-cache", "depends", "linux-image-amd64")
	if err != nil {
		return "", err
	}
	return parseDepends(out)
}

func parseDepends(out []byte) (string, error) {
	name := kernelPackage.Find(out)
	if name == nil {
		return "", errors.New("apt-cache depends linux-image-amd64 names no kernel package: run apt-get update")
	}
	return string(name), nil
}

// kernelIn is the kernel of a package that was unpacked into tree.
func kernelIn(tree string) Kernel {
	version := strings.TrimPrefix(filepath.Base(tree), "linux-image-")
	return Kernel{
		Version: version,
		Image:   filepath.Join(tree, "boot", "vmlinuz-"+version),
		Modules: filepath.Join(tree, "lib", "modules", version),
	}
}

// cachedKernel finds a kernel of an earlier call, for a machine whose package
// lists are empty.
func cachedKernel() (Kernel, bool) {
	cache, err := cacheFolder()
	if err != nil {
		return Kernel{}, false
	}
	trees, _ := filepath.Glob(filepath.Join(cache, "linux-image-*"))
	for _, tree := range slices.Backward(trees) {
		if k := kernelIn(tree); isPresent(k.Image) {
			return k, true
		}
	}
	return Kernel{}, false
}
