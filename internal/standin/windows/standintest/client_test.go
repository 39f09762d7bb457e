package standintest

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/answerfile"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/diskcheck"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/guest"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/windows"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/windows/discs"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/winrm"
)

// buildAccount is the account of a client's build, whose built-in administrator
// is disabled.
const buildAccount = "packer"

func windows11(t *testing.T, set *discs.Set, index int, labConfig bool) *AnswerDisc {
	t.Helper()
	return MakeAnswerDisc(t, set, AnswerOptions{Index: index, Change: func(a *answerfile.Answers) {
		a.BuildAccount = &answerfile.LocalAccount{Name: buildAccount, Password: a.AdministratorPassword, Administrator: true}
		a.AdministratorPassword, a.LabConfig = "", labConfig
	}})
}

// TestWindows11Requirements: without LabConfig Setup goes on only where TPM,
// secure boot and memory are there. Debian's OVMF knows secure boot by itself.
func TestWindows11Requirements(t *testing.T) {
	t.Parallel()
	set := Media(t, discs.Options{Product: discs.Windows11Eval})
	cds := []string{NoPrompt(t, set.InstallISO), windows11(t, set, 1, false).Path}
	vm := Start(t, Spec{Disk: NewDisk(t, 10), CDs: cds})
	line := vm.WaitScreen(t, "requirements", 2*time.Minute)
	if !strings.Contains(line, "no TPM 2.0") || !strings.Contains(line, "MiB of memory") || strings.Contains(line, "secure boot") {
		t.Errorf("the screen says %s", line)
	}
	vm.Stop()
	vm = Start(t, Spec{Disk: NewDisk(t, 10), CDs: cds, MemoryMiB: 4096, TPM: true})
	vm.WaitBeacon(t, "setup.specialize start", 3*time.Minute)
}

// TestWindows11 builds a template of a client edition: OOBE wants an account and
// no network, and the build logs on as that account. Sysprep refuses LocalSystem
// here and runs as that account, which the seal removes all the same.
func TestWindows11(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(context.Background(), 25*time.Minute)
	defer cancel()
	set := Media(t, discs.Options{Product: discs.Windows11})
	answers := windows11(t, set, 2, true)
	spec := Spec{Disk: NewDisk(t, 10), CDs: []string{NoPrompt(t, set.InstallISO), answers.Path}, ExtraSCSI: true}
	vm := Start(t, spec)
	vm.WaitBeacon(t, "bootstrap.ready ok", 3*time.Minute)
	session := guest.NewSession(vm.Client(answers), guest.WithTransient(winrm.IsTransient))
	facts, _, err := guest.Facts.Do(ctx, session, guest.None{})
	if err != nil {
		t.Fatal(err)
	}
	if facts.InstallationType != "Client" || facts.Edition != "Professional" || facts.Build != 26100 || answers.User != buildAccount {
		t.Errorf("as %s: %+v", answers.User, facts)
	}
	removeRecovery(ctx, t, vm, answers)
	vm.Faults(t, windows.Faults{SysprepRefusesSystem: true})
	unattend := seal(ctx, t, vm, answers, func(a *answerfile.SysprepAnswers, p *guest.SealParameters) {
		a.Account, p.Client = "user", true
	})
	if !strings.Contains(vm.Console(), "it is run as "+buildAccount+" now") {
		t.Error("sysprep did not refuse LocalSystem")
	}
	report, err := diskcheck.Check(ctx, spec.Disk, diskcheck.Expect{
		Firmware: "uefi", Account: buildAccount, Certificate: answers.Certificate, Unattend: unattend,
		Secrets: []string{answers.Password, "pfx-password"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := report.Err(); err != nil {
		t.Errorf("disk check: %v", err)
	}
	if report.Facts.ProductName != "Windows 11 Pro" {
		t.Errorf("facts: %+v", report.Facts)
	}
	clone := Start(t, Spec{Disk: Overlay(t, spec.Disk), Bus: "virtio-scsi"})
	clone.WaitScreen(t, "oobe", 2*time.Minute)
}
