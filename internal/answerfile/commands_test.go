package answerfile

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/powershell"
)

// runCommand runs what stands between powershell.exe's double quotes with
// stubs before it, and returns its output.
func runCommand(t *testing.T, line, stubs string) string {
	t.Helper()
	return runCommandOn(t, line, stubs, "'bootstrap runs'\n")
}

// runCommandOn runs it with a bootstrap script of its own.
func runCommandOn(t *testing.T, line, stubs, bootstrap string) string {
	t.Helper()
	_, script, ok := strings.Cut(line, ` -Command "`)
	script, closed := strings.CutSuffix(script, `"`)
	if !ok || !closed || strings.Contains(script, `"`) {
		t.Fatalf("a double quote inside would end the command: %s", line)
	}
	root := t.TempDir()
	file := filepath.Join(root, "command.ps1")
	if err := os.WriteFile(file, []byte(stubs+"\n"+script+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(root, "c", "wintemplate"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "c", "wintemplate", "bootstrap.ps1"), []byte(bootstrap), 0o600); err != nil {
		t.Fatal(err)
	}
	run := exec.CommandContext(t.Context(), powershell.Find(t), "-NoProfile", "-File", file)
	run.Env = append(os.Environ(), "PWSH_C="+filepath.Join(root, "c"), "PWSH_CALLS="+filepath.Join(root, "calls"))
	out, err := run.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return string(out)
}

func TestFirstLogonCommand(t *testing.T) {
	// The engine has drive C: alone, and [IO.DriveInfo] would see Linux.
	on := func(drives ...string) string {
		list := "@(" + strings.Join(drives, ",") + ")"
		line := strings.Replace(FirstLogonCommand(), "[IO.DriveInfo]::GetDrives()", list, 1)
		if line == FirstLogonCommand() {
			t.Fatal("the command does not ask for the drives any more")
		}
		return line
	}
	drive := func(letter string) string { return `@{Name='` + letter + `:\'}` }
	stub := `New-Stub cmd.exe { "cmd.exe $args" }`
	if out := runCommand(t, on(drive("C"), drive("C")), stub); strings.TrimSpace(out) != "bootstrap runs" {
		t.Errorf("with the disc: %s", out)
	}
	out := runCommand(t, on(), stub)
	if want := `cmd.exe /c (echo wintemplate: bootstrap fail no drive holds wintemplate\bootstrap.ps1)>COM1 2>nul`; strings.TrimSpace(out) != want {
		t.Errorf("without a disc: %s\nwant %s", out, want)
	}
	out = runCommandOn(t, on(drive("C"), drive("C")), stub, "if (1) {\n")
	if want := `cmd.exe /c (echo wintemplate: bootstrap fail wintemplate\bootstrap.ps1 cannot be run: MissingEndCurlyBrace)>COM1 2>nul`; strings.TrimSpace(out) != want {
		t.Errorf("with a damaged script: %s\nwant %s", out, want)
	}
}

func TestAdministratorPasswordCommand(t *testing.T) {
	stubs := `
New-Stub Get-LocalUser {
    [pscustomobject]@{ Name = 'Administrateur'; SID = 'S-1-5-21-1-2-3-500' }
    [pscustomobject]@{ Name = 'x500'; SID = 'S-1-5-21-1-2-3-1500' }
    [pscustomobject]@{ Name = 'Guest'; SID = 'S-1-5-21-1-2-3-501' }
}
New-Stub Set-LocalUser {
    $plain = [System.Net.NetworkCredential]::new('', $Password).Password
    "$(@($InputObject)[0].Name) $($plain.Length) $($plain.Substring(0, 4))"
}
`
	first := runCommand(t, administratorPassword, stubs)
	if strings.TrimSpace(first) != "Administrateur 36 aA1!" {
		t.Errorf("%s", first)
	}
	whole := strings.Replace(stubs, `$($plain.Substring(0, 4))`, `$plain`, 1)
	if one, two := runCommand(t, administratorPassword, whole), runCommand(t, administratorPassword, whole); one == two {
		t.Errorf("two clones have the same password: %s", one)
	}
}
