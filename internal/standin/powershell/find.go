// Package powershell finds the PowerShell that tests run the project's scripts
// with, and speaks its command line.
package powershell

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// PathVariable names the engine to use, by its path or as a name on PATH.
const PathVariable = "WINTEMPLATE_PWSH"

// SkippedVariable names a file that gets a line for every test that was
// skipped for want of an engine, so that `make test` can say so at its end: in
// the middle of its output nobody would see it.
const SkippedVariable = "WINTEMPLATE_SKIPPED"

// Find gives the path of the engine: WINTEMPLATE_PWSH, else Windows' own
// powershell.exe, else ../shared/powershell/pwsh beside the repository, else
// pwsh on PATH. No distribution packages one, so its absence skips the test,
// and says so.
func Find(t testing.TB) string {
	t.Helper()
	for _, candidate := range candidates() {
		if path, err := exec.LookPath(candidate); err == nil {
			return path
		} else if candidate == os.Getenv(PathVariable) {
			t.Fatalf("%s=%s: %v", PathVariable, candidate, err)
		}
	}
	Skip(t, "no PowerShell engine; set "+PathVariable+" to one, or put pwsh on PATH")
	return ""
}

func candidates() []string {
	if wish := os.Getenv(PathVariable); wish != "" {
		return []string{wish}
	}
	if runtime.GOOS == "windows" {
		// By its whole path: in a 32-bit process this is the 32-bit one all the
		// same, which has the same commands.
		return []string{filepath.Join(os.Getenv("SystemRoot"), `System32\WindowsPowerShell\v1.0\powershell.exe`)}
	}
	return []string{filepath.Join(repository(), "..", "shared", "powershell", "pwsh"), "pwsh"}
}

// repository is the folder of go.mod, above this file.
func repository() string {
	_, here, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(here), "..", "..", "..")
}

// Environment is this process's, for an engine. A Windows PowerShell that is
// started by anything that a PowerShell 7 has started finds that one's modules
// first, and cannot load them (Microsoft, about_PSModulePath); without the
// variable it looks where its own are.
func Environment() []string {
	env := os.Environ()
	if runtime.GOOS != "windows" {
		return env
	}
	return slices.DeleteFunc(env, func(v string) bool { return strings.HasPrefix(strings.ToUpper(v), "PSMODULEPATH=") })
}

// Checker gives the path of the checker of scripts that lies beside the
// engine; a PowerShell from elsewhere has none, which skips the test.
func Checker(t testing.TB) string {
	t.Helper()
	path := filepath.Join(filepath.Dir(Find(t)), "check")
	if _, err := os.Stat(path); err != nil {
		Skip(t, "no checker of scripts beside the PowerShell engine")
	}
	return path
}

// Skip skips a test that needs what is not here, and notes it for the summary.
func Skip(t testing.TB, reason string) {
	t.Helper()
	if path := os.Getenv(SkippedVariable); path != "" {
		if err := note(path, fmt.Sprintf("%s %s: %s\n", program(), t.Name(), reason)); err != nil {
			t.Errorf("%s: %v", SkippedVariable, err)
		}
	}
	t.Skip("NOT TESTED: " + reason)
}

// program is the tested package, by the name of its test binary.
func program() string {
	return strings.TrimSuffix(filepath.Base(os.Args[0]), ".test")
}

// note adds one line, whole, whichever other processes write too.
func note(path, line string) error {
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = f.WriteString(line)
	if closed := f.Close(); err == nil {
		err = closed
	}
	return err
}
