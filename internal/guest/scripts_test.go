package guest_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/guest"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/guest/scripttest"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/handoff"
)

// do runs an operation on a pretended Windows, through launcher and wire.
func do[P, R any](t *testing.T, c guest.Call[P, R], m *scripttest.Machine, p P) (R, bool) {
	t.Helper()
	r, reboot, err := c.Do(t.Context(), guest.NewSession(m), p)
	if err != nil {
		t.Fatal(err)
	}
	return r, bool(reboot)
}

// fails runs an operation that must fail, with this code.
func fails[P, R any](t *testing.T, c guest.Call[P, R], m *scripttest.Machine, p P, code string) guest.Failure {
	t.Helper()
	_, _, err := c.Do(t.Context(), guest.NewSession(m), p)
	e := (*guest.Error)(nil)
	if !errors.As(err, &e) {
		t.Fatalf("got %v, expected a failure with the code %s", err, code)
	}
	if e.Code != code {
		t.Fatalf("got the code %s (%s\n%s), expected %s", e.Code, e.Message, e.Detail, code)
	}
	return e.Failure
}

func TestFacts(t *testing.T) {
	t.Parallel()
	m := scripttest.New(t).Set(`
$v = 'HKLM:\SOFTWARE\Microsoft\Windows NT\CurrentVersion'
Set-Reg $v CurrentBuildNumber '20348'; Set-Reg $v UBR 2527 DWord; Set-Reg $v ProductName 'Windows Server 2022 Standard'
Set-Reg $v EditionID 'ServerStandard'; Set-Reg $v InstallationType 'Server'
Set-Reg 'HKLM:\SYSTEM\CurrentControlSet\Control' PEFirmwareType 2 DWord
Set-Reg 'HKLM:\SYSTEM\CurrentControlSet\Control\MUI\UILanguages\ko-KR' Type 273 DWord
Set-Reg 'HKLM:\SYSTEM\CurrentControlSet\Control\MUI\UILanguages\PendingDelete' x 1 DWord
Set-Reg 'HKLM:\SYSTEM\CurrentControlSet\Control\Nls\Language' InstallLanguage '0412'
Set-Reg 'HKLM:\SYSTEM\CurrentControlSet\Control\TimeZoneInformation' TimeZoneKeyName 'Korea Standard Time'
Set-Reg 'HKLM:\SOFTWARE\Microsoft\Windows\CurrentVersion\Setup\State' ImageState 'IMAGE_STATE_COMPLETE'
Set-Reg 'HKLM:\SOFTWARE\Microsoft\Windows\CurrentVersion\Component Based Servicing\RebootPending' x 1 DWord
Set-Reg 'HKLM:\SYSTEM\CurrentControlSet\Control\ComputerName\ActiveComputerName' ComputerName 'OLD'
Set-Reg 'HKLM:\SYSTEM\CurrentControlSet\Control\ComputerName\ComputerName' ComputerName 'NEW'
Set-Reg 'HKLM:\SYSTEM\CurrentControlSet\Control\Session Manager' PendingFileRenameOperations @('\??\C:\a', '') MultiString`)
	f, _ := do(t, guest.Facts, m, guest.None{})
	if f.Build != 20348 || f.Revision != 2527 || f.ProductName != "Windows Server 2022 Standard" || f.Edition != "ServerStandard" || f.InstallationType != "Server" {
		t.Errorf("product: %+v", f)
	}
	if f.Firmware != "uefi" || f.TimeZone != "Korea Standard Time" || f.InstallLanguage != "0412" || f.ImageState != "IMAGE_STATE_COMPLETE" || f.BootID != "boot-1" {
		t.Errorf("state: %+v", f)
	}
	if !slices.Equal(f.UILanguages, []string{"ko-KR"}) {
		t.Errorf("languages: %v", f.UILanguages)
	}
	if want := []string{"servicing", "file-rename", "computer-name"}; !slices.Equal(f.PendingReboot, want) {
		t.Errorf("pending reboot: %v, expected %v", f.PendingReboot, want)
	}
	if !f.Elevated || !f.Is64Bit || !strings.HasPrefix(f.PowerShell, "5.1") {
		t.Errorf("process: %+v", f)
	}
}

func TestFactsOfAnEmptyRegistry(t *testing.T) {
	t.Parallel()
	f, _ := do(t, guest.Facts, scripttest.New(t), guest.None{})
	if f.Build != 0 || f.Firmware != "unknown" || len(f.PendingReboot) != 0 || len(f.UILanguages) != 0 {
		t.Errorf("%+v", f)
	}
}

func sealedState(state string) string {
	return `Set-Reg 'HKLM:\SOFTWARE\Microsoft\Windows\CurrentVersion\Setup\State' ImageState 'IMAGE_STATE_` + state + `'`
}

func TestWaitReady(t *testing.T) {
	t.Parallel()
	digest := strings.Repeat("ab", 32)
	const complete = `Set-Reg 'HKLM:\SOFTWARE\Microsoft\Windows\CurrentVersion\Setup\State' ImageState 'IMAGE_STATE_COMPLETE'`
	for name, c := range map[string]struct {
		set, marker, want string
		waiting           []string
	}{
		"settled":            {set: complete, marker: digest, want: digest},
		"no marker is asked": {set: complete},
		"marker missing":     {set: complete, want: digest, waiting: []string{"marker"}},
		"in OOBE":            {set: complete + "\nSet-Reg 'HKLM:\\SYSTEM\\Setup' OOBEInProgress 1 DWord", waiting: []string{"oobe"}},
		// Preflight, or who asks, tells these apart; a wait would last until its deadline.
		"a sealed image":              {set: sealedState("GENERALIZE_RESEAL_TO_OOBE")},
		"audit mode":                  {set: sealedState("SPECIALIZE_RESEAL_TO_AUDIT")},
		"audit mode, sealed":          {set: sealedState("GENERALIZE_RESEAL_TO_AUDIT")},
		"sysprep has failed half-way": {set: sealedState("UNDEPLOYABLE"), waiting: []string{"image-state"}},
		"in mini-setup":               {set: "Set-Reg 'HKLM:\\SYSTEM\\Setup' SystemSetupInProgress 1 DWord", waiting: []string{"system-setup", "image-state"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := scripttest.New(t).Set(c.set)
			if c.marker != "" {
				m.Put(t, `C:\ProgramData\wintemplate\bootstrap.done`, `{"version":1,"build_id":"b","manifest_sha256":"`+c.marker+`"}`)
			}
			r, _ := do(t, guest.WaitReady, m, guest.ReadyParameters{ManifestSHA256: c.want})
			if r.Ready != (len(c.waiting) == 0) || !slices.Equal(r.WaitingFor, c.waiting) && len(c.waiting) > 0 {
				t.Errorf("got %+v, expected to wait for %v", r, c.waiting)
			}
		})
	}
	t.Run("another build's machine", func(t *testing.T) {
		t.Parallel()
		m := scripttest.New(t)
		m.Put(t, `C:\ProgramData\wintemplate\bootstrap.done`, `{"version":1,"manifest_sha256":"cd"}`)
		fails(t, guest.WaitReady, m, guest.ReadyParameters{ManifestSHA256: digest}, "other-build")
	})
}

// answerDisc puts files and their manifest onto a disc.
func answerDisc(t *testing.T, root string, files map[string]string) (manifestSHA256 string) {
	t.Helper()
	var m handoff.DiscManifest
	for name, text := range files {
		if err := m.Add(name, strings.NewReader(text)); err != nil {
			t.Fatal(err)
		}
		writeFile(t, filepath.Join(root, name), text)
	}
	data, sum := m.Encode()
	writeFile(t, filepath.Join(root, handoff.DiscManifestPath), string(data))
	return sum
}

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestPayloadFind(t *testing.T) {
	t.Parallel()
	const msi = "wintemplate/payload/CloudbaseInitSetup_1_1_8_x64.msi"
	files := map[string]string{msi: "the installer", "wintemplate/tools/qemu-ga-x86_64.msi": "the agent"}
	patterns := []string{"wintemplate/payload/CloudbaseInitSetup*.msi"}
	hash := sha256.Sum256([]byte("the installer"))
	sum := hex.EncodeToString(hash[:])

	t.Run("by the manifest, on the second disc", func(t *testing.T) {
		t.Parallel()
		m := scripttest.New(t)
		m.Disc("D")
		manifest := answerDisc(t, m.Disc("E"), files)
		r, _ := do(t, guest.PayloadFind, m, guest.PayloadFindParameters{ManifestSHA256: manifest, Patterns: patterns})
		want := guest.PayloadFindResult{Found: true, Path: `E:\wintemplate\payload\CloudbaseInitSetup_1_1_8_x64.msi`, Name: msi, Size: 13, SHA256: sum}
		if len(r.Beside) != 0 || !r.Found || r.Path != want.Path || r.Name != want.Name || r.Size != want.Size || r.SHA256 != want.SHA256 {
			t.Errorf("got %+v\nexpected %+v", r, want)
		}
	})
	t.Run("with the files beside it", func(t *testing.T) {
		t.Parallel()
		m := scripttest.New(t)
		packed := map[string]string{"drivers/NetKVM/netkvm.inf": "inf", "drivers/NetKVM/netkvm.sys": "the installer", "drivers/NetKVM/more/x": "x", "drivers/NetKVM2/y": "y"}
		manifest := answerDisc(t, m.Disc("D"), packed)
		r, _ := do(t, guest.PayloadFind, m, guest.PayloadFindParameters{ManifestSHA256: manifest, Patterns: []string{"drivers/*/netkvm.inf"}})
		if want := []guest.PayloadFile{{Path: `D:\drivers\NetKVM\netkvm.sys`, SHA256: sum}}; !slices.Equal(r.Beside, want) {
			t.Errorf("%+v", r)
		}
	})
	t.Run("not on the disc: says what is", func(t *testing.T) {
		t.Parallel()
		m := scripttest.New(t)
		manifest := answerDisc(t, m.Disc("D"), files)
		r, _ := do(t, guest.PayloadFind, m, guest.PayloadFindParameters{ManifestSHA256: manifest, Patterns: []string{"wintemplate/payload/other*"}})
		if r.Found || len(r.Offered) != 2 || !slices.Equal(r.Searched, []string{`D:\`}) {
			t.Errorf("%+v", r)
		}
	})
	t.Run("a manifest of another build is not trusted", func(t *testing.T) {
		t.Parallel()
		m := scripttest.New(t)
		answerDisc(t, m.Disc("D"), files)
		r, _ := do(t, guest.PayloadFind, m, guest.PayloadFindParameters{ManifestSHA256: strings.Repeat("00", 32), Patterns: patterns})
		if r.Found || len(r.Offered) != 0 {
			t.Errorf("%+v", r)
		}
	})
	t.Run("a file that is not what the manifest says", func(t *testing.T) {
		t.Parallel()
		m := scripttest.New(t)
		root := m.Disc("D")
		manifest := answerDisc(t, root, files)
		writeFile(t, filepath.Join(root, msi), "another one")
		fails(t, guest.PayloadFind, m, guest.PayloadFindParameters{ManifestSHA256: manifest, Patterns: patterns}, "digest")
	})
	t.Run("by its digest alone", func(t *testing.T) {
		t.Parallel()
		m := scripttest.New(t)
		root := m.Disc("D")
		writeFile(t, filepath.Join(root, "a", "setup.msi"), "another one")
		writeFile(t, filepath.Join(root, "b", "setup.msi"), "the installer")
		r, _ := do(t, guest.PayloadFind, m, guest.PayloadFindParameters{SHA256: sum, Patterns: []string{"*setup.msi"}})
		if r.Path != `D:\b\setup.msi` {
			t.Errorf("%+v", r)
		}
	})
	t.Run("with nothing to know it by", func(t *testing.T) {
		t.Parallel()
		fails(t, guest.PayloadFind, scripttest.New(t), guest.PayloadFindParameters{Patterns: patterns}, "unpinned")
	})
}

const goodDrivers = `
Set-TestService viostor 0 'System32\drivers\viostor.sys'
Set-TestService vioscsi 0 'System32\drivers\vioscsi.sys'
Set-TestService netkvm 3 '\SystemRoot\System32\drivers\netkvm.sys'
Set-Product '{1}' 'Virtio-win-driver-installer' '0.1.285'
foreach ($f in 'viostor', 'vioscsi', 'netkvm') { Set-File "C:\Windows\System32\drivers\$f.sys" }
`

func TestDriversVerify(t *testing.T) {
	t.Parallel()
	p := guest.DriversVerifyParameters{BootServices: []string{"viostor", "vioscsi"}, Services: []string{"netkvm"}}
	for name, c := range map[string]struct {
		set      string
		problems []string
	}{
		"all well":          {set: goodDrivers},
		"never bound":       {set: goodDrivers + `Set-TestService vioscsi 3`, problems: []string{"the storage driver vioscsi has Start=3, not 0: it was never bound to a device"}},
		"file gone":         {set: goodDrivers + `Remove-Item C:\Windows\System32\drivers\netkvm.sys`, problems: []string{"the driver netkvm is not installed"}},
		"nothing installed": {problems: []string{"the storage driver viostor is not installed", "the storage driver vioscsi is not installed", "the driver netkvm is not installed"}},
		"a device without a driver": {
			set:      goodDrivers + `$global:Cim['Win32_PnPEntity'] = [pscustomobject]@{ DeviceID = 'PCI\VEN_1AF4&DEV_1045'; ConfigManagerErrorCode = 28 }, [pscustomobject]@{ DeviceID = 'ACPI\X'; ConfigManagerErrorCode = 28 }`,
			problems: []string{`the device PCI\VEN_1AF4&DEV_1045 has problem code 28`},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, _ := do(t, guest.DriversVerify, scripttest.New(t).Set(c.set), p)
			if r.OK != (len(c.problems) == 0) || strings.Join(r.Problems, "|") != strings.Join(c.problems, "|") {
				t.Errorf("got %q, expected %q", r.Problems, c.problems)
			}
			if name == "all well" && (r.Tools != "0.1.285" || r.Drivers[0].Start != 0 || !r.Drivers[2].Present) {
				t.Errorf("%+v", r)
			}
		})
	}
}

const windows1607 = `Set-Reg 'HKLM:\SOFTWARE\Microsoft\Windows NT\CurrentVersion' CurrentBuildNumber '14393'`

// installer is a file on a disc and the parameters to run it.
func installer(t *testing.T, m *scripttest.Machine) guest.InstallParameters {
	t.Helper()
	writeFile(t, filepath.Join(m.Disc("D"), "x.msi"), "msi")
	sum := sha256.Sum256([]byte("msi"))
	return guest.InstallParameters{Path: `D:\x.msi`, SHA256: hex.EncodeToString(sum[:]), Properties: []string{"A=1"}, TimeoutSeconds: 60}
}

func TestInstallers(t *testing.T) {
	t.Parallel()
	run := func(m *scripttest.Machine, p guest.InstallParameters) (guest.InstallResult, bool, error) {
		r, reboot, err := guest.DriversInstall.Do(context.Background(), guest.NewSession(m), p)
		return r, bool(reboot), err
	}
	for name, c := range map[string]struct {
		exit   string
		code   int
		reboot bool
		calls  int
	}{
		"at once":                     {exit: "0", code: 0, calls: 1},
		"asks for a restart":          {exit: "3010", code: 3010, reboot: true, calls: 1},
		"begins one, which it mayn't": {exit: "1641", code: 1641, reboot: true, calls: 1},
		"another one is running":      {exit: "@(1618, 1618, 0)", code: 0, calls: 3},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := scripttest.New(t).Set("$global:Exit['msiexec.exe'] = " + c.exit)
			p := installer(t, m)
			r, reboot, err := run(m, p)
			if err != nil || r.ExitCode != c.code || reboot != c.reboot {
				t.Fatalf("%+v, reboot %v, %v", r, reboot, err)
			}
			calls := m.Calls(t, "msiexec.exe")
			if len(calls) != c.calls {
				t.Fatalf("msiexec.exe was called %d times, expected %d", len(calls), c.calls)
			}
			want := `msiexec.exe /i D:\x.msi /qn /norestart /l*v C:\Windows\Temp\wintemplate-virtio-win.log A=1`
			if got := calls[0].String(); !strings.EqualFold(got, want) {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		})
	}
	t.Run("a driver package", func(t *testing.T) {
		t.Parallel()
		for exit, c := range map[string]struct {
			reboot bool
			fails  string
		}{
			"0": {}, "259": {}, "3010": {reboot: true},
			"2": {fails: `ended with 2 (0x00000002) for D:\a b.inf; its log`},
			// ERROR_NO_CATALOG_FOR_OEM_INF, ERROR_AUTHENTICODE_TRUST_NOT_ESTABLISHED, CERT_E_UNTRUSTEDROOT
			"-536870353": {fails: `(0xE000022F) for D:\a b.inf: Windows does not trust`}, "-536870334": {fails: `(0xE0000242) for D:\a b.inf: Windows does not trust`},
			"-2146762487": {fails: `(0x800B0109) for D:\a b.inf: Windows does not trust`},
			// ERROR_DRIVER_STORE_ADD_FAILED has many causes.
			"-536870329": {fails: `(0xE0000247) for D:\a b.inf; its log`},
		} {
			m := scripttest.New(t).Set("$global:Exit['pnputil.exe'] = " + exit + "\n" + windows1607)
			m.Put(t, `C:\Windows\INF\setupapi.dev.log`, "the log's end")
			p := installer(t, m)
			writeFile(t, filepath.Join(m.Disc("D"), "a b.inf"), "msi")
			p.Path = `D:\a b.inf`
			if c.fails != "" {
				if e := fails(t, guest.DriversInstall, m, p, "pnputil"); !strings.Contains(e.Message, c.fails) || e.Detail != "the log's end" {
					t.Errorf("%+v", e)
				}
				continue
			}
			r, reboot, err := run(m, p)
			if err != nil || strconv.Itoa(r.ExitCode) != exit || reboot != c.reboot || !strings.HasSuffix(r.Log, "setupapi.dev.log") {
				t.Errorf("%s: %+v, reboot %v, %v", exit, r, reboot, err)
			}
			if calls := m.Calls(t, "pnputil.exe", "msiexec.exe"); len(calls) != 1 || calls[0].String() != `pnputil.exe /add-driver D:\a b.inf /install` {
				t.Errorf("%s: %v", exit, calls)
			}
		}
	})
	t.Run("a driver package, before pnputil knew /add-driver", func(t *testing.T) {
		t.Parallel()
		m := scripttest.New(t).Set(strings.Replace(windows1607, "14393", "10240", 1))
		p := installer(t, m)
		writeFile(t, filepath.Join(m.Disc("D"), "a b.inf"), "msi")
		p.Path = `D:\a b.inf`
		if r, _, err := run(m, p); err != nil || r.ExitCode != 0 {
			t.Errorf("%+v, %v", r, err)
		}
		if calls := m.Calls(t, "pnputil.exe"); len(calls) != 1 || calls[0].String() != `pnputil.exe -i -a D:\a b.inf` {
			t.Error(calls)
		}
	})
	t.Run("a driver package's other file is another", func(t *testing.T) {
		t.Parallel()
		m := scripttest.New(t).Set(windows1607)
		p := installer(t, m)
		disc := m.Disc("D")
		writeFile(t, filepath.Join(disc, "a b.inf"), "msi")
		writeFile(t, filepath.Join(disc, "a b.sys"), "other")
		p.Path = `D:\a b.inf`
		p.Beside = []guest.PayloadFile{{Path: `D:\a b.sys`, SHA256: p.SHA256}}
		if e := fails(t, guest.DriversInstall, m, p, "digest"); !strings.HasPrefix(e.Message, `D:\a b.sys has SHA-256 `) {
			t.Errorf("%+v", e)
		}
		p.Beside[0].Path = `D:\a b.cat`
		fails(t, guest.DriversInstall, m, p, "not-found")
		if calls := m.Calls(t, "pnputil.exe"); len(calls) != 0 {
			t.Errorf("%v was run", calls)
		}
	})
	t.Run("fails, with the log's end", func(t *testing.T) {
		t.Parallel()
		m := scripttest.New(t).Set(`$global:Exit['msiexec.exe'] = 1603; $global:OnRun['msiexec.exe'] = { Set-File 'C:\Windows\Temp\wintemplate-virtio-win.log' "one` + "`n" + `return value 3" }`)
		e := fails(t, guest.DriversInstall, m, installer(t, m), "msi")
		if !strings.Contains(e.Message, "1603") || !strings.Contains(e.Detail, "return value 3") {
			t.Errorf("%+v", e)
		}
	})
	t.Run("busy for ever", func(t *testing.T) {
		t.Parallel()
		m := scripttest.New(t).Set("$global:Exit['msiexec.exe'] = 1618")
		fails(t, guest.DriversInstall, m, installer(t, m), "msi")
		if n := len(m.Calls(t, "msiexec.exe")); n != 21 {
			t.Errorf("%d tries", n)
		}
	})
	t.Run("never ends", func(t *testing.T) {
		t.Parallel()
		m := scripttest.New(t).Set(`New-Stub Start-Process { $p = [pscustomobject]@{ Handle = 1; ExitCode = $null }; $p | Add-Member -MemberType ScriptMethod -Name WaitForExit -Value { param($ms) Add-Record $env:WT_BEACONS "waited $ms ms"; $false }; $p | Add-Member -MemberType ScriptMethod -Name Kill -Value { Add-Record $env:WT_BEACONS 'killed' }; $p }`)
		fails(t, guest.DriversInstall, m, installer(t, m), "timeout")
		if b := m.Beacons(t); !slices.Contains(b, "waited 60000 ms") {
			t.Errorf("it has not had its 60 s: %v", b)
		}
		if !slices.Contains(m.Beacons(t), "killed") {
			t.Error("the program was left running")
		}
	})
	t.Run("the file is another", func(t *testing.T) {
		t.Parallel()
		m := scripttest.New(t)
		p := installer(t, m)
		p.SHA256 = strings.Repeat("00", 32)
		fails(t, guest.DriversInstall, m, p, "digest")
		if len(m.Calls(t, "msiexec.exe")) > 0 {
			t.Error("it was run all the same")
		}
	})
	t.Run("the file is gone", func(t *testing.T) {
		t.Parallel()
		fails(t, guest.AgentInstall, scripttest.New(t), guest.InstallParameters{Path: `C:\gone.msi`, TimeoutSeconds: 1}, "not-found")
	})
}

func TestAgent(t *testing.T) {
	t.Parallel()
	const good = `Set-TestService 'QEMU-GA' 2; Set-TestService 'QEMU Guest Agent VSS Provider' 3; $global:Running = @('QEMU-GA'); Set-Product '{2}' 'QEMU guest agent' '107.0.1'`
	r, _ := do(t, guest.AgentVerify, scripttest.New(t).Set(good), guest.None{})
	if !r.OK || r.Version != "107.0.1" || !r.Services[0].Running || r.Services[1].Running || r.Services[1].Start != 3 {
		t.Errorf("%+v", r)
	}
	r, _ = do(t, guest.AgentVerify, scripttest.New(t).Set(good+"; Set-TestService 'QEMU-GA' 4"), guest.None{})
	if r.OK || len(r.Problems) != 1 {
		t.Errorf("disabled: %+v", r)
	}
	r, _ = do(t, guest.AgentVerify, scripttest.New(t), guest.None{})
	if r.OK || len(r.Problems) != 2 || r.Services[0].Start != -1 {
		t.Errorf("absent: %+v", r)
	}
	m := scripttest.New(t).Set(`$global:OnRun['msiexec.exe'] = { Set-Product '{2}' 'QEMU guest agent' '108.0' }`)
	i, reboot := do(t, guest.AgentInstall, m, installer(t, m))
	if i.Version != "108.0" || reboot {
		t.Errorf("%+v", i)
	}
}

func TestReboot(t *testing.T) {
	t.Parallel()
	m := scripttest.New(t).Set(`Set-TestService 'cloudbase-init' 4`)
	r, _ := do(t, guest.Reboot, m, guest.RebootParameters{Reason: "drivers", CloudbaseInit: true})
	if r.BootID != "boot-1" {
		t.Errorf("%+v", r)
	}
	if c := m.Calls(t, "shutdown.exe"); len(c) != 1 || c[0].String() != `shutdown.exe /r /t 2 /f /d p:2:4 /c drivers` {
		t.Errorf("%v", c)
	}
	do(t, guest.Reboot, scripttest.New(t).Set(`$global:Exit['shutdown.exe'] = 1115`), guest.RebootParameters{Reason: "x"})
	fails(t, guest.Reboot, scripttest.New(t).Set(`$global:Exit['shutdown.exe'] = 5`), guest.RebootParameters{Reason: "x"}, "shutdown")
	m = scripttest.New(t).Set(`Set-TestService 'cloudbase-init' 2`)
	fails(t, guest.Reboot, m, guest.RebootParameters{Reason: "x", CloudbaseInit: true}, "not-disabled")
	if len(m.Calls(t, "shutdown.exe")) > 0 {
		t.Error("it restarted all the same")
	}
}
