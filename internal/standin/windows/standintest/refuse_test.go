package standintest

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/windows"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/windows/discs"
)

// TestPrompt: the medium as it is asks for a key and gives the machine back to
// its firmware when none comes. With a key Setup starts, finds no answer file
// and says nothing on COM1.
func TestPrompt(t *testing.T) {
	t.Parallel()
	set := Media(t, discs.Options{})
	const question = "Press any key to boot from CD or DVD"
	vm := Start(t, Spec{Disk: NewDisk(t, 10), CDs: []string{set.InstallISO}})
	vm.WaitConsole(t, question, time.Minute)
	vm.WaitConsole(t, "UiApp", time.Minute)
	if strings.Contains(vm.Log(), "Windows Setup") {
		t.Error("Setup starts without a key")
	}
	vm.Stop()

	vm = Start(t, Spec{Disk: NewDisk(t, 10), CDs: []string{set.InstallISO}})
	vm.WaitConsole(t, question, time.Minute)
	vm.PressKey(t, "spc")
	vm.WaitScreen(t, "language-page", time.Minute)
	if strings.Contains(vm.Console(), "wintemplate:") {
		t.Errorf("COM1 says something:\n%s", vm.Console())
	}
}

// TestRefusals boots what Setup refuses: the screen comes, COM1 stays silent
// and the machine stays there.
func TestRefusals(t *testing.T) {
	t.Parallel()
	set := Media(t, discs.Options{})
	install := NoPrompt(t, set.InstallISO)
	for name, c := range map[string]struct {
		answers AnswerOptions
		screen  string
		says    string
		scsi    bool // the CDs' controller
	}{
		"no driver for the disk": {AnswerOptions{NoDrivers: true}, "media-driver", "no disk", false},
		"discs on virtio-scsi":   {AnswerOptions{}, "media-driver", "use SATA", true},
		"unknown element": {AnswerOptions{Autounattend: func(xml []byte) []byte {
			return bytes.Replace(xml, []byte("<ComputerName>"), []byte("<Nonsense></Nonsense><ComputerName>"), 1)
		}}, "unattend-parse", "specialize", false},
	} {
		t.Run(name, func(t *testing.T) {
			c.answers.Firmware = "bios"
			answers := MakeAnswerDisc(t, set, c.answers)
			vm := Start(t, Spec{Firmware: "bios", Disk: NewDisk(t, 10), CDs: []string{install, answers.Path}, CDsOnSCSI: c.scsi})
			line := vm.WaitScreen(t, c.screen, 2*time.Minute)
			if !strings.Contains(line, c.says) {
				t.Errorf("screen %s does not say %q", line, c.says)
			}
			if console := vm.Console(); strings.Contains(console, "specialize start") || strings.Contains(console, "bootstrap") {
				t.Errorf("COM1 goes on:\n%s", console)
			}
		})
	}
}

// TestFreeze: a guest that hangs says nothing more and hears no power button.
func TestFreeze(t *testing.T) {
	t.Parallel()
	set := Media(t, discs.Options{Faults: windows.Faults{FreezeAfter: "setup.specialize start"}})
	answers := MakeAnswerDisc(t, set, AnswerOptions{Firmware: "bios"})
	vm := Start(t, Spec{Firmware: "bios", Disk: NewDisk(t, 10), CDs: []string{NoPrompt(t, set.InstallISO), answers.Path}})
	vm.WaitBeacon(t, "setup.specialize start", 2*time.Minute)
	vm.PressPower(t)
	time.Sleep(4 * time.Second)
	if strings.Contains(vm.Console(), "bootstrap") || !vm.Running() {
		t.Errorf("the machine goes on:\n%s", vm.Console())
	}
}

// TestDropNIC: a guest whose network goes away for good, and which does not
// hear its power button, runs on.
func TestDropNIC(t *testing.T) {
	t.Parallel()
	vm, answers, _ := Install(t, discs.Options{Faults: windows.Faults{DropNIC: "bootstrap.ready ok", IgnoreShutdown: true}}, Spec{Firmware: "bios"})
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if exit, err := vm.Client(answers).Run(ctx, "echo hello", nil, nil, nil); err == nil {
		t.Errorf("WinRM answers with %d", exit)
	}
	vm.PressPower(t)
	time.Sleep(3 * time.Second)
	if !vm.Running() {
		t.Error("the machine is off")
	}
}
