package standintest

import (
	"context"
	"testing"
	"time"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/answerfile"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/windows/discs"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/winrm"
)

// TestInstall goes from a blank disk to an open WinRM, on either firmware, and
// runs something over it.
func TestInstall(t *testing.T) {
	for name, c := range map[string]struct {
		options  discs.Options
		firmware answerfile.Firmware
		bus      string
	}{
		"2022 UEFI virtio-blk":         {discs.Options{}, answerfile.UEFI, "virtio-blk"},
		"2025 Korean BIOS virtio-scsi": {discs.Options{Product: discs.Server2025, Language: "ko-KR"}, answerfile.BIOS, "virtio-scsi"},
	} {
		t.Run(name, func(t *testing.T) {
			set := Media(t, c.options)
			answers := MakeAnswerDisc(t, set, AnswerOptions{Firmware: c.firmware})
			start := time.Now()
			vm := Start(t, Spec{
				Firmware: string(c.firmware), Bus: c.bus, Disk: NewDisk(t, 10),
				CDs: []string{NoPrompt(t, set.InstallISO), answers.Path}, LinkDown: true, ExtraSCSI: true,
			})
			for _, said := range []string{"setup.winpe start", "setup.specialize start", "bootstrap start"} {
				vm.WaitBeacon(t, said, 2*time.Minute)
				t.Logf("%6.1fs %s", time.Since(start).Seconds(), said)
			}
			vm.SetLink(t, true)
			vm.WaitBeacon(t, "bootstrap.ready ok", time.Minute)
			t.Logf("%6.1fs ready", time.Since(start).Seconds())
			client := vm.Client(answers)
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			exit, err := client.Run(ctx, "echo hello", nil, nil, nil)
			if err != nil || exit != 0 {
				t.Errorf("WinRM: exit %d, %v", exit, err)
			}
			vm.PressPower(t)
			vm.WaitPowerOff(t, time.Minute)
		})
	}
}

// Client is a WinRM client for the guest.
func (vm *VM) Client(d *AnswerDisc) *winrm.Client {
	return winrm.New(winrm.Endpoint{Host: vm.Host, Port: vm.Port, User: d.User, Password: d.Password, Pin: d.Pin})
}
