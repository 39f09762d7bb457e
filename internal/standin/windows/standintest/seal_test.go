package standintest

import (
	"context"
	"encoding/hex"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/answerfile"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/diskcheck"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/guest"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/guest/cloudbase"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/handoff"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/windows"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/windows/discs"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/winrm"
)

// seal runs the seal and waits for the power-off.
func seal(ctx context.Context, t *testing.T, vm *VM, d *AnswerDisc, change ...func(*answerfile.SysprepAnswers, *guest.SealParameters)) []byte {
	t.Helper()
	answers := answerfile.SysprepAnswers{Product: d.Answers.Product, Language: d.Answers.Language}
	var p guest.SealParameters
	for _, f := range change {
		f(&answers, &p)
	}
	unattend, err := answerfile.Unattend(answers)
	if err != nil {
		t.Fatal(err)
	}
	p.Unattend, p.CertificateSHA256, p.Account, p.SysprepAccount, p.WinRM = string(unattend), hex.EncodeToString(d.Pin[:]), d.User, d.User, true
	p.Folder, p.SysprepTimeoutSeconds, p.ReleaseTimeoutSeconds = answerfile.GuestFolder, 60, 10
	for _, s := range answerfile.BuildSettings() {
		if !s.Applies(d.Answers.Product.Server) {
			continue
		}
		r := guest.Revert{ID: s.ID, Kind: string(s.Kind), Key: s.Key, Name: s.Name, Type: s.Type, Late: s.By == answerfile.SetByBootstrap}
		if s.Revert != nil {
			r.Restore, r.Data = true, *s.Revert
		}
		p.Reverts = append(p.Reverts, r)
	}
	// Generalize resets the account that looks: the beacons tell the rest.
	err = guest.NewSession(vm.Client(d)).Seal(ctx, p, func(stage string) { t.Logf("seal: %s", stage) })
	if err != nil {
		t.Logf("the seal's session: %v", err)
	}
	vm.WaitBeacon(t, "seal ok", time.Minute)
	vm.WaitPowerOff(t, 2*time.Minute)
	return unattend
}

// removeRecovery takes the recovery partition away that Setup has added.
func removeRecovery(ctx context.Context, t *testing.T, vm *VM, d *AnswerDisc) {
	t.Helper()
	r, _, err := guest.RecoveryRemove.Do(ctx, guest.NewSession(vm.Client(d)), guest.RecoveryRemoveParameters{})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Removed) != 1 || !r.Disabled || r.SizeAfter-r.SizeBefore != r.Removed[0].Size {
		t.Errorf("recovery partition: %+v", r)
	}
}

// wantRemnants looks at the disk of a machine that is not sealed yet: the search
// that finds nothing later finds the answer file's password now.
func wantRemnants(ctx context.Context, t *testing.T, disk string, answers *AnswerDisc) {
	t.Helper()
	now := filepath.Join(t.TempDir(), "now.qcow2")
	run(t, "qemu-utils", "qemu-img", "convert", "-U", "-O", "qcow2", disk, now)
	report, err := diskcheck.Check(ctx, now, diskcheck.Expect{Firmware: "uefi", Secrets: []string{answers.Password}})
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range report.Warnings() {
		t.Logf("before the seal: %s %s", w.Object, w.Found)
	}
	if len(report.Warnings()) == 0 {
		t.Error("before the seal the password is on the disk, and is not found there")
	}
}

// TestSeal builds a template: restart in the middle, without a page file, the recovery partition
// away, cloudbase-init, seal, disk check, and clones that go through specialize:
// on another bus, and with a cloudbase-init that fails.
func TestSeal(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(context.Background(), 25*time.Minute)
	defer cancel()
	vm, answers, spec := Install(t, discs.Options{}, Spec{ExtraSCSI: true})
	session := guest.NewSession(vm.Client(answers), guest.WithTransient(winrm.IsTransient))
	settle := guest.DefaultSettle(answers.ManifestSHA256)
	before, err := session.WaitReady(ctx, settle)
	if err != nil {
		t.Fatal(err)
	}
	if _, reboot, err := guest.Cleanup.Do(ctx, session, guest.CleanupParameters{PageFile: true}); err != nil || !bool(reboot) {
		t.Fatalf("reboot %v, %v", reboot, err)
	}
	after, err := session.Restart(ctx, "a test", false, settle)
	if err != nil {
		t.Fatal(err)
	}
	facts, _, err := guest.Facts.Do(ctx, session, guest.None{})
	if err != nil || !facts.PageFileRemoved {
		t.Errorf("the page file is still there: %+v, %v", facts, err)
	}
	if before.BootID == after.BootID {
		t.Errorf("boot id %s before and after a restart", after.BootID)
	}
	verified, _, err := guest.DriversVerify.Do(ctx, session, guest.DriversVerifyParameters{BootServices: []string{"viostor", "vioscsi"}})
	if err != nil || !verified.OK {
		t.Errorf("drivers: %+v, %v", verified, err)
	}
	wantRemnants(ctx, t, spec.Disk, answers)
	removeRecovery(ctx, t, vm, answers)
	installCloudbaseInit(ctx, t, session, answers)
	unattend := seal(ctx, t, vm, answers, func(a *answerfile.SysprepAnswers, p *guest.SealParameters) {
		a.CloudbaseInit, p.CloudbaseInit = true, true
		a.PageFile = facts.PageFileRemoved
		p.SetupComplete, p.SetupCompleteScript = cloudbase.SetupComplete(true), cloudbase.SetupCompleteScript()
	})
	if strings.Contains(vm.Console(), "is not trimmed") || !strings.Contains(vm.Log(), "trimmed ") {
		t.Error("drive C: was not trimmed")
	}
	want := diskcheck.Expect{
		Firmware: "uefi", Server: true, Certificate: answers.Certificate, Unattend: unattend,
		CloudbaseInit: true, CloudbaseInitStart: "demand", Secrets: []string{answers.Password, "pfx-password"},
	}
	report, err := diskcheck.Check(ctx, spec.Disk, want)
	if err != nil {
		t.Fatal(err)
	}
	if err := report.Err(); err != nil {
		t.Errorf("disk check: %v", err)
	}
	for _, w := range report.Warnings() {
		t.Errorf("disk check: %+v", w)
	}
	t.Run("each finding", func(t *testing.T) { testBroken(t, spec.Disk, want) })
	t.Run("a clone on another bus", func(t *testing.T) {
		clone := Start(t, Spec{Disk: Overlay(t, spec.Disk), Bus: "virtio-scsi"})
		clone.WaitScreen(t, "oobe", 2*time.Minute)
		if n := strings.Count(clone.Log(), "Getting devices ready"); n != 2 {
			t.Errorf("%d starts: cloudbase-init has changed the name, which takes one restart", n)
		}
		clone.PressPower(t)
		clone.WaitPowerOff(t, time.Minute)
	})
	t.Run("a clone in which cloudbase-init fails", func(t *testing.T) {
		failing := Media(t, discs.Options{Faults: windows.Faults{CloudbaseInitExit: 1}})
		clone := Start(t, Spec{Disk: Overlay(t, spec.Disk), CDs: []string{failing.InstallISO}})
		clone.WaitScreen(t, "oobe", 2*time.Minute)
		if log := clone.Log(); strings.Count(log, "Getting devices ready") != 1 || !strings.Contains(log, "cloudbase-init.exe ends with 1") {
			t.Error("it restarts, or cloudbase-init did not fail")
		}
	})
}

// installCloudbaseInit installs and configures it from the answer disc.
func installCloudbaseInit(ctx context.Context, t *testing.T, session *guest.Session, d *AnswerDisc) {
	t.Helper()
	const name = "CloudbaseInitSetup_x64.msi"
	at := slices.IndexFunc(d.Manifest.Files, func(f handoff.DiscFile) bool { return strings.HasSuffix(f.Path, name) })
	digest := d.Manifest.Files[at].SHA256
	found, _, err := guest.PayloadFind.Do(ctx, session, guest.PayloadFindParameters{Patterns: []string{"wintemplate/payload/" + name}, SHA256: digest, ManifestSHA256: d.ManifestSHA256})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := guest.CloudbaseInstall.Detached(ctx, session, guest.InstallParameters{Path: found.Path, SHA256: digest, TimeoutSeconds: 60}, guest.Detachment{}); err != nil {
		t.Fatal(err)
	}
	files, err := cloudbase.Render(cloudbase.Settings{Cloud: "cloudstack"})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := guest.CloudbaseConfigure.Do(ctx, session, guest.CloudbaseConfigureParameters{Conf: files.Conf, UnattendConf: files.Unattend}); err != nil {
		t.Fatal(err)
	}
}
