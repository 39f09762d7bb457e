package standintest

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/answerfile"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/windows/discs"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/winrm"
)

// TestInstall goes from a blank disk to an open WinRM: Server 2025's Setup,
// with its drivers in $WinPEDriver$, in Korean, on BIOS and virtio-scsi. (The
// seal's tests go the same way on UEFI and virtio-blk.)
func TestInstall(t *testing.T) {
	set := Media(t, discs.Options{Product: discs.Server2025, Language: "ko-KR"})
	answers := MakeAnswerDisc(t, set, AnswerOptions{Firmware: answerfile.BIOS})
	start := time.Now()
	vm := Start(t, Spec{
		Firmware: "bios", Bus: "virtio-scsi", Disk: NewDisk(t, 10),
		CDs: []string{NoPrompt(t, set.InstallISO), answers.Path}, LinkDown: true,
	})
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
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	exit, err := vm.Client(answers).Run(ctx, "echo hello", nil, nil, nil)
	if err != nil || exit != 0 {
		t.Errorf("WinRM: exit %d, %v", exit, err)
	}
	vm.PressPower(t)
	vm.WaitPowerOff(t, time.Minute)
}

// Client is a WinRM client for the guest.
func (vm *VM) Client(d *AnswerDisc) *winrm.Client {
	return winrm.New(winrm.Endpoint{Host: vm.Host, Port: vm.Port, User: d.User, Password: d.Password, Pin: d.Pin})
}
