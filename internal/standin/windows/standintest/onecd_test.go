package standintest

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/answerfile"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/media"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/windows/discs"
)

// oneDisc puts what else is on the answer disc onto the installation disc, with
// the boot image that waits for no key.
func oneDisc(t *testing.T, set *discs.Set, answers *AnswerDisc) *media.Edit {
	t.Helper()
	image, closer, err := media.OpenFile(set.InstallISO)
	check(t, err)
	t.Cleanup(func() { closer.Close() })
	edit := image.Edit()
	check(t, edit.AddDiscFiles(answers.Files))
	check(t, edit.NoPromptUEFI())
	return edit
}

// installs boots the machine and waits until Windows is installed and answers.
func installs(t *testing.T, s Spec, answers *AnswerDisc) {
	t.Helper()
	s.Disk = NewDisk(t, 10)
	vm := Start(t, s)
	vm.WaitBeacon(t, "bootstrap.ready ok", 3*time.Minute)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	if exit, err := vm.Client(answers).Run(ctx, "echo hello", nil, nil, nil); err != nil || exit != 0 {
		t.Errorf("WinRM: exit %d, %v", exit, err)
	}
}

// TestOneCD installs from one CD and nothing else, as in clouds that give a
// machine one drive. The patched disc, an overlay as the plugin writes them, has
// Server 2025's drivers in $WinPEDriver$ and is booted by UEFI; the one that is
// written anew has Server 2022's in DriverPaths and is booted by BIOS, and by
// UEFI as far as Setup.
func TestOneCD(t *testing.T) {
	t.Parallel()
	t.Run("patched", func(t *testing.T) {
		t.Parallel()
		set := Media(t, discs.Options{Product: discs.Server2025})
		answers := MakeAnswerDisc(t, set, AnswerOptions{})
		plan, err := oneDisc(t, set, answers).Plan(media.Options{})
		check(t, err)
		check(t, plan.Verify())
		disc := filepath.Join(t.TempDir(), "one.qcow2")
		f, err := os.Create(disc)
		check(t, err)
		check(t, plan.WriteQcow2(f, set.InstallISO))
		check(t, f.Close())
		installs(t, Spec{CDs: []string{disc}}, answers)
	})
	t.Run("rebuilt", func(t *testing.T) {
		t.Parallel()
		set := Media(t, discs.Options{})
		answers := MakeAnswerDisc(t, set, AnswerOptions{Firmware: answerfile.BIOS})
		disc := filepath.Join(t.TempDir(), "rebuilt.iso")
		check(t, oneDisc(t, set, answers).Rebuild(context.Background(), disc))
		installs(t, Spec{Firmware: "bios", CDs: []string{disc}}, answers)
		vm := Start(t, Spec{Disk: NewDisk(t, 10), CDs: []string{disc}})
		vm.WaitBeacon(t, "setup.winpe start", time.Minute)
		vm.Stop()
	})
}
