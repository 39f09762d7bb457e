package debian

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestUnpackOnce(t *testing.T) {
	cache := t.TempDir()
	t.Setenv("WINTEMPLATE_CACHE", cache)
	tree, err := Unpack(t.Context(), "busybox-static")
	if err != nil {
		t.Fatal(err)
	}
	if tree != filepath.Join(cache, "packages", "busybox-static") {
		t.Errorf("unpacked into %s", tree)
	}
	program := filepath.Join(tree, "bin", "busybox")
	if info, err := os.Stat(program); err != nil || info.Mode()&0o111 == 0 {
		t.Fatalf("%v, %v", info, err)
	}
	if err := os.WriteFile(program, []byte("as it was"), 0o755); err != nil {
		t.Fatal(err)
	}
	again, err := Unpack(t.Context(), "busybox-static")
	if b, _ := os.ReadFile(filepath.Join(again, "bin", "busybox")); err != nil || string(b) != "as it was" {
		t.Errorf("unpacked anew: %q, %v", b, err)
	}
	if left, _ := filepath.Glob(filepath.Join(cache, "packages", "unpack-*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestUnknownPackage(t *testing.T) {
	cache := t.TempDir()
	t.Setenv("WINTEMPLATE_CACHE", cache)
	_, err := Unpack(t.Context(), "no-such-package")
	if err == nil || !strings.Contains(err.Error(), "no-such-package") || !strings.Contains(err.Error(), "apt-get update") {
		t.Errorf("error is %v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(cache, "packages", "*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestKernelName(t *testing.T) {
	// apt-cache depends linux-image-amd64, Debian 12
	name, err := parseDepends([]byte("linux-image-amd64\n  Depends: linux-image-6.1.0-56-amd64\n"))
	if err != nil || name != "linux-image-6.1.0-56-amd64" {
		t.Errorf("%q, %v", name, err)
	}
	if _, err := parseDepends([]byte("linux-image-amd64\n")); err == nil {
		t.Error("an empty list names a kernel")
	}
	k := kernelIn("/c/linux-image-6.1.0-56-amd64")
	if want := (Kernel{"6.1.0-56-amd64", "/c/linux-image-6.1.0-56-amd64/boot/vmlinuz-6.1.0-56-amd64", "/c/linux-image-6.1.0-56-amd64/lib/modules/6.1.0-56-amd64"}); k != want {
		t.Errorf("%+v", k)
	}
}

// TestCachedKernel: a machine without package lists still boots what it has.
func TestCachedKernel(t *testing.T) {
	cache := t.TempDir()
	t.Setenv("WINTEMPLATE_CACHE", cache)
	if k, ok := cachedKernel(); ok {
		t.Fatalf("an empty cache has %+v", k)
	}
	for _, version := range []string{"6.1.0-55-amd64", "6.1.0-56-amd64", "6.1.0-57-amd64"} {
		boot := filepath.Join(cache, "packages", "linux-image-"+version, "boot")
		if err := os.MkdirAll(boot, 0o755); err != nil {
			t.Fatal(err)
		}
		if version == "6.1.0-57-amd64" {
			continue // without its kernel
		}
		if err := os.WriteFile(filepath.Join(boot, "vmlinuz-"+version), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if k, ok := cachedKernel(); !ok || k.Version != "6.1.0-56-amd64" {
		t.Errorf("%+v, %v", k, ok)
	}
}
