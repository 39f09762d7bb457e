package powershell

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestCommandRoundTrip(t *testing.T) {
	const script = "'설치' # ✓ 𝄞"
	if got, err := Decode(Encode(script)); err != nil || got != script {
		t.Errorf("%q, %v", got, err)
	}
	for _, bad := range []string{"not base64!", "QUJD"} {
		if _, err := Decode(bad); err == nil {
			t.Errorf("%q was decoded", bad)
		}
	}
}

// TestFindOfNothing runs Find where there is no engine: the test that asked is
// skipped, not failed, and the summary's file names it.
func TestFindOfNothing(t *testing.T) {
	summary := filepath.Join(t.TempDir(), "skipped")
	t.Setenv(SkippedVariable, summary)
	inner := &recorder{TB: t, name: "TestThatNeedsOne"}
	func() {
		defer func() {
			if r := recover(); r != nil && r != skipped {
				panic(r)
			}
		}()
		Skip(inner, "no PowerShell engine")
	}()
	if !strings.HasPrefix(inner.said, "NOT TESTED: ") {
		t.Errorf("said %q", inner.said)
	}
	b, err := os.ReadFile(summary)
	if err != nil || !strings.HasSuffix(string(b), "TestThatNeedsOne: no PowerShell engine\n") {
		t.Errorf("%q, %v", b, err)
	}
}

func TestFindTakesTheEnvironmentsWord(t *testing.T) {
	engine := filepath.Join(t.TempDir(), "engine.exe")
	if err := os.WriteFile(engine, []byte("#!/bin/sh\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv(PathVariable, engine)
	if got := Find(t); got != engine {
		t.Errorf("%s instead of %s", got, engine)
	}
}

const skipped = "skipped"

// recorder is a test that notes how it was skipped.
type recorder struct {
	testing.TB
	name, said string
}

func (r *recorder) Helper()      {}
func (r *recorder) Name() string { return r.name }
func (r *recorder) Skip(args ...any) {
	r.said, _ = args[0].(string)
	panic(skipped)
}
