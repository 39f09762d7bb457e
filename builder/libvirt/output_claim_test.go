package libvirt

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestClaimOutput(t *testing.T) {
	locks, dir := t.TempDir(), t.TempDir()
	release, err := claimOutput(locks, filepath.Join(dir, "output"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(dir, filepath.Join(locks, "link")); err != nil {
		t.Fatal(err)
	}
	for _, same := range []string{filepath.Join(dir, "output"), filepath.Join(dir, "x", "..", "output"), filepath.Join(locks, "link", "output")} {
		if _, err := claimOutput(locks, same); err == nil || !strings.Contains(err.Error(), "another build that runs now") {
			t.Errorf("%s: %v", same, err)
		}
	}
	other, err := claimOutput(locks, filepath.Join(dir, "other"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range []func() error{release, other} {
		if err := f(); err != nil {
			t.Error(err)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(locks, "*.lock")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	if release, err = claimOutput(locks, filepath.Join(dir, "output")); err != nil {
		t.Fatalf("released, and yet: %v", err)
	}
	if err := release(); err != nil {
		t.Error(err)
	}
}

// TestTwoBuildsWithOneOutput: the second ends before it makes anything, not
// when its Windows is installed.
func TestTwoBuildsWithOneOutput(t *testing.T) {
	b := newBench(t, nil)
	if err := os.MkdirAll(b.journal, 0o700); err != nil {
		t.Fatal(err)
	}
	release, err := claimOutput(b.journal, b.out)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.build(t.Context()); err == nil || !strings.Contains(err.Error(), "output_directory: another build that runs now") {
		t.Errorf("error is %v", err)
	}
	if b.called("CreateVolume") {
		t.Error("something was made")
	}
	if err := release(); err != nil {
		t.Error(err)
	}
	if _, err := b.build(t.Context()); err != nil {
		t.Errorf("%v\n%s", err, b.ui)
	}
	if left, _ := filepath.Glob(filepath.Join(b.journal, "*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}
