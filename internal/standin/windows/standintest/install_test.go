package standintest

import (
	"os"
	"testing"
	"time"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/windows/discs"
)

// TestInstallUEFI goes from a blank disk to an open WinRM.
func TestInstallUEFI(t *testing.T) {
	set := Media(t, discs.Options{CacheDir: os.Getenv("STANDIN_CACHE")})
	answers := MakeAnswerDisc(t, set, AnswerOptions{})
	start := time.Now()
	vm := Start(t, Spec{Disk: NewDisk(t, 10), CDs: []string{NoPrompt(t, set.InstallISO), answers.Path}, LinkDown: true, ExtraSCSI: true})
	for _, said := range []string{"setup.winpe start", "setup.specialize start", "bootstrap start"} {
		vm.WaitBeacon(t, said, 90*time.Second)
		t.Logf("%6.1fs %s", time.Since(start).Seconds(), said)
	}
	vm.SetLink(t, true)
	vm.WaitBeacon(t, "bootstrap.ready ok", 60*time.Second)
	t.Logf("%6.1fs ready", time.Since(start).Seconds())
	t.Logf("COM2:\n%s", vm.Log())
}
