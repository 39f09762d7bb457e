package console_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/winrm"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/winrm/console"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/winrm/upload"
)

type machine struct {
	asked []string
	keys  map[string]bool
}

func (m *machine) ComputerName() string { return "WIN-STANDIN" }
func (m *machine) AbortShutdown() int {
	m.asked = append(m.asked, "abort")
	return 0
}
func (m *machine) HasKey(key string) bool { return m.keys[key] }
func (m *machine) Shutdown(restart bool, delay time.Duration, reason string) int {
	what := "off"
	if restart {
		what = "restart"
	}
	m.asked = append(m.asked, what+" in "+delay.String()+": "+reason)
	if len(m.asked) > 1 {
		return 1115
	}
	return 0
}

type bench struct {
	t    *testing.T
	disk *console.Memory
	m    *machine
	c    *console.Console
}

func newBench(t *testing.T) *bench {
	b := &bench{t: t, disk: console.NewMemory(), m: &machine{keys: map[string]bool{}}}
	b.c = &console.Console{Files: b.disk, Machine: b.m}
	return b
}

func (b *bench) run(line string) (stdout, stderr string, exit int) {
	var out, errOut bytes.Buffer
	exit = b.c.Start(b.t.Context(), winrm.Process{User: "Administrator", CommandLine: line, Stdin: strings.NewReader(""), Stdout: &out, Stderr: &errOut})
	return out.String(), errOut.String(), exit
}

func (b *bench) file(path, want string) {
	b.t.Helper()
	got, err := b.disk.ReadFile(path)
	if err != nil || string(got) != want {
		b.t.Errorf("%s: %q, %v; want %q", path, got, err, want)
	}
}

// encoded is masterzen/winrm's Powershell.
func encoded(script string) string {
	var raw []byte
	for _, u := range utf16.Encode([]rune("$ProgressPreference = 'SilentlyContinue';" + script)) {
		raw = append(raw, byte(u), byte(u>>8))
	}
	return "powershell.exe -EncodedCommand " + base64.StdEncoding.EncodeToString(raw)
}

func TestCommands(t *testing.T) {
	long := strings.Repeat("x", 8190)
	for _, tc := range []struct {
		name, line, stdout, stderr string
		exit                       int
	}{
		{"the communicator's connection check", encoded(`if (Test-Path variable:global:ProgressPreference){$ProgressPreference='SilentlyContinue'}; echo "WinRM connected."`), "WinRM connected.\r\n", "", 0},
		{"windows-restart's check", encoded(`echo ("{0} restarted." -f [System.Net.Dns]::GetHostName())`), "WIN-STANDIN restarted.\r\n", "", 0},
		{"windows-restart's registry check", encoded(`Test-Path "HKLM:SOFTWARE\Microsoft\Windows\CurrentVersion\Component Based Servicing\RebootPending"`), "False\r\n", "", 0},
		{"variables", `echo %COMPUTERNAME% %NOSUCH% 100%`, "WIN-STANDIN %NOSUCH% 100%\r\n", "", 0},
		{"PowerShell variables", `powershell -NoProfile -Command "Write-Host 'a $env:TEMP'; Write-Output $env:COMPUTERNAME; exit 7"`, "a $env:TEMP\r\nWIN-STANDIN\r\n", "", 7},
		{"throw", encoded(`throw "no $env:USERNAME"`), "", "no Administrator\r\n", 1},
		{"a cmdlet", encoded("Write-Output 'x'\nGet-Service | Stop-Service"), "x\r\n", "stand-in: this is not Windows and runs no PowerShell beyond what Packer itself sends; not understood: line 2: Get-Service | Stop-Service\r\n", 1},
		{"an expression", encoded("Write-Output (Get-Date)"), "", "stand-in: this is not Windows and runs no PowerShell beyond what Packer itself sends; not understood: line 1: Write-Output (Get-Date)\r\n", 1},
		{"a program", "ipconfig /all", "", "stand-in: this is not Windows and runs no command beyond what Packer itself sends; not understood: ipconfig /all\r\n", 1},
		{"too long", "echo " + long, "", "The command line is too long.\r\n", 1},
		{"script that is not there", `powershell -file c:/none.ps1`, "", "The argument 'C:\\none.ps1' to the -File parameter does not exist.\r\n", -196608},
	} {
		t.Run(tc.name, func(t *testing.T) {
			stdout, stderr, exit := newBench(t).run(tc.line)
			if stdout != tc.stdout || stderr != tc.stderr || exit != tc.exit {
				t.Errorf("got %q, %q, %d; want %q, %q, %d", stdout, stderr, exit, tc.stdout, tc.stderr, tc.exit)
			}
		})
	}
}

func TestShutdown(t *testing.T) {
	b := newBench(t)
	for _, tc := range []struct {
		line string
		exit int
	}{
		{`shutdown /r /f /t 0 /c "packer restart"`, 0},
		{`shutdown /r /f /t 60 /c "packer restart test"`, 1115},
		{`shutdown /a`, 0},
		{`shutdown.exe -s -t 5`, 1115},
		{`shutdown /h`, 1},
	} {
		if _, stderr, exit := b.run(tc.line); exit != tc.exit {
			t.Errorf("%s: %d %s", tc.line, exit, stderr)
		}
	}
	if got := strings.Join(b.m.asked, "|"); got != "restart in 0s: packer restart|restart in 1m0s: packer restart test|abort|off in 5s: " {
		t.Errorf("asked: %s", got)
	}
	b.m.keys[`HKLM:X\Y`] = true
	if out, _, _ := b.run(encoded(`Test-Path "HKLM:X\Y"`)); out != "True\r\n" {
		t.Errorf("got %q", out)
	}
}

// The powershell provisioner: variables and script are uploaded, run by a
// command line of this form, and removed.
func TestPowershellProvisioner(t *testing.T) {
	b := newBench(t)
	_ = b.disk.WriteFile(`C:\Windows\Temp\packer-ps-env-vars-1.ps1`, []byte("$env:PACKER_BUILD_NAME=\"ws`\"2022\"; $env:X=\"1\"; "))
	_ = b.disk.WriteFile(`C:\Windows\Temp\script-1.ps1`, []byte("# a comment\r\nWrite-Host \"build $env:PACKER_BUILD_NAME\"\r\nSet-Content -Path C:\\out.txt -Value 'done'\r\nexit 3\r\n"))
	out, errOut, exit := b.run(`powershell -executionpolicy bypass "& { if (Test-Path variable:global:ProgressPreference){set-variable -name variable:global:ProgressPreference -value 'SilentlyContinue'};. c:/Windows/Temp/packer-ps-env-vars-1.ps1; &'c:/Windows/Temp/script-1.ps1'; exit $LastExitCode }"`)
	if out != "build ws\"2022\r\n" || exit != 3 || errOut != "" {
		t.Errorf("got %q, %q, %d", out, errOut, exit)
	}
	b.file(`c:\OUT.TXT`, "done\r\n")

	// inline, as the provisioner wraps it
	_ = b.disk.WriteFile(`C:\Windows\Temp\inline.ps1`, []byte(`
	if (Test-Path variable:global:ProgressPreference) {
	  set-variable -name variable:global:ProgressPreference -value 'SilentlyContinue'
	}
	
	$exitCode = 0
	try {
	$env:PACKER_BUILDER_TYPE="null"; 
	Write-Output "type $env:PACKER_BUILDER_TYPE"
	Get-Content C:\out.txt
	
	$exitCode = 0
	} catch {
	Write-Error "An error occurred: $_"
	$exitCode = 1
	}
	
	if ((Test-Path variable:global:LASTEXITCODE) -and $LASTEXITCODE -ne $null -and $LASTEXITCODE -ne 0) {
		$exitCode = $LASTEXITCODE
	}
	exit $exitCode

`))
	out, errOut, exit = b.run(`powershell -executionpolicy bypass -file c:/Windows/Temp/inline.ps1`)
	if out != "type null\r\ndone\r\n" || exit != 0 || errOut != "" {
		t.Errorf("got %q, %q, %d", out, errOut, exit)
	}

	_ = b.disk.WriteFile(`C:\Windows\Temp\packer-cleanup-1.ps1`, []byte("if (Test-Path c:/Windows/Temp/inline.ps1) {Remove-Item c:/Windows/Temp/inline.ps1}\nif (Test-Path c:/Windows/Temp/none) {Remove-Item c:/Windows/Temp/none}\n"))
	if _, errOut, exit = b.run(`powershell -executionpolicy bypass -file c:/Windows/Temp/packer-cleanup-1.ps1`); exit != 0 {
		t.Errorf("%d %s", exit, errOut)
	}
	if _, err := b.disk.Stat(`C:\Windows\Temp\inline.ps1`); err == nil {
		t.Error("not removed")
	}
}

func TestWindowsShellProvisioner(t *testing.T) {
	b := newBench(t)
	_ = b.disk.WriteFile(`C:\Windows\Temp\script.bat`, []byte("@echo off\r\nrem nothing\r\necho %A% on %COMPUTERNAME%\r\nexit /b 5\r\necho never\r\n"))
	out, errOut, exit := b.run(`set "A=b c" && set "D=e" && "c:/Windows/Temp/script.bat"`)
	if out != "b c on WIN-STANDIN\r\n" || exit != 5 || errOut != "" {
		t.Errorf("got %q, %q, %d", out, errOut, exit)
	}
}

// winrmcp: echo lines to a temporary file, a restore script, a clean-up script.
func TestUploadByEchoes(t *testing.T) {
	const restore = `
		$tmp_file_path = [System.IO.Path]::GetFullPath("$env:TEMP\winrmcp-1.tmp")
		$dest_file_path = [System.IO.Path]::GetFullPath("'C:\a b\x.bin'".Trim("'"))
		if (Test-Path $dest_file_path) {`
	b := newBench(t)
	for _, piece := range []string{"hello, ", "world"} {
		if _, errOut, exit := b.run(`echo ` + base64.StdEncoding.EncodeToString([]byte(piece)) + ` >> "%TEMP%\winrmcp-1.tmp"`); exit != 0 {
			t.Fatal(errOut)
		}
	}
	if _, errOut, exit := b.run(encoded(restore)); exit != 0 {
		t.Fatal(errOut)
	}
	b.file(`C:\a b\x.bin`, "hello, world")
	cleanup := "\n\t\t$tmp_file_path = [System.IO.Path]::GetFullPath(\"$env:TEMP\\winrmcp-1.tmp\")\n\t\tif (Test-Path $tmp_file_path) {\n"
	if _, errOut, exit := b.run(encoded(cleanup)); exit != 0 {
		t.Fatal(errOut)
	}
	if _, err := b.disk.Stat(`C:\Users\Administrator\AppData\Local\Temp\winrmcp-1.tmp`); err == nil {
		t.Error("the temporary file is left")
	}
	// without a temporary file the upload was empty
	if _, errOut, exit := b.run(encoded(restore)); exit != 0 {
		t.Fatal(errOut)
	}
	b.file(`C:\a b\x.bin`, "\xff\xfe")
}

func TestElevatedRunner(t *testing.T) {
	b := newBench(t)
	_ = b.disk.WriteFile(`C:\s.ps1`, []byte("Write-Output 'as a task'\nexit 9\n"))
	_ = b.disk.WriteFile(`C:\Windows\Temp\packer-elevated-shell-1.ps1`, []byte(`
$s = New-Object -ComObject "Schedule.Service"
$xml = [xml]@'
    <Exec>
      <Command>cmd</Command>
      <Arguments>/c powershell -executionpolicy bypass -file c:/s.ps1 &gt; %SYSTEMROOT%/Temp/packer-1.out 2&gt;&amp;1</Arguments>
    </Exec>
'@
exit $result`))
	out, errOut, exit := b.run(`powershell -executionpolicy bypass -file "C:/Windows/Temp/packer-elevated-shell-1.ps1"`)
	if out != "as a task\r\n" || exit != 9 {
		t.Errorf("got %q, %q, %d", out, errOut, exit)
	}
}

func TestOwnUpload(t *testing.T) {
	b := newBench(t)
	lines, err := upload.NewLines(`C:/ProgramData/p.msi`, strings.NewReader("payload"))
	if err != nil {
		t.Fatal(err)
	}
	var stdin bytes.Buffer
	for {
		line, _, err := lines.Next()
		if err != nil {
			break
		}
		stdin.Write(line)
	}
	var out bytes.Buffer
	b.c.Start(t.Context(), winrm.Process{CommandLine: upload.Command(), Stdin: &stdin, Stdout: &out, Stderr: &out})
	r, err := upload.ParseResult(out.Bytes())
	if err != nil || r.SHA256 != lines.SHA256() {
		t.Errorf("%+v %v", r, err)
	}
	b.file(`C:\ProgramData\p.msi`, "payload")
}

func TestNextIsAskedFirst(t *testing.T) {
	b := newBench(t)
	b.c.Next = func(_ context.Context, p winrm.Process) (int, bool) { return 42, p.CommandLine == "mine" }
	if _, _, exit := b.run("mine"); exit != 42 {
		t.Errorf("exit %d", exit)
	}
	if out, _, _ := b.run("echo x"); out != "x\r\n" {
		t.Errorf("got %q", out)
	}
}
