package model

import (
	"context"
	"encoding/json"
	"errors"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"software.sslmate.com/src/go-pkcs12"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/answerfile"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/beacon"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/diskcheck"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/guest"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/windows/model/disktest"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/winrm/pyvenv"
	catalogue "github.com/wintemplate/packer-plugin-wintemplate/internal/windows"
)

// sealAnswers is what the plugin gives to sysprep.
var sealAnswers = func() string {
	product, err := catalogue.ProductOf(20348, "Server")
	if err != nil {
		panic(err)
	}
	xml, err := answerfile.Unattend(answerfile.SysprepAnswers{Product: product, Language: "en-US", CloudbaseInit: true})
	if err != nil {
		panic(err)
	}
	return string(xml)
}()

func reverts() []guest.Revert {
	var list []guest.Revert
	for _, s := range answerfile.BuildSettings() {
		if !s.Servers {
			continue
		}
		r := guest.Revert{ID: s.ID, Kind: string(s.Kind), Key: s.Key, Name: s.Name, Type: s.Type, Late: s.By == answerfile.SetByBootstrap}
		if s.Revert != nil {
			r.Restore, r.Data = true, *s.Revert
		}
		list = append(list, r)
	}
	return list
}

func (w *world) sealParameters() guest.SealParameters {
	return guest.SealParameters{
		Unattend: sealAnswers, Reverts: reverts(), CertificateSHA256: sum(w.der), Account: "Administrator", WinRM: true,
		CloudbaseInit: true, SetupComplete: "@call wintemplate-setupcomplete.ps1\r\n", SetupCompleteScript: "# start cloudbase-init",
		Folder: answerfile.GuestFolder, SysprepTimeoutSeconds: 60, ReleaseTimeoutSeconds: 30,
	}
}

const goodConf = `[DEFAULT]
metadata_services=cloudbaseinit.metadata.services.cloudstack.CloudStack
plugins=cloudbaseinit.plugins.common.mtu.MTUPlugin
allow_reboot=false
stop_service_on_exit=false
`

// installCloudbaseInit runs the operation detached, as the provisioner does.
func (w *world) installCloudbaseInitOp(ctx context.Context) error {
	s := w.session()
	found, _, err := guest.PayloadFind.Do(ctx, s, guest.PayloadFindParameters{ManifestSHA256: w.params.ManifestSHA256, Patterns: []string{"wintemplate/payload/CloudbaseInitSetup*.msi"}})
	if err != nil {
		return err
	}
	if !found.Found {
		return errors.New("not found")
	}
	if _, _, err = guest.CloudbaseInstall.Detached(ctx, s, guest.InstallParameters{Path: found.Path, SHA256: found.SHA256, Properties: []string{"USERNAME=Administrator"}, TimeoutSeconds: 600}, guest.Detachment{}); err != nil {
		return err
	}
	_, _, err = guest.CloudbaseConfigure.Do(ctx, s, guest.CloudbaseConfigureParameters{Conf: goodConf, UnattendConf: goodConf})
	return err
}

// TestWholeBuild goes all the way, and the disk check, which trusts nobody's
// word, finds the disk good.
func TestWholeBuild(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	w := newWorld(t)
	w.bootstrap()
	for _, stage := range []string{"bootstrap start", "bootstrap.drivers ok", "bootstrap.agent ok", "bootstrap.network ok", "bootstrap.winrm ok", "bootstrap.ready ok"} {
		if !w.said(stage) {
			t.Errorf("no beacon %s in %v", stage, w.beacons)
		}
	}
	if !w.open || w.drops != 1 {
		t.Errorf("WinRM open: %t; links dropped: %d, want one by the guest tools", w.open, w.drops)
	}
	if !w.Authenticate("Administrator", testPassword) || w.Authenticate("Administrator", "x") || w.Authenticate("nobody", testPassword) {
		t.Error("Authenticate is wrong")
	}
	s := w.session()
	ready, _, err := guest.WaitReady.Do(ctx, s, guest.ReadyParameters{ManifestSHA256: w.params.ManifestSHA256})
	if err != nil || !ready.Ready {
		t.Fatalf("wait-ready: %+v, %v", ready, err)
	}
	drivers, _, err := guest.DriversVerify.Do(ctx, s, guest.DriversVerifyParameters{BootServices: []string{"viostor", "vioscsi"}, Services: []string{"netkvm", "VirtioSerial"}})
	if err != nil || !drivers.OK || drivers.Tools != "0.1.285" {
		t.Fatalf("drivers.verify: %+v, %v", drivers, err)
	}
	if agent, _, err := guest.AgentVerify.Do(ctx, s, guest.None{}); err != nil || !agent.OK || !agent.Services[0].Running {
		t.Fatalf("agent.verify: %+v, %v", agent, err)
	}
	if err := w.installCloudbaseInitOp(ctx); err != nil {
		t.Fatal(err)
	}
	for _, state := range []string{" start", " ok"} {
		if !slices.Contains(w.beacons, beacon.CloudbaseInstall+state) {
			t.Errorf("%s%s is not among %q", beacon.CloudbaseInstall, state, w.beacons)
		}
	}

	// A restart in mid-build: another boot id, WinRM comes back by itself.
	before, _, err := guest.Reboot.Do(ctx, s, guest.RebootParameters{Reason: "test", CloudbaseInit: true})
	if err != nil {
		t.Fatal(err)
	}
	w.awaitPower("reboot")
	w.restart()
	facts, _, err := guest.Facts.Do(ctx, w.session(), guest.None{})
	if err != nil || facts.BootID == before.BootID || facts.Build != 20348 || facts.Firmware != "uefi" || facts.InstallLanguage != "0412" || len(facts.PendingReboot) != 0 {
		t.Fatalf("facts: %+v, %v", facts, err)
	}
	if !w.open || !w.Authenticate("Administrator", testPassword) {
		t.Fatal("WinRM did not come back")
	}

	flight, reboot, err := guest.Preflight.Do(ctx, w.session(), guest.PreflightParameters{Fix: true, MaxReboots: 3})
	if err != nil || bool(reboot) || slices.ContainsFunc(flight.Findings, func(f guest.PreflightFinding) bool { return f.Severity != guest.FindingOK }) {
		t.Fatalf("preflight: %+v, %v", flight, err)
	}
	if server, _ := w.software.Text(internetSettingsKey, "ProxyServer"); server != w.params.Proxy.Server {
		t.Errorf("the build's proxy is %q", server)
	}
	// A look at the task that is under way when WinRM closes must not keep the seal.
	looked := make(chan guest.Envelope, 1)
	w.closing = func() {
		looked <- w.Answer(ctx, guest.Request{Operation: guest.TaskStatus.Name, Script: guest.TaskStatus.Script, Parameters: []byte(`{"id": "seal-1"}`)})
	}
	var stages []string
	if err := w.session().Seal(ctx, w.sealParameters(), func(stage string) { stages = append(stages, stage) }); err != nil {
		t.Fatalf("seal: %v (stages %v)", err, stages)
	}
	w.awaitPower("off")
	if e := <-looked; !e.OK {
		t.Errorf("the last look: %+v", e.Error)
	}
	if w.open || w.Authenticate("Administrator", testPassword) {
		t.Error("WinRM is open after the seal")
	}
	for _, stage := range []string{"seal start", "seal.sysprep start", "seal.sysprep ok", "seal ok"} {
		if !w.said(stage) {
			t.Errorf("no beacon %s in %v", stage, w.beacons)
		}
	}
	if err := w.Save(w.root); err != nil {
		t.Fatal(err)
	}
	report := checkDisk(t, w)
	if err := report.Err(); err != nil {
		t.Error(err)
	}
	dissect(t, w)
	if report.Facts.AgentVersion != "109.1.0" || report.Facts.CloudbaseInit != "1.1.8" || report.Facts.Drivers != "0.1.285" {
		t.Errorf("facts: %+v", report.Facts)
	}
}

func checkDisk(t *testing.T, w *world) *diskcheck.Report {
	t.Helper()
	loader := []byte("boot manager")
	disk := disktest.Disk{
		Firmware: "uefi", Root: w.root,
		System: map[string][]byte{"EFI/Boot/bootx64.efi": loader, "EFI/Microsoft/Boot/bootmgfw.efi": loader, "EFI/Microsoft/Boot/BCD": loader},
	}
	r, err := diskcheck.Check(context.Background(), disk.Raw(t, t.TempDir()), diskcheck.Expect{
		Firmware: "uefi", Server: true, CloudbaseInit: true, CloudbaseInitStart: "demand", Certificate: w.der, Unattend: []byte(sealAnswers),
		BuildProxy: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// dissect has somebody else's reader of disks look at what we left.
func dissect(t *testing.T, w *world) {
	t.Helper()
	disk := disktest.Disk{Firmware: "uefi", Root: w.root}.Qcow2(t, t.TempDir())
	out, err := exec.Command(pyvenv.Python(t, "testdata/requirements.txt"), "testdata/judge.py", disk).Output()
	if err != nil {
		t.Fatalf("dissect.target: %v\n%s", err, out)
	}
	var seen map[string]any
	if err := json.Unmarshal(out, &seen); err != nil {
		t.Fatalf("dissect.target: %v\n%s", err, out)
	}
	for name, want := range map[string]any{"os": "windows", "image_state": stateSealed, "viostor": 0.0, "vioscsi": 0.0, "unattend": sealAnswers} {
		if seen[name] != want {
			t.Errorf("dissect.target sees %s = %v, want %v", name, seen[name], want)
		}
	}
	if version, _ := seen["version"].(string); !strings.Contains(version, "Windows Server 2022 Standard") {
		t.Errorf("dissect.target sees %q", version)
	}
}

// TestUnsealedIsFound: the same machine without the seal, so that the good
// verdict above means something.
func TestUnsealedIsFound(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.bootstrap()
	if err := w.installCloudbaseInitOp(context.Background()); err != nil {
		t.Fatal(err)
	}
	if err := w.Save(w.root); err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, f := range checkDisk(t, w).Bad() {
		ids = append(ids, f.ID)
	}
	for _, id := range []string{"image-state", "cloudbase-init", "answer-file-cached", "autologon", "winrm-listener", "winrm-binding", "firewall-rule", "winrm-certificate", "build-remote-token-filter", "build-build-folder", "build-no-auto-update"} {
		if !slices.Contains(ids, id) {
			t.Errorf("%s was not found; found: %v", id, ids)
		}
	}
}

func TestSysprepRefusals(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		damage func(*world)
		code   string
		state  string
	}{
		{"AppX", func(w *world) { w.AddAppX("Microsoft.MicrosoftEdge.Stable_1.0_neutral__8wekyb3d8bbwe", false) }, guest.SealAppX, stateComplete},
		{"reserved storage", func(w *world) { w.software.SetDWord(reserveKey, "ActiveScenario", 1) }, guest.SealReservedStorage, stateComplete},
		{"rearm", func(w *world) { w.software.SetDWord(rearmKey, rearmName, 0) }, guest.SealRearm, stateComplete},
		{"provider", func(w *world) { w.software.SetString(externalKey, "{1}", `C:\Program Files\x\gone.dll,Sysprep`) }, guest.SealProvider, stateComplete},
		{"fault in validate", func(w *world) { w.faults.SysprepErrors = []string{"SYSPRP ValidateBitLockerState; hr = 0x80310039"} }, guest.SealBitLocker, stateComplete},
		{"fault half-way", func(w *world) {
			w.faults.SysprepErrors, w.faults.SysprepSpoils = []string{"SYSPRP something"}, true
		}, guest.SealUndeployable, stateUndeployable},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.bootstrap()
			if err := w.installCloudbaseInitOp(context.Background()); err != nil {
				t.Fatal(err)
			}
			c.damage(w)
			p := w.sealParameters()
			_, _, err := guest.Seal.Detached(context.Background(), w.session(), p, guest.Detachment{})
			var failure *guest.Error
			if !errors.As(err, &failure) || failure.Code != c.code {
				t.Fatalf("seal: %v, want code %s", err, c.code)
			}
			if got := w.ImageState(); got != c.state {
				t.Errorf("ImageState %s, want %s", got, c.state)
			}
			if !w.open || !w.Authenticate("Administrator", testPassword) || !w.said("seal fail") {
				t.Error("a seal that failed must leave the connection, and say so")
			}
		})
	}
}

// TestSealRemovesRefusedPackages is the remedy that the session knows.
func TestSealRemovesRefusedPackages(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.bootstrap()
	if err := w.installCloudbaseInitOp(context.Background()); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"A_1_x64__p", "B_1_x64__p"} {
		w.AddAppX(name, false)
	}
	w.AddAppX("C_2_x64__p", true)
	p := w.sealParameters()
	p.ResetNetwork = true
	if len(w.adapters(true)) == 0 {
		t.Fatal("the machine has no network adapter")
	}
	if err := w.session().Seal(context.Background(), p, func(string) {}); err != nil {
		t.Fatal(err)
	}
	w.awaitPower("off")
	if got := w.ImageState(); got != stateSealed {
		t.Error(got)
	}
	if left := w.adapters(true); len(left) > 0 {
		t.Errorf("the build's adapter is still known: %v", left)
	}
}

func TestPreflight(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	w := newWorld(t)
	w.AddAppX("A_1_x64__p", false)
	w.RequireRestart()
	w.software.SetDWord(reserveKey, "ActiveScenario", 1)
	w.system.SetDWord(sysprepStatusKey, "GeneralizationState", 3)
	find := func(p guest.PreflightParameters) (map[string]string, bool) {
		r, reboot, err := guest.Preflight.Do(ctx, w.session(), p)
		if err != nil {
			t.Fatal(err)
		}
		m := map[string]string{}
		for _, f := range r.Findings {
			m[f.ID] = f.Severity
		}
		return m, bool(reboot)
	}
	seen, reboot := find(guest.PreflightParameters{})
	for _, id := range []string{"appx", "pending-reboot", "reserved-storage", "sysprep-running"} {
		if seen[id] != guest.FindingFail {
			t.Errorf("%s is %q without fix", id, seen[id])
		}
	}
	if reboot {
		t.Error("a restart without fix")
	}
	seen, reboot = find(guest.PreflightParameters{Fix: true, MaxReboots: 1})
	for _, id := range []string{"appx", "pending-reboot", "reserved-storage", "sysprep-running"} {
		if seen[id] != guest.FindingFixed {
			t.Errorf("%s is %q with fix", id, seen[id])
		}
	}
	if !reboot {
		t.Error("no restart")
	}
	w.restart()
	if seen, reboot = find(guest.PreflightParameters{Fix: true, Reboots: 1, MaxReboots: 1}); reboot || seen["pending-reboot"] != guest.FindingOK || seen["appx"] != guest.FindingOK {
		t.Errorf("after the restart: %v", seen)
	}
}

// TestCloudbaseInitLeftAutomatic: what the seal's "not-disabled" is there for.
func TestCloudbaseInitLeftAutomatic(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	w := newWorld(t)
	w.bootstrap()
	if err := w.installCloudbaseInitOp(ctx); err != nil {
		t.Fatal(err)
	}
	w.setServiceStart(cloudbaseService, startAuto, false)
	var failure *guest.Error
	if _, _, err := guest.Reboot.Do(ctx, w.session(), guest.RebootParameters{CloudbaseInit: true}); !errors.As(err, &failure) || failure.Code != "not-disabled" {
		t.Fatalf("reboot: %v", err)
	}
	w.restart()
	if w.Authenticate("Administrator", testPassword) {
		t.Error("cloudbase-init has run and the password is still the build's")
	}
	if r, _, err := guest.Preflight.Do(ctx, w.session(), guest.PreflightParameters{Fix: true}); err != nil || !slices.ContainsFunc(r.Findings, func(f guest.PreflightFinding) bool {
		return f.ID == "cloudbase-init-ran" && f.Severity == guest.FindingFail
	}) {
		t.Errorf("preflight: %+v, %v", r, err)
	}
}

func TestUnboundDriverDoesNotBoot(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(w *world, i *Install) {
		w.devices = []PCIDevice{{0x1af4, 0x1042}, {0x1af4, 0x1041}, {0x1af4, 0x1043}} // no virtio-scsi
		i.Devices = w.devices
		w.params.Installers[0].Services = []string{"viostor"}
	})
	w.bootstrap()
	r, _, err := guest.DriversVerify.Do(context.Background(), w.session(), guest.DriversVerifyParameters{BootServices: []string{"viostor", "vioscsi"}})
	if err != nil || r.OK || len(r.Problems) != 1 || !strings.Contains(r.Problems[0], "vioscsi") {
		t.Fatalf("%+v, %v", r, err)
	}
	// A controller that is plugged in later binds it at the next start.
	w.devices = virtioDevices()
	w.restart()
	if got := w.serviceStart("vioscsi"); got != startBoot {
		t.Errorf("vioscsi Start=%d", got)
	}
}

func TestGeneralizeWithoutPersistedDevices(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.bootstrap()
	if err := w.installCloudbaseInitOp(context.Background()); err != nil {
		t.Fatal(err)
	}
	p := w.sealParameters()
	p.Unattend = strings.ReplaceAll(p.Unattend, "<PersistAllDeviceInstalls>true", "<PersistAllDeviceInstalls>false")
	if err := w.session().Seal(context.Background(), p, func(string) {}); err != nil {
		t.Fatal(err)
	}
	w.awaitPower("off")
	if got := w.serviceStart("viostor"); got == startBoot {
		t.Error("the storage driver survived a generalize that removes devices")
	}
}

func TestInstallerCodes(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	for code, want := range map[int]string{1603: "msi", 1618: "msi", 3010: "", 1641: "", 0: ""} {
		w := newWorld(t)
		w.bootstrap()
		w.faults.MSIExitCodes = map[string]int{"CloudbaseInitSetup_x64.msi": code}
		b := w.disc["wintemplate/payload/CloudbaseInitSetup_x64.msi"].Data
		p := guest.InstallParameters{Path: `E:\wintemplate\payload\CloudbaseInitSetup_x64.msi`, SHA256: sum(b)}
		r, reboot, err := guest.CloudbaseInstall.Do(ctx, w.session(), p)
		var failure *guest.Error
		switch {
		case want != "" && (!errors.As(err, &failure) || failure.Code != want || w.serviceStart(cloudbaseService) != -1):
			t.Errorf("%d: %v, service Start=%d", code, err, w.serviceStart(cloudbaseService))
		case want == "" && (err != nil || r.ExitCode != code || r.ServiceStart != startDisabled || bool(reboot) != (code != 0)):
			t.Errorf("%d: %+v, reboot %t, %v", code, r, reboot, err)
		}
		if code == 3010 && !slices.Contains(w.pendingReboot(), "file-rename") {
			t.Error("3010 without a pending restart")
		}
	}
	w := newWorld(t)
	w.bootstrap()
	for path, code := range map[string]string{`E:\none.msi`: "not-found", `E:\wintemplate\manifest.json`: "msi"} {
		var failure *guest.Error
		if _, _, err := guest.AgentInstall.Do(ctx, w.session(), guest.InstallParameters{Path: path}); !errors.As(err, &failure) || failure.Code != code {
			t.Errorf("%s: %v, want %s", path, err, code)
		}
	}
	var failure *guest.Error
	if _, _, err := guest.AgentInstall.Do(ctx, w.session(), guest.InstallParameters{Path: `E:\wintemplate\tools\qemu-ga-x86_64.msi`, SHA256: strings.Repeat("0", 64)}); !errors.As(err, &failure) || failure.Code != "digest" {
		t.Errorf("wrong digest: %v", err)
	}
}

func TestBootstrapRefusals(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		damage func(*world, *Install)
		stage  string
		want   string
	}{
		{"another script", func(w *world, _ *Install) {
			w.disc[answerfile.BootstrapPath] = &fstest.MapFile{Data: []byte("Write-Host hello")}
		}, "", "not the plugin's own script"},
		{"manifest changed", func(w *world, _ *Install) { w.params.ManifestSHA256 = strings.Repeat("0", 64) }, "bootstrap fail", "manifest.json"},
		{"tools changed", func(w *world, _ *Install) { w.params.Installers[0].SHA256 = strings.Repeat("0", 64) }, "bootstrap.drivers fail", "SHA-256"},
		{"tools roll back", func(w *world, _ *Install) {
			w.faults.MSIExitCodes = map[string]int{"virtio-win-gt-x64.msi": 1603}
		}, "bootstrap.drivers fail", "1603"},
		{"certificate from the future", func(w *world, _ *Install) {
			der, pfx := certificateFor(w.t, time.Now().Add(time.Minute))
			w.params.Certificate.SHA256 = sum(der)
			w.disc[answerfile.CertificatePath] = &fstest.MapFile{Data: pfx}
		}, "bootstrap.winrm fail", "valid from"},
		{"another certificate", func(w *world, _ *Install) { w.params.Certificate.SHA256 = strings.Repeat("0", 64) }, "bootstrap.winrm fail", "does not hold"},
		{"wrong password", func(w *world, _ *Install) { w.params.Certificate.Password = "x" }, "bootstrap.winrm fail", "network password is not correct"},
		{"modern PFX on 2016", func(w *world, i *Install) {
			i.Build, i.ProductName = 14393, "Windows Server 2016 Standard"
			key, certificate, err := pkcs12.Decode(w.disc[answerfile.CertificatePath].Data, "pfx")
			if err != nil {
				w.t.Fatal(err)
			}
			pfx, err := pkcs12.Modern.Encode(key, certificate, nil, "pfx")
			if err != nil {
				w.t.Fatal(err)
			}
			w.disc[answerfile.CertificatePath] = &fstest.MapFile{Data: pfx}
		}, "bootstrap.winrm fail", "network password is not correct"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, c.damage)
			err := w.Bootstrap(context.Background())
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("%v, want %q", err, c.want)
			}
			if c.stage != "" && !w.said(c.stage) {
				t.Errorf("no beacon %q in %v", c.stage, w.beacons)
			}
			if w.open || w.disk.exists(onC(answerfile.BootstrapMarker)) {
				t.Error("a bootstrap that failed left a door open or its marker")
			}
		})
	}
}

func TestForeignScriptIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, r := range []guest.Request{
		{Operation: "facts", Parameters: json.RawMessage("{}"), Script: "Remove-Item C:\\ -Recurse"},
		{Operation: "facts", Parameters: json.RawMessage("{}"), Script: guest.WaitReady.Script},
	} {
		if e := w.Answer(context.Background(), r); e.OK || e.Error.Code != "standin" {
			t.Errorf("%+v", e)
		}
	}
	if e := w.Answer(context.Background(), guest.Request{Operation: "facts", Parameters: json.RawMessage(`{"x":1}`), Script: guest.Facts.Script}); e.OK {
		t.Error("unknown parameters were taken")
	}
}

func TestEveryOperationIsAnswered(t *testing.T) {
	for _, o := range guest.Operations() {
		if handlers[o.Name] == nil {
			t.Errorf("the model does not answer %s", o.Name)
		}
	}
}

func TestClientAccounts(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(_ *world, i *Install) {
		i.InstallationType, i.Build, i.EditionID = "Client", 26100, "Professional"
		i.AdministratorPassword = ""
		i.Accounts = []Account{{Name: "packer", Password: testPassword, Administrator: true}, {Name: "WIN-BUILD", Password: testPassword, Administrator: true}}
		i.AutoLogon = &AutoLogon{User: "packer", Password: testPassword}
	})
	if w.Authenticate("Administrator", "") || w.Authenticate("packer", testPassword) {
		t.Error("a disabled account, or a filtered token, was let in")
	}
	if user, ok := w.AutoLogon(); !ok || user != "packer" {
		t.Error("no automatic logon")
	}
	if _, ok := w.AutoLogon(); ok {
		t.Error("LogonCount 0 gives one logon")
	}
	w.software.SetDWord(currentVersionKey+`\Policies\System`, "LocalAccountTokenFilterPolicy", 1)
	if !w.Authenticate("packer", testPassword) || !w.Authenticate(`.\packer`, testPassword) || w.Authenticate(`other\packer`, testPassword) {
		t.Error("the build's account was not let in")
	}
	if w.Authenticate("WIN-BUILD", testPassword) {
		t.Error("an account of the computer's name is in no group")
	}
	if w.removeAccount("packer") != nil || w.removeAccount("Administrator") != nil || w.Authenticate("packer", testPassword) || w.account("Administrator") == nil {
		t.Error("removeAccount is wrong")
	}
}
