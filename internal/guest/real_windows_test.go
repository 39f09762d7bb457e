package guest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	engine "github.com/wintemplate/packer-plugin-wintemplate/internal/standin/powershell"
)

// What stubs and aliases take the place of everywhere else, on the Windows that
// the tests run on. Nothing here changes it, but for a key that is gone with the
// test, and with the next start.

// here runs command lines on this machine. It is a Runner.
type here struct{ path string }

func (h here) Run(ctx context.Context, commandLine string, stdin io.Reader, stdout, stderr io.Writer) (int, error) {
	cmd := exec.CommandContext(ctx, h.path)
	cmd.SysProcAttr = &syscall.SysProcAttr{CmdLine: commandLine}
	cmd.Env = engine.Environment()
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, stdout, stderr
	err := cmd.Run()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) && ctx.Err() == nil {
		return exit.ExitCode(), nil
	}
	return 0, err
}

// lines runs a script, after the files of scripts/ that it needs, and gives the
// lines that it writes.
func lines(t *testing.T, text string, files ...string) []string {
	t.Helper()
	var all strings.Builder
	for _, f := range files {
		all.WriteString(script(f))
	}
	path := filepath.Join(t.TempDir(), "script.ps1")
	if err := os.WriteFile(path, []byte(all.String()+text), 0o600); err != nil {
		t.Fatal(err)
	}
	// Not the test's context, which has ended when its cleanup runs.
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, engine.Find(t), "-NoProfile", "-NonInteractive", "-ExecutionPolicy", "Bypass", "-File", path)
	cmd.Env = engine.Environment()
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s\n%s", err, out, errs.String())
	}
	return strings.Fields(string(out))
}

// TestUninstallDeviceCompiles compiles what SetupAPI is called by, and has it
// look for a network adapter that no machine has.
func TestUninstallDeviceCompiles(t *testing.T) {
	t.Parallel()
	if got := lines(t, `Uninstall-Device -InstanceId 'PCI\VEN_0000&DEV_0000\NONE'`, "prelude", "devices"); len(got) != 1 || got[0] != "1168" { // ERROR_NOT_FOUND
		t.Errorf("%q", got)
	}
	// And without the switch: nothing that the compiler says is hidden by it.
	if got := lines(t, strings.Replace(script("devices"), " -IgnoreWarnings", "", 1)+`Uninstall-Device -InstanceId 'PCI\VEN_0000&DEV_0000\NONE'`, "prelude"); len(got) != 1 || got[0] != "1168" {
		t.Errorf("with warnings: %q", got)
	}
}

// TestFactsOfThisMachine goes the whole way: launcher, standard input, prelude,
// registry, JSON.
func TestFactsOfThisMachine(t *testing.T) {
	const key = `SOFTWARE\wintemplate-boot`
	if got := lines(t, `(Get-ProcessIdentity).Elevated`, "prelude"); len(got) != 1 || got[0] != "True" {
		engine.Skip(t, "what runs in a guest is an elevated administrator; this is none")
	}
	t.Cleanup(func() {
		lines(t, `[Microsoft.Win32.Registry]::LocalMachine.DeleteSubKeyTree('`+key+`', $false)`)
	})
	s := NewSession(here{engine.Find(t)})
	f, _, err := Facts.Do(t.Context(), s, None{})
	if err != nil {
		t.Fatal(err)
	}
	if f.Build < 14393 || !strings.HasPrefix(f.PowerShell, "5.1") || !f.Is64Bit || !f.Elevated || f.System || f.ProductName == "" || f.BootID == "" || f.UptimeSeconds <= 0 {
		t.Errorf("%+v", f)
	}
	again, _, err := Facts.Do(t.Context(), s, None{})
	if err != nil || again.BootID != f.BootID {
		t.Errorf("the same boot has the id %s, then %s: %v", f.BootID, again.BootID, err)
	}
	// Below a volatile key there is no other (ERROR_CHILD_MUST_BE_VOLATILE).
	if got := lines(t, `$key = [Microsoft.Win32.Registry]::LocalMachine.OpenSubKey('`+key+`', $true)
try { $null = $key.CreateSubKey('kept'); 'kept' } catch { 'volatile' }`); len(got) != 1 || got[0] != "volatile" {
		t.Errorf("the key that tells boots apart would outlive one: %q", got)
	}
}
