package model

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/guest"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/windows"
)

const stray = "Microsoft.Copilot_1.0.0.0_neutral__8wekyb3d8bbwe"

// TestConditions: what a preflight finds, what it mends, and what sysprep says
// of the same state before and after.
func TestConditions(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		set    windows.Conditions
		find   string // the finding's id; "" when no preflight can see it
		fixed  string // its severity with fix
		refuse string // what sysprep says while it is so; "" when it does not mind
		after  bool   // sysprep refuses it after the fix too
	}{
		"sound":             {},
		"AppX":              {set: windows.Conditions{AppX: []string{stray}}, find: "appx", fixed: guest.FindingFixed, refuse: stray},
		"AppX updated":      {set: windows.Conditions{AppXUpdated: []string{stray}}, refuse: stray, after: true},
		"AppX orphan":       {set: windows.Conditions{AppXOrphans: []string{stray}}, find: "appx", fixed: guest.FindingWarn, refuse: stray, after: true},
		"BitLocker":         {set: windows.Conditions{BitLocker: true, DecryptSeconds: 1}, find: "bitlocker", fixed: guest.FindingFixed, refuse: "0x80310039"},
		"BitLocker stays":   {set: windows.Conditions{BitLocker: true, DecryptSeconds: windows.Forever}, find: "bitlocker", fixed: guest.FindingFail, refuse: "0x80310039", after: true},
		"updates":           {set: windows.Conditions{UpdatesBusySeconds: 2}, find: "windows-update", fixed: guest.FindingFixed, refuse: "0x800f0975"},
		"updates for ever":  {set: windows.Conditions{UpdatesBusySeconds: windows.Forever}, find: "windows-update", fixed: guest.FindingFail, refuse: "0x800f0975", after: true},
		"reserved storage":  {set: windows.Conditions{ReservedStorage: true}, find: "reserved-storage", fixed: guest.FindingFixed, refuse: "0x800f0975"},
		"audit mode":        {set: windows.Conditions{AuditMode: true}, find: "audit-mode", fixed: guest.FindingFail, refuse: "AUDIT", after: true},
		"domain":            {set: windows.Conditions{DomainMember: true}, find: "domain", fixed: guest.FindingFail},
		"upgraded":          {set: windows.Conditions{Upgraded: true}, find: "upgraded", fixed: guest.FindingFail, refuse: "upgraded OS", after: true},
		"rearm":             {set: windows.Conditions{RearmSpent: true}, find: "rearm", fixed: guest.FindingFail, refuse: "0xc004d307", after: true},
		"sysprep runs":      {set: windows.Conditions{SysprepRunsSeconds: windows.Forever}, find: "sysprep-running", fixed: guest.FindingFail},
		"broken-off":        {set: windows.Conditions{SysprepBrokenOff: true}, find: "sysprep-running", fixed: guest.FindingFixed, refuse: "GeneralizationState = 3"},
		"Defender":          {set: windows.Conditions{DefenderOnboarded: true}, find: "defender-endpoint", fixed: guest.FindingFail},
		"provider":          {set: windows.Conditions{LostProviders: []string{"Agent"}}, find: "sysprep-external", fixed: guest.FindingFixed, refuse: "0x7e"},
		"DSC":               {set: windows.Conditions{DSCBroken: true}, refuse: "DscCore.dll", after: true},
		"restart":           {set: windows.Conditions{PendingReboot: []string{"servicing"}}, find: "pending-reboot", fixed: guest.FindingFixed, refuse: "0x139f", after: true},
		"restart, renaming": {set: windows.Conditions{PendingReboot: []string{"file-rename"}}, find: "pending-reboot", fixed: guest.FindingFixed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, func(w *world, _ *Install) { w.faults.Conditions = c.set })
			severity := func(fix bool) string {
				r, _, err := guest.Preflight.Do(context.Background(), w.session(), guest.PreflightParameters{Fix: fix, MaxReboots: 1, WaitSeconds: 3})
				if err != nil {
					t.Fatal(err)
				}
				found := ""
				for _, f := range r.Findings {
					switch {
					case f.ID == c.find:
						found = f.Severity
					case f.Severity != guest.FindingOK:
						t.Errorf("beside it: %+v", f)
					}
				}
				return found
			}
			refused := func(is bool) {
				said := strings.Join(w.Refusals(), "\n")
				if is && !strings.Contains(said, c.refuse) || !is && said != "" {
					t.Errorf("sysprep says %q, want %q (%t)", said, c.refuse, is)
				}
			}
			if c.find != "" {
				if got := severity(false); got != guest.FindingFail {
					t.Errorf("without fix: %q", got)
				}
			}
			refused(c.refuse != "")
			if got := severity(true); got != c.fixed {
				t.Errorf("with fix: %q, want %q", got, c.fixed)
			}
			refused(c.after)
		})
	}
}

// TestConditionsAfterARestart: one restart clears what is pending, and not what
// comes back.
func TestConditionsAfterARestart(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	pending := func() string { return strings.Join(w.pendingReboot(), " ") }
	w.SetConditions(windows.Conditions{PendingReboot: []string{"servicing", "windows-update"}, RecurringReboot: []string{"file-rename"}})
	if got := pending(); got != "servicing windows-update" {
		t.Error(got)
	}
	w.restart()
	if got := pending(); got != "file-rename" {
		t.Error(got)
	}
	w.SetConditions(windows.Conditions{UpdatesBusySeconds: windows.Forever, BitLocker: true, DecryptSeconds: windows.Forever})
	w.restart()
	if got := pending(); got != "" || !w.processRuns("TiWorker") || w.conversionStatus() != fullyEncrypted {
		t.Errorf("pending %q, updates %t, BitLocker %d", got, w.processRuns("TiWorker"), w.conversionStatus())
	}
}

// TestSysprepHalfWay: Defender's self-protection stops generalize in the
// middle, and another sysprep keeps one from beginning.
func TestSysprepHalfWay(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		set   windows.Conditions
		code  string
		says  string
		state string
	}{
		"Defender":     {windows.Conditions{DefenderOnboarded: true}, guest.SealUndeployable, "offboarding", stateUndeployable},
		"DSC":          {windows.Conditions{DSCBroken: true}, guest.SealProvider, "SysPrep_Cleanup of DscCore.dll failed with 0x2", stateComplete},
		"sysprep runs": {windows.Conditions{SysprepRunsSeconds: windows.Forever}, "sysprep-running", "another", stateComplete},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.bootstrap()
			w.SetConditions(c.set)
			p := w.sealParameters()
			p.CloudbaseInit = false
			_, _, err := guest.Seal.Detached(context.Background(), w.session(), p, guest.Detachment{})
			var failure *guest.Error
			if !errors.As(err, &failure) || failure.Code != c.code || !strings.Contains(failure.Message, c.says) || w.ImageState() != c.state {
				t.Errorf("%v, ImageState %s; want %s, %q, %s", err, w.ImageState(), c.code, c.says, c.state)
			}
		})
	}
}
