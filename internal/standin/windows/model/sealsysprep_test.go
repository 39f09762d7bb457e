package model

import (
	"context"
	"errors"
	"testing"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/beacon"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/guest"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/windows"
)

// refusing is a machine whose sysprep refuses LocalSystem, with an account of
// the build's own.
func refusing(t *testing.T) (*world, guest.SealParameters) {
	w := newWorld(t, func(w *world, i *Install) {
		w.faults = windows.Faults{SysprepRefusesSystem: true}
		i.Accounts = []Account{{Name: "packer", Password: testPassword, Administrator: true}}
	})
	w.bootstrap()
	if err := w.installCloudbaseInitOp(context.Background()); err != nil {
		t.Fatal(err)
	}
	p := w.sealParameters()
	p.Account, p.SysprepAccount = "packer", "packer"
	return w, p
}

// TestSealAsTheAccount: once it is known that sysprep refuses LocalSystem, the
// tries that follow a refused package begin with the account.
func TestSealAsTheAccount(t *testing.T) {
	t.Parallel()
	w, p := refusing(t)
	w.AddAppX("A_1_x64__p", false)
	// Folders of that name are there, and are not the account's.
	for _, other := range []string{`Users\packer`, `Users\packer.WIN-BUILD`} {
		if err := w.disk.mkdir(other); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.loadProfile("packer"); err != nil {
		t.Fatal(err)
	}
	key, _ := w.profileKey("packer")
	own := w.profileFolder("packer")
	if own != `Users\packer.WIN-BUILD.000` || !w.disk.exists(own+`\NTUSER.DAT`) {
		t.Fatalf("the account's profile is %s", own)
	}
	stages := map[string]int{}
	if err := w.session().Seal(context.Background(), p, func(stage string) { stages[stage]++ }); err != nil {
		t.Fatal(err)
	}
	w.awaitPower("off")
	if w.ImageState() != stateSealed || w.account("packer") != nil || w.disk.exists(own) || !w.disk.exists(`Users\packer.WIN-BUILD`) {
		t.Errorf("%s; packer is there: %t", w.ImageState(), w.account("packer") != nil)
	}
	if w.software.Open(key) != nil {
		t.Errorf("%s is still there", key)
	}
	info := beacon.SealSysprep + " " + string(beacon.Info)
	n := 0
	for _, b := range w.beacons {
		if b == info {
			n++
		}
	}
	if n != 1 || stages[guest.SealStageAccount] == 0 {
		t.Errorf("it was run as LocalSystem %d times; stages %v", n, stages)
	}
	if k := w.software.Open(taskTreeKey); len(k.Subkeys()) > 0 {
		t.Errorf("tasks are left: %d", len(k.Subkeys()))
	}
}

func TestSealAsNoAccount(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*world, *guest.SealParameters){
		"there is none":            func(_ *world, p *guest.SealParameters) { p.SysprepAccount = "" },
		"it is not known":          func(_ *world, p *guest.SealParameters) { p.SysprepAccount = "nobody" },
		"it is disabled":           func(w *world, p *guest.SealParameters) { w.account("packer").SetDWord("", "Flags", accountDisabled) },
		"it is no administrator's": func(w *world, p *guest.SealParameters) { w.account("packer").SetDWord("", "Administrator", 0) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, p := refusing(t)
			change(w, &p)
			err := w.session().Seal(context.Background(), p, func(string) {})
			var failure *guest.Error
			if !errors.As(err, &failure) || failure.Code != guest.SealNotStarted || !w.said("seal fail") || w.ImageState() != stateComplete {
				t.Errorf("%v; %s", err, w.ImageState())
			}
		})
	}
}

// TestProfileInUse: an account that a task runs as cannot be removed, nor can it
// a moment later.
func TestProfileInUse(t *testing.T) {
	t.Parallel()
	w, _ := refusing(t)
	w.Model.mu.Lock()
	defer w.Model.mu.Unlock()
	ctx, runs, end := context.Background(), make(chan struct{}), make(chan struct{})
	err := w.startAs("x", "packer", func() {
		w.Model.mu.Unlock()
		close(runs)
		<-end
		w.Model.mu.Lock()
	})
	if err != nil {
		t.Fatal(err)
	}
	w.Model.mu.Unlock()
	<-runs
	w.Model.mu.Lock()
	if w.removeAccount("packer") == nil {
		t.Error("the account of a running task was removed")
	}
	close(end)
	if !w.await(ctx, 10*profileTime, func() bool { return !w.tasks["x"].running }) || w.removeAccount("packer") == nil {
		t.Error("the profile was free at once")
	}
	if !w.await(ctx, 10*profileTime, func() bool { return w.removeAccount("packer") == nil }) {
		t.Error("the profile stays in use")
	}
	if err := w.startAs("y", "packer", nil); err == nil {
		t.Error("a task runs as an account that is gone")
	}
}
