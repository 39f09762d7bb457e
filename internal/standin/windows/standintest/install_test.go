package standintest

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/answerfile"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/diskcheck"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/windows"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/windows/discs"
)

// TestServer2025 goes the other way: Server 2025's Setup with its drivers in
// $WinPEDriver$, in Korean, on BIOS and virtio-scsi, with the network cable
// plugged in late, drivers that are lost at the seal, and a recovery partition
// that nobody removes. The disk check says so, and the disk stops on virtio
// with 0x7B.
func TestServer2025(t *testing.T) {
	t.Parallel()
	set := Media(t, discs.Options{Product: discs.Server2025, Language: "ko-KR", Faults: windows.Faults{LoseBootDrivers: true}})
	answers := MakeAnswerDisc(t, set, AnswerOptions{Firmware: answerfile.BIOS})
	start := time.Now()
	spec := Spec{Firmware: "bios", Bus: "virtio-scsi", Disk: NewDisk(t, 10), CDs: []string{NoPrompt(t, set.InstallISO), answers.Path}, LinkDown: true}
	vm := Start(t, spec)
	for _, said := range []string{"setup.winpe start", "setup.specialize start", "bootstrap start", "bootstrap.network start"} {
		vm.WaitBeacon(t, said, 2*time.Minute)
		t.Logf("%6.1fs %s", time.Since(start).Seconds(), said)
	}
	time.Sleep(2 * time.Second)
	if strings.Contains(vm.Console(), "bootstrap.network ok") {
		t.Error("there is a network although the cable is unplugged")
	}
	vm.SetLink(t, true)
	vm.WaitBeacon(t, "bootstrap.ready ok", time.Minute)
	t.Logf("%6.1fs ready", time.Since(start).Seconds())
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Minute)
	defer cancel()
	if exit, err := vm.Client(answers).Run(ctx, "echo hello", nil, nil, nil); err != nil || exit != 0 {
		t.Errorf("WinRM: exit %d, %v", exit, err)
	}
	seal(ctx, t, vm, answers)
	report, err := diskcheck.Check(ctx, spec.Disk, diskcheck.Expect{Firmware: "bios", Server: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := report.Err(); err == nil || !strings.Contains(err.Error(), "windows-last") || !strings.Contains(err.Error(), "boot-driver-vioscsi") {
		t.Errorf("the disk check finds %v", err)
	}
	clone := Start(t, Spec{Firmware: "bios", Bus: "virtio-scsi", Disk: spec.Disk})
	clone.WaitScreen(t, "0x7b", time.Minute)
}
