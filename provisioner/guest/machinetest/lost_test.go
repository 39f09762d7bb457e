package machinetest

import (
	"context"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/answerfile"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/diskcheck"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/guest"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/windows"
)

const driversMSI = "virtio-win-gt-x64.msi"

// late checks that an operation ended at its deadline, which is well before its
// usual one of minutes, and says what was last seen.
func late(t *testing.T, err error, took, deadline time.Duration) {
	t.Helper()
	var d *guest.DeadlineError
	if !errors.As(err, &d) || took > deadline+45*time.Second {
		t.Errorf("after %s: %v", took, err)
	}
	says(t, err, "the guest last answered")
}

// network: the virtio MSI takes the adapter away (virtio-win-pkg-scripts#48).
// The detached work goes on, and its result is picked up when the adapter is
// back; when it never is, the operation's deadline holds.
func network(t *testing.T, g *machine) {
	p := g.installer(t, g.session(t), driversMSI)
	g.Faults(t, windows.Faults{MSISeconds: map[string]int{driversMSI: 6}})
	t.Run("away for a while", func(t *testing.T) {
		missed := make(chan struct{})
		miss := sync.OnceFunc(func() { close(missed) })
		var said []string
		s := g.session(t, guest.WithReport(func(line string) {
			if said = append(said, line); strings.Contains(line, "does not answer") {
				miss()
			}
		}))
		pulled := g.once(t, guest.TaskStatus.Name, 1, func() {
			g.SetLink(t, false)
			select {
			case <-missed:
			case <-time.After(2 * time.Minute):
			}
			g.SetLink(t, true)
		})
		r, _, err := guest.DriversInstall.Detached(t.Context(), s, p, guest.Detachment{})
		<-pulled
		if err != nil || r.ExitCode != 0 {
			t.Fatalf("%+v, %v", r, err)
		}
		if text := strings.Join(said, "\n"); !strings.Contains(text, "does not answer") || !strings.Contains(text, "answers again") {
			t.Error(text)
		}
	})
	t.Run("away for good", func(t *testing.T) {
		s := g.session(t)
		pulled := g.once(t, guest.TaskStatus.Name, 1, func() { g.SetLink(t, false) })
		began := time.Now()
		_, _, err := within(guest.DriversInstall, 12*time.Second).Detached(t.Context(), s, p, guest.Detachment{})
		late(t, err, time.Since(began), 12*time.Second)
		says(t, err, "drivers.install did not end within 12s")
		<-pulled
		g.SetLink(t, true)
		g.answers(t)
	})
}

// lost: a guest that freezes without resetting anything, and one that restarts
// by itself while something runs in it.
func lost(t *testing.T, g *machine) {
	t.Run("frozen", func(t *testing.T) {
		s := g.session(t)
		do(t, s, guest.Facts, guest.None{})
		g.Freeze(t)
		began := time.Now()
		_, _, err := within(guest.AgentVerify, 8*time.Second).Do(t.Context(), s, guest.None{})
		late(t, err, time.Since(began), 8*time.Second)
		g.Thaw(t)
		g.answers(t)
	})
	t.Run("restarts by itself", func(t *testing.T) {
		s := g.session(t)
		p := g.installer(t, s, driversMSI)
		g.Faults(t, windows.Faults{MSISeconds: map[string]int{driversMSI: 60}})
		// Asked twice, it has answered once: its boot id is known.
		crashed := g.once(t, guest.TaskStatus.Name, 2, func() { g.Crash(t) })
		began := time.Now()
		_, _, err := guest.DriversInstall.Detached(t.Context(), s, p, guest.Detachment{})
		<-crashed
		var cut *guest.LostError
		if !errors.As(err, &cut) || !cut.Restarted {
			t.Errorf("after %s: %v", time.Since(began), err)
		}
		says(t, err, "drivers.install was cut off: Windows restarted while it ran")
		g.answers(t)
	})
}

// restarts: guests that do not come back from one. One that succeeds is part of
// preflights.
func restarts(t *testing.T, g *machine) {
	s := g.session(t)
	t.Run("put off for ever", func(t *testing.T) {
		g.Faults(t, windows.Faults{IgnoreRestart: true})
		longEnough(t, 6*time.Second, func(deadline time.Duration) error {
			began := time.Now()
			_, err := s.Restart(t.Context(), "a test", true, g.settle(deadline))
			late(t, err, time.Since(began), deadline)
			return err
		}, "after the restart (a test)", "Windows answers, but has not restarted yet")
		g.WaitLog(t, putOff, time.Minute) // or it would, once it is sound
		g.sound(t)
	})
	t.Run("frozen on the way down", func(t *testing.T) {
		g.Faults(t, windows.Faults{IgnoreRestart: true}) // it hangs before it goes
		before := strings.Count(g.Log(), putOff)
		// Asked for the first time whether it is back, it has answered that it goes.
		frozen := g.once(t, guest.WaitReady.Name, 1, func() { g.Freeze(t) })
		began := time.Now()
		// A Receive that was on its way is forgiven one silence of 8 s.
		_, err := s.Restart(t.Context(), "a test", true, g.settle(22*time.Second))
		late(t, err, time.Since(began), 22*time.Second)
		says(t, err, "after the restart (a test)")
		<-frozen
		if !knows(err, "last error") {
			_, err = s.WaitReady(t.Context(), g.settle(time.Minute))
		}
		says(t, err, "last error")
		g.Thaw(t)
		for end := time.Now().Add(2 * time.Minute); strings.Count(g.Log(), putOff) == before; time.Sleep(100 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatal("it has not come to what it was about to do")
			}
		}
		g.sound(t)
		g.answers(t)
	})
}

// putOff is what the stand-in logs in the place of a restart.
const putOff = "the restart is put off"

// longEnough tries with longer and longer deadlines, each of which must end
// what it bounds, until one was long enough for this host to have found out why.
func longEnough(t *testing.T, deadline time.Duration, try func(deadline time.Duration) error, texts ...string) {
	t.Helper()
	for {
		err := try(deadline)
		if knows(err, texts...) || t.Failed() || deadline > time.Minute {
			says(t, err, texts...)
			return
		}
		deadline *= 4
	}
}

// knows says whether an error's text has them all.
func knows(err error, texts ...string) bool {
	return err != nil && !slices.ContainsFunc(texts, func(text string) bool { return !strings.Contains(err.Error(), text) })
}

// gone: the machine powers off instead of coming back. It is started again by
// hand afterwards.
func gone(t *testing.T, g *machine) {
	s := g.session(t)
	do(t, s, guest.Facts, guest.None{})
	g.Faults(t, windows.Faults{IgnoreRestart: true})
	pressed := g.once(t, guest.WaitReady.Name, 1, func() { g.PressPower(t) })
	began := time.Now()
	_, err := s.Restart(t.Context(), "a test", true, g.settle(15*time.Second))
	late(t, err, time.Since(began), 15*time.Second)
	says(t, err, "after the restart (a test)")
	<-pressed
	g.WaitPowerOff(t, 2*time.Minute)
	if !knows(err, "connection refused") { // on a busy host it takes longer to go
		_, err = s.WaitReady(t.Context(), g.settle(15*time.Second))
	}
	says(t, err, "connection refused")
}

// sealUnseen: the network goes while the machine is sealed. The seal is
// detached: it goes on and powers off, the session does not take that for a
// failure, and the disk says that it is good.
func sealUnseen(t *testing.T, g *machine) {
	do(t, g.session(t), guest.RecoveryRemove, guest.RecoveryRemoveParameters{})
	p := g.sealParameters(t)
	p.CertificateSHA256 = hex.EncodeToString(g.disc.Pin[:])
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
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Minute)
	defer cancel()
	var said []string
	s := g.session(t, guest.WithSilence(8*time.Second), guest.WithReport(func(line string) { said = append(said, line) }))
	pulled := g.once(t, guest.TaskStatus.Name, 1, func() { g.SetLink(t, false) })
	if err := s.Seal(ctx, p, func(stage string) { t.Log(stage) }); err != nil {
		t.Error(err)
	}
	<-pulled
	if text := strings.Join(said, "\n"); !strings.Contains(text, "silent for 8s") {
		t.Errorf("nothing was said of a seal that nobody sees: %q", text)
	}
	g.WaitBeacon(t, "seal ok", time.Minute)
	g.WaitPowerOff(t, time.Minute)
	report, err := diskcheck.Check(ctx, g.spec.Disk, diskcheck.Expect{
		Firmware: "uefi", Server: true, Certificate: g.disc.Certificate, Unattend: []byte(p.Unattend),
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := report.Err(); err != nil {
		t.Error(err)
	}
}
