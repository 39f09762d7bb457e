package standintest

import (
	"testing"
	"time"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/answerfile"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/windows/discs"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/winrm"
)

// Install installs a machine up to an open WinRM. The Spec that it returns, with
// disk and discs, starts the same machine once more after a power-off.
func Install(t testing.TB, o discs.Options, s Spec) (*VM, *AnswerDisc, Spec) {
	t.Helper()
	set := Media(t, o)
	answers := MakeAnswerDisc(t, set, AnswerOptions{Firmware: answerfile.Firmware(s.Firmware)})
	s.Disk = NewDisk(t, 10)
	s.CDs = []string{NoPrompt(t, set.InstallISO), answers.Path}
	vm := Start(t, s)
	vm.WaitBeacon(t, "bootstrap.ready ok", 4*time.Minute) // seconds on an idle host
	return vm, answers, s
}

// Client is a WinRM client for the guest.
func (vm *VM) Client(d *AnswerDisc, options ...winrm.Option) *winrm.Client {
	return winrm.New(winrm.Endpoint{Host: vm.Host, Port: vm.Port, User: d.User, Password: d.Password, Pin: d.Pin}, options...)
}
