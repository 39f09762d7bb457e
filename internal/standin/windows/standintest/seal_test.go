package standintest

import (
	"context"
	"encoding/hex"
	"testing"
	"time"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/answerfile"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/diskcheck"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/guest"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/windows/discs"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/winrm"
)

// built installs a machine up to an open WinRM.
func built(t *testing.T, o discs.Options, s Spec) (*VM, *AnswerDisc, Spec) {
	t.Helper()
	set := Media(t, o)
	answers := MakeAnswerDisc(t, set, AnswerOptions{Firmware: answerfile.Firmware(s.Firmware)})
	s.Disk = NewDisk(t, 10)
	s.CDs = []string{NoPrompt(t, set.InstallISO), answers.Path}
	vm := Start(t, s)
	vm.WaitBeacon(t, "bootstrap.ready ok", 3*time.Minute)
	return vm, answers, s
}

// seal runs the seal and waits for the power-off.
func seal(ctx context.Context, t *testing.T, vm *VM, d *AnswerDisc) []byte {
	t.Helper()
	unattend, err := answerfile.Unattend(answerfile.SysprepAnswers{Product: d.Answers.Product, Language: d.Answers.Language})
	if err != nil {
		t.Fatal(err)
	}
	p := guest.SealParameters{
		Unattend: string(unattend), CertificateSHA256: hex.EncodeToString(d.Pin[:]), Account: d.User, WinRM: true,
		Folder: answerfile.GuestFolder, SysprepTimeoutSeconds: 60, ReleaseTimeoutSeconds: 10,
	}
	for _, s := range answerfile.BuildSettings() {
		if !s.Servers {
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

// TestSeal builds a template: restart in the middle, seal, disk check, and a
// clone on another bus.
func TestSeal(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 6*time.Minute)
	defer cancel()
	vm, answers, spec := built(t, discs.Options{}, Spec{ExtraSCSI: true})
	session := guest.NewSession(vm.Client(answers), guest.WithTransient(winrm.IsTransient))
	settle := guest.DefaultSettle(answers.ManifestSHA256)
	before, err := session.WaitReady(ctx, settle)
	if err != nil {
		t.Fatal(err)
	}
	after, err := session.Restart(ctx, "a test", false, settle)
	if err != nil {
		t.Fatal(err)
	}
	if before.BootID == after.BootID {
		t.Errorf("boot id %s before and after a restart", after.BootID)
	}
	verified, _, err := guest.DriversVerify.Do(ctx, session, guest.DriversVerifyParameters{BootServices: []string{"viostor", "vioscsi"}})
	if err != nil || !verified.OK {
		t.Errorf("drivers: %+v, %v", verified, err)
	}
	removeRecovery(ctx, t, vm, answers)
	unattend := seal(ctx, t, vm, answers)
	report, err := diskcheck.Check(ctx, spec.Disk, diskcheck.Expect{
		Firmware: "uefi", Server: true, CertificateSHA256: hex.EncodeToString(answers.Pin[:]), Unattend: unattend,
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := report.Err(); err != nil {
		t.Errorf("disk check: %v", err)
	}
	clone := Start(t, Spec{Disk: spec.Disk, Bus: "virtio-scsi"})
	clone.WaitScreen(t, "oobe", time.Minute)
	clone.PressPower(t)
	clone.WaitPowerOff(t, time.Minute)
}
