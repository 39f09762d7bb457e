package guest

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	packersdk "github.com/hashicorp/packer-plugin-sdk/packer"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/guest"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/guest/scripttest"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/handoff"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/winrm"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/winrm/winrmtest"
)

// aServer is a Windows Server 2022 that the bootstrap has left half done: no
// drivers, no agent, no cloudbase-init. Its MSIs do what the real ones do.
const aServer = `
$v = 'HKLM:\SOFTWARE\Microsoft\Windows NT\CurrentVersion'
Set-Reg $v CurrentBuildNumber '20348'; Set-Reg $v InstallationType 'Server'; Set-Reg $v ProductName 'Windows Server 2022 Standard'
Set-Reg 'HKLM:\SOFTWARE\Microsoft\Windows\CurrentVersion\Setup\State' ImageState 'IMAGE_STATE_COMPLETE'
$global:OnRun['msiexec.exe'] = {
    param($a)
    switch -Wildcard ("$a") {
        '*virtio-win*' {
            foreach ($d in 'viostor', 'vioscsi', 'netkvm') { Set-TestService $d 0 "System32\drivers\$d.sys"; Set-File "C:\Windows\System32\drivers\$d.sys" }
        }
        '*qemu-ga*' { Set-TestService 'QEMU-GA' 2; Set-TestService 'QEMU Guest Agent VSS Provider' 3 }
        '*Cloudbase*' {
            $f = 'C:\Program Files\Cloudbase Solutions\Cloudbase-Init'
            Set-TestService 'cloudbase-init' 2
            foreach ($n in 'bin\OpenStackService.exe', 'Python\Scripts\cloudbase-init.exe', 'conf\cloudbase-init.conf') { Set-File "$f\$n" }
        }
    }
}
# A task runs at once and to its end: the launcher from its file, the request from the other.
New-Stub Start-ScheduledTask {
    $id = @($TaskName)[0] -replace '^wintemplate-', ''
    & ([ScriptBlock]::Create((Get-Content -LiteralPath "C:\ProgramData\wintemplate\tasks\$id\run.ps1" -Raw)))
}
`

// machine is a pretended Windows with an answer disc.
func machine(t *testing.T) (*scripttest.Machine, string) {
	t.Helper()
	m := scripttest.New(t)
	root := m.Disc("E")
	var manifest handoff.DiscManifest
	for _, name := range []string{"wintemplate/tools/virtio-win-gt-x64.msi", "wintemplate/tools/qemu-ga-x86_64.msi", "wintemplate/payload/CloudbaseInitSetup_x64.msi"} {
		if err := manifest.Add(name, strings.NewReader(name)); err != nil {
			t.Fatal(err)
		}
		put(t, filepath.Join(root, name), name)
	}
	data, sum := manifest.Encode()
	put(t, filepath.Join(root, handoff.DiscManifestPath), string(data))
	m.Put(t, `C:\ProgramData\wintemplate\bootstrap.done`, `{"version":1,"manifest_sha256":"`+sum+`"}`)
	m.Set(aServer)
	return m, sum
}

func put(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// serve puts the machine behind a WinRM server.
func serve(t *testing.T, m *scripttest.Machine) *winrmtest.Guest {
	t.Helper()
	return winrmtest.Start(t, winrm.Config{Start: func(ctx context.Context, p winrm.Process) int {
		exit, err := m.Run(ctx, p.CommandLine, p.Stdin, p.Stdout, p.Stderr)
		if err != nil {
			fmt.Fprintln(p.Stderr, err)
			return 1
		}
		return exit
	}})
}

// TestScriptTheWholeWay goes from the HCL block through our transport to the
// scripts, and back.
func TestScriptTheWholeWay(t *testing.T) {
	t.Parallel()
	m, manifest := machine(t)
	w := serve(t, m)
	generated := map[string]any{
		"Host": w.Host, "Port": w.Port, "User": w.User, "Password": w.Password,
		handoff.GuestKey: handoff.Guest{CertificateSHA256: hex.EncodeToString(w.Pin[:]), DiscManifestSHA256: manifest, Server: true, Account: "Administrator"}.String(),
	}
	out := runWith(t, nil, generated)
	for _, want := range []string{"Windows Server 2022 Standard, build 20348", "Installing the virtio drivers, since the storage driver viostor is not installed", "Installing the QEMU guest agent", `From E:\wintemplate\payload\CloudbaseInitSetup_x64.msi`, "disabled until the seal"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not in:\n%s", want, out)
		}
	}
	verifyMachine(t, m)
}

func runWith(t *testing.T, comm packersdk.Communicator, generated map[string]any, more ...raw) string {
	t.Helper()
	block := raw{"drivers": raw{}, "cloudbase_init": raw{"cloud": "openstack", "username": "O'Neil $x"}}
	for _, m := range more {
		block = m
	}
	var p Provisioner
	if err := p.Prepare(block); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := p.Provision(t.Context(), &packersdk.BasicUi{Reader: strings.NewReader(""), Writer: &out, ErrorWriter: &out}, comm, generated); err != nil {
		t.Fatalf("%v\n%s", err, &out)
	}
	return out.String()
}

func verifyMachine(t *testing.T, m *scripttest.Machine) {
	t.Helper()
	if v := m.Registry(t, `HKLM\SYSTEM\CurrentControlSet\Services\cloudbase-init`, "Start"); v != float64(4) {
		t.Errorf("cloudbase-init has Start=%v", v)
	}
	conf := m.Get(t, `C:\Program Files\Cloudbase Solutions\Cloudbase-Init\conf\cloudbase-init.conf`)
	if !strings.Contains(conf, "username=O'Neil $$x\r\n") {
		t.Errorf("%s", conf)
	}
	if n := len(m.Calls(t, "msiexec.exe")); n != 3 {
		t.Errorf("%d installations", n)
	}
	if m.Has(`C:\ProgramData\wintemplate\tasks`) {
		entries, _ := os.ReadDir(m.Path(`C:\ProgramData\wintemplate\tasks`))
		if len(entries) > 0 {
			t.Errorf("%d tasks are left", len(entries))
		}
	}
}

// stranger is the communicator of another builder: no standard input.
type stranger struct {
	packersdk.MockCommunicator
	m       *scripttest.Machine
	mu      sync.Mutex
	started []string
	fail    int // that many uploads fail first
}

func (s *stranger) Upload(path string, r io.Reader, _ *os.FileInfo) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail--; s.fail >= 0 {
		return errors.New("connection reset")
	}
	data, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if strings.Contains(filepath.Base(path), `\`) {
		return errors.New("scp: " + filepath.Base(path) + ": no such file or directory") // what Packer's SSH communicator would make of it
	}
	file := s.m.Path(path)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	return os.WriteFile(file, data, 0o600)
}

func (s *stranger) Start(ctx context.Context, cmd *packersdk.RemoteCmd) error {
	s.mu.Lock()
	s.started = append(s.started, cmd.Command)
	s.mu.Unlock()
	go func() {
		exit, err := s.m.Run(ctx, cmd.Command, strings.NewReader(""), cmd.Stdout, cmd.Stderr)
		if err != nil {
			exit = 1
		}
		cmd.SetExited(exit)
	}()
	return nil
}

// TestScriptThroughPackersCommunicator is the same with a builder that gives
// no handoff: the files come from the machine that runs Packer.
func TestScriptThroughPackersCommunicator(t *testing.T) {
	t.Parallel()
	m := scripttest.New(t).Set(aServer)
	comm := &stranger{m: m, fail: 2}
	dir := t.TempDir()
	for _, name := range []string{"virtio-win-gt-x64.msi", "qemu-ga-x86_64.msi", "CloudbaseInitSetup_x64.msi"} {
		put(t, filepath.Join(dir, name), name)
	}
	runWith(t, comm, map[string]any{"Host": "10.0.0.1", "Port": 5985, "User": "a", "Password": "not-on-any-command-line"}, raw{
		"drivers":        raw{"installer": filepath.Join(dir, "virtio-win-gt-x64.msi"), "agent_installer": filepath.Join(dir, "qemu-ga-x86_64.msi")},
		"cloudbase_init": raw{"cloud": "openstack", "username": "O'Neil $x", "installer": filepath.Join(dir, "CloudbaseInitSetup_x64.msi")},
	})
	verifyMachine(t, m)
	for _, line := range comm.started {
		if len(line) > 8000 || !strings.HasPrefix(line, "powershell.exe -NoProfile") {
			t.Errorf("%d characters: %.80s", len(line), line)
		}
	}
	left, _ := filepath.Glob(filepath.Join(m.Path(`C:\Windows\Temp`), "*.request"))
	if len(left) > 0 {
		t.Errorf("requests are left in the guest: %v", left)
	}
}

// TestScriptLongAndForeignParameters sends what code pages, quoting and
// limits would spoil.
func TestScriptLongAndForeignParameters(t *testing.T) {
	t.Parallel()
	m := scripttest.New(t)
	w := serve(t, m)
	wire := newWire(seat{Host: w.Host, Port: w.Port, User: w.User, Password: w.Password, pin: w.Pin}.endpoint(), func(string) {})
	text := strings.Repeat("한글 日本語 \"quotes\" 'single' `backtick` $env:PATH $(Get-Date) \\ \t %TEMP% & | < > ^ é\u0000 😀\n", 1200) // over 100 KB
	if len(text) < 100_000 {
		t.Fatal(len(text))
	}
	_, _, err := guest.TaskStart.Do(t.Context(), guest.NewSession(wire), guest.TaskStartParameters{ID: "x", Operation: "facts", Parameters: text, Script: guest.Facts.Script, TimeoutSeconds: 1})
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.ReplaceAll(m.Get(t, `C:\ProgramData\wintemplate\tasks\x\request`), "\r\n", "\n"), "\n")
	if got := decode(t, lines[1]); got != text {
		t.Errorf("%d bytes went in, %d came out", len(text), len(got))
	}
	if got := decode(t, lines[2]); got != guest.Facts.Script {
		t.Error("the script is another")
	}
}

func decode(t *testing.T, line string) string {
	t.Helper()
	b, err := base64.StdEncoding.DecodeString(line)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
