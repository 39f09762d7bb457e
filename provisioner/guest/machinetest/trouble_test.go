package machinetest

import (
	"errors"
	"testing"
	"time"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/guest"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/windows"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/winrm"
)

// winrmTroubles: a wait looks past a WinRM that is not up yet, and ends at its
// own deadline, with the cause, when that does not pass.
func winrmTroubles(t *testing.T, g *machine) {
	refusals := guest.WithTransient(func(err error) bool { return winrm.IsTransient(err) || errors.Is(err, winrm.ErrUnauthorized) })
	for _, c := range []struct {
		name  string
		fault windows.WinRMFault
		says  string // for ever, the error says this
	}{
		{"401", windows.WinRMFault{Kind: "unauthorized"}, "wrong user or password, or the account is locked out"},
		{"device not ready", windows.WinRMFault{Kind: "not-ready"}, "the device is not ready"},
		{"shutdown in progress", windows.WinRMFault{Kind: "fault", Code: 2147943515}, "a shutdown is in progress"},
		{"503", windows.WinRMFault{Kind: "unavailable"}, "HTTP 503"},
		{"connections reset", windows.WinRMFault{Kind: "reset"}, "the connection failed"},
		{"connections closed", windows.WinRMFault{Kind: "eof"}, "the connection failed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			passing := c.fault
			if passing.Seconds = 1; c.name == "401" {
				passing.Seconds, passing.Times = 0, 1 // after one the wait takes a rest
			}
			g.WinRM(t, passing)
			began := time.Now()
			if _, err := g.session(t, refusals).WaitReady(t.Context(), g.settle(5*time.Minute)); err != nil {
				t.Fatal(err)
			}
			if took := time.Since(began); took < 500*time.Millisecond {
				t.Errorf("ready after %s: the trouble was not there", took)
			}
			s := g.session(t, refusals)
			do(t, s, guest.Facts, guest.None{})
			g.WinRM(t, c.fault)
			longEnough(t, 2*time.Second, func(deadline time.Duration) error {
				began := time.Now()
				_, err := s.WaitReady(t.Context(), g.settle(deadline))
				late(t, err, time.Since(began), deadline)
				return err
			}, c.says, "the guest last answered facts at")
			g.WinRM(t)
		})
	}
	// What hits in the middle: an operation that may be repeated is, one that
	// may not says what has happened.
	for _, c := range []struct {
		name  string
		fault windows.WinRMFault
	}{
		{"the answer is lost", windows.WinRMFault{Kind: "reset-after", Operation: "Receive", Times: 1}},
		{"half an answer", windows.WinRMFault{Kind: "truncated", Operation: "Receive", Times: 1}},
		{"the shell is gone", windows.WinRMFault{Kind: "fault", Code: winrm.CodeShellNotFound, Operation: "Receive", Times: 1}},
		{"late answers", windows.WinRMFault{Kind: "delay", Seconds: 1, Times: 3}},
	} {
		t.Run(c.name, func(t *testing.T) {
			g.WinRM(t, c.fault)
			if r := do(t, g.session(t), guest.Facts, guest.None{}); r.Build != 20348 {
				t.Errorf("%+v", r)
			}
		})
	}
}
