// Package pyvenv gives a test a Python virtual environment made from a pinned
// requirements file, for judges that are written in Python. It is made once
// and kept in the user's cache.
package pyvenv

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
)

// Python returns the interpreter of the environment that holds exactly what
// requirements (a file, every line pinned with ==) names. It lies below
// WINTEMPLATE_CACHE, or "wintemplate" in the user's cache folder, named after
// the file's digest. The test fails when it cannot be made.
func Python(t testing.TB, requirements string) string {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("NOT TESTED: the environment is made by Debian's Python; Linux runs this test")
	}
	pinned, err := os.ReadFile(requirements)
	if err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(pinned) {
		if line = bytes.TrimSpace(line); len(line) > 0 && line[0] != '#' && !bytes.Contains(line, []byte("==")) {
			t.Fatalf("%s: %q is not pinned with ==", requirements, line)
		}
	}
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Fatal("python3 is not on PATH: install the Debian package python3-venv")
	}
	sum := sha256.Sum256(pinned)
	dir := filepath.Join(cache(t), "venv-"+hex.EncodeToString(sum[:6]))
	interpreter := filepath.Join(dir, "bin", "python3")
	if _, err := os.Stat(filepath.Join(dir, "complete")); err == nil {
		return interpreter
	}
	// Made aside and moved into place, so that two tests at once and an
	// interrupted one do no harm: a venv's scripts hold its path, its
	// interpreter does not, and nothing else of it is used.
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		t.Fatal(err)
	}
	aside, err := os.MkdirTemp(filepath.Dir(dir), "venv-making-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(aside)
	run(t, "install the Debian package python3-venv", python, "-m", "venv", aside)
	run(t, "is PyPI, or the index that pip is set up for, within reach?",
		filepath.Join(aside, "bin", "python3"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--retries", "10", "--timeout", "60", "-r", requirements)
	if err := os.WriteFile(filepath.Join(aside, "complete"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(aside, dir); err != nil {
		if _, there := os.Stat(filepath.Join(dir, "complete")); there != nil {
			t.Fatal(err)
		}
	}
	return interpreter
}

func cache(t testing.TB) string {
	t.Helper()
	if dir := os.Getenv("WINTEMPLATE_CACHE"); dir != "" {
		return dir
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		t.Fatalf("no cache folder (%v): set WINTEMPLATE_CACHE", err)
	}
	return filepath.Join(dir, "wintemplate")
}

func run(t testing.TB, advice, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %q: %v\n%s\n%s", name, args, err, out, advice)
	}
}
