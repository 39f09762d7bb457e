package answerfile

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/beacon"
)

func applyAnswers(firmware Firmware) Answers {
	a := answers("2025", firmware, "ko-KR")
	a.InstallMethod = MethodApply
	a.Image.Path = "sources/install.wim"
	return a
}

func TestApplyGolden(t *testing.T) {
	for _, firmware := range []Firmware{UEFI, BIOS} {
		a := applyAnswers(firmware)
		got, err := Autounattend(a)
		if err != nil {
			t.Fatal(err)
		}
		golden(t, fmt.Sprintf("autounattend/apply-2025-%s-ko.xml", firmware), got)
		checkSchema(t, got, a.Product)
		if err := CheckFile(got, a); err != nil {
			t.Error(err)
		}
		// The script does what setup.exe would: nothing else may tell Setup
		// to do anything.
		root, err := parse(got)
		if err != nil {
			t.Fatal(err)
		}
		pe := userFile{root: root}.pass(passWindowsPE)
		if len(pe.kids) != 1 || len(pe.kids[0].kids) != 1 || pe.kids[0].kids[0].name != "RunSynchronous" || len(applyCommand) > maxRunSynchronous {
			t.Errorf("%s: the windowsPE pass holds more than the script", firmware)
		}
	}
}

func TestApplyFiles(t *testing.T) {
	for _, firmware := range []Firmware{UEFI, BIOS} {
		files, err := ApplyFiles(applyAnswers(firmware), "build-1.2")
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, f := range files {
			names = append(names, f.Path)
			if bytes.ContainsFunc(f.Data, func(r rune) bool { return r > '~' }) || bytes.Count(f.Data, []byte("\n")) != bytes.Count(f.Data, []byte("\r\n")) {
				t.Errorf("%s is not ASCII with CRLF", f.Path)
			}
		}
		for _, want := range []string{"wintemplate/apply.cmd", "wintemplate/apply-answers.cmd", "wintemplate/diskpart-rescan.txt", "wintemplate/diskpart-select.txt", "wintemplate/diskpart-" + string(firmware) + ".txt"} {
			if !slices.Contains(names, want) {
				t.Errorf("%s: no %s in %v", firmware, want, names)
			}
		}
	}
	if _, err := ApplyFiles(server2022(), "x"); err == nil {
		t.Error("files for setup.exe")
	}
	if _, err := ApplyFiles(applyAnswers(UEFI), `x" & format c:`); err == nil {
		t.Error("a build id that is a command")
	}
	other := applyAnswers(UEFI)
	other.Image.Path = `sources/install.wim" & format c:`
	if _, err := ApplyFiles(other, "x"); err == nil || !strings.Contains(err.Error(), "install_method: ") {
		t.Errorf("an image file that is a command: %v", err)
	}
	if _, err := ApplyFiles(Answers{InstallMethod: MethodApply}, "x"); err == nil {
		t.Error("answers that are none")
	}
}

// No step's code goes unlooked at, and nothing is wiped before the marker was
// looked for.
func TestApplyScriptIsClosed(t *testing.T) {
	data, err := applyFolder.ReadFile("apply/apply.cmd")
	if err != nil {
		t.Fatal(err)
	}
	script := string(data)
	program := regexp.MustCompile(`(?i)\b(wpeutil|drvload|diskpart|dism|bcdboot|bcdedit|xcopy)\.exe`)
	lines := strings.Split(script, "\n")
	for i, line := range lines {
		if !program.MatchString(line) || strings.HasPrefix(line, "rem ") {
			continue
		}
		next := lines[i+1]
		if strings.HasPrefix(line, `set "RUN=`) && strings.HasPrefix(next, "call :step ") || strings.HasPrefix(line, "drvload.exe ") && strings.HasPrefix(next, `set "CODE=%ERRORLEVEL%"`) {
			continue
		}
		t.Errorf("line %d: nobody looks at the code of %s", i+1, line)
	}
	if marker, wipe := strings.Index(script, "if defined INSTALLED goto installed"), strings.Index(script, "diskpart-%FIRMWARE%.txt"); marker < 0 || wipe < marker {
		t.Error("the disk is wiped before the marker is looked for")
	}
	for _, label := range regexp.MustCompile(`(?:goto|call) :?([a-z]+)`).FindAllStringSubmatch(script, -1) {
		if !strings.Contains(script, "\n:"+label[1]+"\n") {
			t.Errorf("no label %s", label[1])
		}
	}
}

// TestApplyUnderWine runs the script in Wine's cmd.exe. The programs of Windows
// PE are batch files here, since nothing else that this machine can build runs
// under every Wine: "dism.exe" becomes "call dism.cmd", and COM1 a file, written in
// the one way that Wine knows; nothing else is changed.
func TestApplyUnderWine(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("wine"); err != nil {
		t.Fatal("there is no Wine to run apply.cmd in: apt-get install wine wine64")
	}
	prefix := t.TempDir()
	wine(t, prefix, "wineboot", "-i")
	// Its server serves all of them: a start of its own for each takes seconds.
	t.Cleanup(func() { stopWine(prefix) })

	t.Run("no answer disc", func(t *testing.T) {
		com1 := filepath.Join(t.TempDir(), "serial.txt")
		line, ok := strings.CutPrefix(strings.TrimSuffix(applyCommand, `"`), `cmd.exe /c "`)
		line = regexp.MustCompile(`\((echo .*)\)>COM1 2>nul`).ReplaceAllString(line, ">>"+winePath(com1)+" $1")
		if !ok || !strings.Contains(line, "serial.txt") {
			t.Fatalf("the command is another: %s", applyCommand)
		}
		wine(t, prefix, "wine", "cmd", "/c", line)
		data, err := os.ReadFile(com1)
		if want := `wintemplate: setup.winpe fail no drive holds wintemplate\apply.cmd`; err != nil || strings.TrimSpace(string(data)) != want {
			t.Errorf("COM1 has %q, %v; want %q", data, err, want)
		}
	})

	tests := []struct {
		name string
		// fails is a program, or what it is given, and its code; Wine's
		// cmd.exe makes 1 of any but 0.
		fails    string
		firmware Firmware
		found    string // PEFirmwareType
		prepare  func(t *testing.T, target, disc, media string)
		want     []string // the last beacons
		never    string   // a program that must not have run
	}{
		{"uefi", "", UEFI, "0x2", nil, []string{"setup.winpe info bcdedit bootsequence ended with 0", "setup.winpe ok restarting from the disk", "setup.winpe info wpeutil reboot ended with 0"}, ""},
		{"bios", "", BIOS, "0x1", nil, []string{"setup.winpe info name unattend.xml ended with 0", "setup.winpe ok restarting from the disk", "setup.winpe info wpeutil reboot ended with 0"}, "bcdedit"},
		{"other firmware", "", UEFI, "0x1", nil, []string{"setup.winpe fail the firmware is bios, the answers are for uefi"}, "diskpart"},
		{"no disk", "diskpart-select.txt 1", UEFI, "0x2", nil, []string{"setup.winpe info diskpart select disk 0 ended with 1", "setup.winpe fail diskpart select disk 0 ended with code 1"}, "diskpart-uefi"},
		{"a driver", "drvload 1", UEFI, "0x2", nil, []string{"setup.winpe ok restarting from the disk", "setup.winpe info wpeutil reboot ended with 0"}, ""},
		{"image", "/Apply-Image 1", UEFI, "0x2", nil, []string{"setup.winpe fail dism Apply-Image ended with code 1"}, "bcdboot"},
		{"boot files", "bcdboot 1", UEFI, "0x2", nil, []string{"setup.winpe fail bcdboot ended with code 1"}, "/Add-Driver"},
		{"boot order", "bcdedit 1", UEFI, "0x2", nil, []string{"setup.winpe fail bcdedit bootsequence ended with code 1"}, "wpeutil reboot"},
		{"firmware is not told", "wpeutil 1", UEFI, "0x2", nil, []string{"setup.winpe fail wpeutil UpdateBootInfo ended with code 1"}, "drvload"},
		{"rescan", "diskpart-rescan.txt 1", UEFI, "0x2", nil, []string{"setup.winpe fail diskpart rescan ended with code 1"}, "diskpart-select"},
		{"partitions", "diskpart-uefi.txt 1", UEFI, "0x2", nil, []string{"setup.winpe info diskpart uefi ended with 1", "setup.winpe fail diskpart uefi ended with code 1"}, "/Apply-Image"},
		{"drivers into Windows", `/Image:W:\ 1`, UEFI, "0x2", nil, []string{"setup.winpe fail dism Add-Driver ended with code 1"}, "bcdedit"},
		{"no answer file", "", UEFI, "0x2", func(t *testing.T, _, disc, _ string) {
			must(t, os.Remove(filepath.Join(disc, "Autounattend.xml")))
		}, []string{"setup.winpe fail copy Autounattend.xml ended with code 4"}, "wpeutil reboot"},
		{"no medium", "", UEFI, "0x2", func(t *testing.T, _, _, media string) { must(t, os.RemoveAll(filepath.Join(media, "sources"))) }, []string{"setup.winpe fail no disc holds sources\\install.wim"}, "diskpart-uefi"},
		{"no drivers", "", UEFI, "0x2", func(t *testing.T, _, disc, _ string) { must(t, os.RemoveAll(filepath.Join(disc, "$WinPEDriver$"))) }, []string{"setup.winpe fail the answer disc holds no drivers"}, "diskpart"},
		{"installed", "", UEFI, "0x2", installed, []string{"setup.winpe info Windows is on W: already", "setup.winpe info diskpart EFI partition ended with 0", "setup.winpe info bcdboot ended with 0", "setup.winpe info bcdedit bootsequence ended with 0", "setup.winpe ok restarting from the disk", "setup.winpe info wpeutil reboot ended with 0"}, "diskpart-uefi"},
		{"installed and boot order fails", "bcdedit 1", UEFI, "0x2", installed, []string{"setup.winpe fail bcdedit bootsequence ended with code 1"}, "diskpart-uefi"},
		{"installed and no EFI partition", "diskpart-esp.txt 1", UEFI, "0x2", installed, []string{"setup.winpe fail diskpart EFI partition ended with code 1"}, "bcdboot"},
		{"installed and boot files fail", "bcdboot 1", UEFI, "0x2", installed, []string{"setup.winpe fail bcdboot ended with code 1"}, "diskpart-uefi"},
		{"installed on BIOS", "", BIOS, "0x1", installed, []string{"setup.winpe fail the BIOS starts the CD although Windows is on the disk: detach it"}, "diskpart-bios"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			calls, got, target := runApply(t, prefix, applyAnswers(test.firmware), test.fails, test.found, test.prepare)
			if len(got) < len(test.want) || !slices.Equal(got[len(got)-len(test.want):], test.want) {
				t.Errorf("COM1:\n%s\nwant at the end:\n%s\ncalls:\n%s", strings.Join(got, "\n"), strings.Join(test.want, "\n"), calls)
			}
			if test.never != "" && strings.Contains(calls, test.never) {
				t.Errorf("%s was run:\n%s", test.never, calls)
			}
			if test.name == "uefi" {
				checkApplied(t, target, calls)
			}
		})
	}
	for path, want := range map[string]string{
		"sources/install.wim": `/ImageFile:E:\sources\install.wim`,
		"sources/install.esd": `/ImageFile:E:\sources\install.esd`,
		"sources/install.swm": `/ImageFile:E:\sources\install.swm /SWMFile:E:\sources\install*.swm`,
	} {
		t.Run(path, func(t *testing.T) { testApplyImage(t, prefix, path, want) })
	}
}

// runApply runs the script with a disc of its files, a medium that holds
// install.wim on drive E:, and the stubs of writeStubs. It gives the programs'
// calls, the beacons and the folder that is drive W:.
func runApply(t *testing.T, prefix string, a Answers, fails, found string, prepare func(t *testing.T, target, disc, media string)) (calls string, got []string, target string) {
	t.Helper()
	dir := t.TempDir()
	disc, media := filepath.Join(dir, "disc"), filepath.Join(dir, "media")
	target = filepath.Join(dir, "target")
	com1 := filepath.Join(dir, "serial.txt")
	files, err := ApplyFiles(a, "build-1")
	must(t, err)
	for _, f := range files {
		data := f.Data
		if f.Path == "wintemplate/apply.cmd" {
			data = regexp.MustCompile(`\b(wpeutil|drvload|diskpart|dism|bcdboot|bcdedit|reg|ping)\.exe`).ReplaceAll(data, []byte("call $1.cmd"))
			data = regexp.MustCompile(`\((echo .*)\)>COM1 2>nul`).ReplaceAll(data, []byte(">>"+winePath(com1)+" $1"))
		}
		writeFile(t, filepath.Join(disc, filepath.FromSlash(f.Path)), data)
	}
	writeFile(t, filepath.Join(disc, "Autounattend.xml"), []byte("answers"))
	for _, driver := range []string{"viostor", "vioscsi"} {
		writeFile(t, filepath.Join(disc, "$WinPEDriver$", driver, driver+".inf"), nil)
	}
	writeFile(t, filepath.Join(media, "sources", "install.wim"), nil)
	must(t, os.MkdirAll(target, 0o755))
	for letter, path := range map[string]string{"d:": disc, "e:": media, "w:": target, "s:": dir} {
		link := filepath.Join(prefix, "dosdevices", letter)
		_ = os.Remove(link)
		must(t, os.Symlink(path, link))
	}
	if prepare != nil {
		prepare(t, target, disc, media)
	}
	bin, log := filepath.Join(dir, "bin"), filepath.Join(dir, "log")
	writeStubs(t, bin, log, fails, found)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute) // ends what hangs
	defer cancel()
	run := exec.CommandContext(ctx, "wine", "cmd", "/c", `D:\wintemplate\apply.cmd`)
	run.Env = append(os.Environ(), "WINEPREFIX="+prefix, "WINEDEBUG=-all", "DISPLAY=", "WINEPATH="+winePath(bin))
	if err := run.Run(); err != nil {
		t.Logf("cmd.exe: %v", err)
	}
	data, err := os.ReadFile(log)
	must(t, err)
	calls = string(data)
	if !strings.Contains(calls, "ping ") {
		t.Errorf("the script did not wait at its end; its calls:\n%s", calls)
	}

	out, err := os.ReadFile(com1)
	must(t, err)
	for line := range strings.Lines(string(out)) {
		e, ok := beacon.Parse(line)
		if !ok {
			t.Errorf("COM1 got %q", line)
		}
		got = append(got, strings.TrimSpace(e.Stage+" "+string(e.State)+" "+e.Text))
	}
	return calls, got, target
}

// The index counts in one file: what else there is to install, on the same disc
// or another, is not looked at.
func testApplyImage(t *testing.T, prefix, path, want string) {
	a := applyAnswers(UEFI)
	a.Image.Path = path
	calls, got, _ := runApply(t, prefix, a, "", "0x2", func(t *testing.T, _, _, media string) {
		second := filepath.Join(filepath.Dir(media), "second")
		for _, name := range []string{"install.wim", "install.esd", "install.swm", "install2.swm"} {
			writeFile(t, filepath.Join(media, "sources", name), nil)
			writeFile(t, filepath.Join(second, "sources", name), nil)
		}
		link := filepath.Join(prefix, "dosdevices", "f:")
		must(t, os.Symlink(second, link))
		t.Cleanup(func() { must(t, os.Remove(link)) })
	})
	if last := "setup.winpe info wpeutil reboot ended with 0"; len(got) == 0 || got[len(got)-1] != last {
		t.Errorf("COM1:\n%s\nwant %q at the end", strings.Join(got, "\n"), last)
	}
	if !strings.Contains(strings.Join(strings.Fields(calls), " "), "dism /Apply-Image "+want+" /Index:2 ") {
		t.Errorf("no %q in\n%s", want, calls)
	}
}

func checkApplied(t *testing.T, target, calls string) {
	t.Helper()
	for file, want := range map[string]string{"Windows/Panther/unattend.xml": "answers", "ProgramData/wintemplate/applied.txt": "build-1"} {
		data, err := os.ReadFile(filepath.Join(target, file))
		if err != nil || strings.TrimSpace(string(data)) != want {
			t.Errorf("%s: %q, %v", file, data, err)
		}
	}
	if _, err := os.Stat(filepath.Join(target, "Windows/System32/Recovery/winre.wim")); err == nil {
		t.Error("winre.wim is still there")
	}
	calls = strings.Join(strings.Fields(calls), " ")
	at := 0
	for _, want := range []string{
		"wpeutil UpdateBootInfo", "reg query", "drvload", "diskpart /s", "diskpart-select", "diskpart-uefi",
		`dism /Apply-Image /ImageFile:E:\sources\install.wim /Index:2 /ApplyDir:W:\ /CheckIntegrity /Verify`,
		`bcdboot W:\Windows /s S: /f uefi`, `dism /Image:W:\ /Add-Driver /Driver:D:\$WinPEDriver$ /Recurse`,
		"bcdedit /set {fwbootmgr} bootsequence {bootmgr}", "wpeutil reboot",
	} {
		next := strings.Index(calls[at:], want)
		if next < 0 {
			t.Errorf("no %q after the step before it in\n%s", want, calls)
			continue
		}
		at += next
	}
}

func installed(t *testing.T, target, _, _ string) {
	t.Helper()
	writeFile(t, filepath.Join(target, "ProgramData", "wintemplate", "applied.txt"), []byte("build-1"))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func writeFile(t *testing.T, path string, data []byte) {
	t.Helper()
	must(t, os.MkdirAll(filepath.Dir(path), 0o755))
	must(t, os.WriteFile(path, data, 0o600))
}

func wine(t *testing.T, prefix, name string, args ...string) {
	t.Helper()
	run := exec.CommandContext(t.Context(), wineProgram(name), args...)
	run.Env = append(os.Environ(), "WINEPREFIX="+prefix, "WINEDEBUG=-all", "DISPLAY=")
	// No pipes: Wine's server would hold them open.
	if err := run.Run(); err != nil {
		t.Logf("%s: %v", name, err)
	}
}

// stopWine ends what runs below a prefix: before its folder is removed, and
// after the test's context is over.
func stopWine(prefix string) {
	run := exec.Command(wineProgram("wineserver"), "-k", "-w")
	run.Env = append(os.Environ(), "WINEPREFIX="+prefix, "WINEDEBUG=-all")
	_ = run.Run()
}

// wineProgram is where Debian keeps wineserver, which is not on its PATH.
func wineProgram(name string) string {
	path := filepath.Join("/usr/lib/wine", name)
	if _, err := os.Stat(path); err == nil && name == "wineserver" {
		return path
	}
	return name
}

func winePath(path string) string { return "Z:" + strings.ReplaceAll(path, "/", `\`) }

// writeStubs makes a batch file for each program of Windows PE: it notes how it
// was called, does what the script looks at afterwards, and fails on request.
func writeStubs(t *testing.T, bin, log, fails, firmware string) {
	t.Helper()
	what, code, _ := strings.Cut(fails, " ")
	for _, name := range []string{"wpeutil", "drvload", "diskpart", "dism", "bcdboot", "bcdedit", "reg", "ping"} {
		lines := []string{"@echo off", "echo " + name + " %*>>" + winePath(log)}
		switch name {
		case what:
			lines = append(lines, "exit /b "+code)
		case "diskpart":
			lines = append(lines, `if "%~nx2"=="`+what+`" exit /b `+code)
		case "dism":
			lines = append(lines, `if "%1"=="`+what+`" exit /b `+code,
				`if "%1"=="/Apply-Image" mkdir W:\Windows\System32\Recovery`, `if "%1"=="/Apply-Image" echo winre>W:\Windows\System32\Recovery\winre.wim`)
		case "reg":
			lines = append(lines, "echo HKEY_LOCAL_MACHINE\\System\\CurrentControlSet\\Control", "echo     PEFirmwareType    REG_DWORD    "+firmware)
		}
		end := "exit /b 0"
		if name == "ping" {
			end = "exit 0" // where the script waits for ever it ends here, with its cmd.exe
		}
		lines = append(lines, end, "")
		writeFile(t, filepath.Join(bin, name+".cmd"), []byte(strings.Join(lines, "\r\n")))
	}
}
