package machinetest

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/answerfile"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/guest"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/guest/cloudbase"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/windows"
)

const stray = "Microsoft.Copilot_1.0.0.0_neutral__8wekyb3d8bbwe"

// conditions: preflight finds each, mends it or says what to do, and sysprep,
// asked without running it, agrees before and after. What a restart mends is in
// restarts and preflights.
func conditions(t *testing.T, g *machine) {
	s := g.session(t)
	find := func(t *testing.T, id string, fix bool, wait int) guest.PreflightFinding {
		t.Helper()
		r, _, err := guest.Preflight.Do(t.Context(), s, guest.PreflightParameters{Fix: fix, MaxReboots: 1, WaitSeconds: wait})
		if err != nil {
			t.Fatal(err)
		}
		found := guest.PreflightFinding{}
		for _, f := range r.Findings {
			switch {
			case f.ID == id:
				found = f
			case f.Severity != guest.FindingOK:
				t.Errorf("beside it: %+v", f)
			}
		}
		return found
	}
	for _, c := range []struct {
		name    string
		set     windows.Conditions
		id      string
		fixed   string // the severity with fix
		remedy  string // in what is told, with or without fix
		refuses string // sysprep does, saying this; "" when it does not mind
		after   bool   // after the fix too
	}{
		{"sound", windows.Conditions{}, "image-state", guest.FindingOK, "", "", false},
		{"AppX of one user", windows.Conditions{AppX: []string{stray}}, "appx", guest.FindingFixed, "removed", stray, false},
		{"AppX of a user who is gone", windows.Conditions{AppXOrphans: []string{stray}}, "appx", guest.FindingWarn, "sysprep will say", stray, true},
		{"BitLocker", windows.Conditions{BitLocker: true, DecryptSeconds: 1}, "bitlocker", guest.FindingFixed, "decrypted", "0x80310039", false},
		{"BitLocker that stays", windows.Conditions{BitLocker: true, DecryptSeconds: windows.Forever}, "bitlocker", guest.FindingFail, "manage-bde", "0x80310039", true},
		{"reserved storage", windows.Conditions{ReservedStorage: true}, "reserved-storage", guest.FindingFixed, "disabled", "0x800f0975", false},
		{"updates", windows.Conditions{UpdatesBusySeconds: windows.Forever}, "windows-update", guest.FindingFixed, "waited", "0x800f0975", false},
		{"updates for ever", windows.Conditions{UpdatesBusySeconds: windows.Forever}, "windows-update", guest.FindingFail, "let updates", "0x800f0975", true},
		{"audit mode", windows.Conditions{AuditMode: true}, "audit-mode", guest.FindingFail, "audit mode", "AUDIT", true},
		{"domain member", windows.Conditions{DomainMember: true}, "domain", guest.FindingFail, "leave the domain", "", false},
		{"upgraded", windows.Conditions{Upgraded: true}, "upgraded", guest.FindingFail, "install afresh", "upgraded OS", true},
		{"rearm spent", windows.Conditions{RearmSpent: true}, "rearm", guest.FindingFail, "skip_rearm", "0xc004d307", true},
		{"another sysprep", windows.Conditions{SysprepRunsSeconds: windows.Forever}, "sysprep-running", guest.FindingFail, "wait until", "", false},
		{"a sysprep broken off", windows.Conditions{SysprepBrokenOff: true}, "sysprep-running", guest.FindingFixed, "set to 2 and 7", "GeneralizationState", false},
		{"a provider that is gone", windows.Conditions{LostProviders: []string{"Agent"}}, "sysprep-external", guest.FindingFixed, "deleted", "0x7e", false},
		{"Defender for Endpoint", windows.Conditions{DefenderOnboarded: true}, "defender-endpoint", guest.FindingFail, "offboarding", "", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			g.Conditions(t, c.set)
			wait := 60 // for what passes
			if c.fixed == guest.FindingFail {
				wait = 3
			}
			refuses := func(want bool) {
				t.Helper()
				said := g.Refusals(t)
				if want && !strings.Contains(said, c.refuses) || !want && said != "" {
					t.Errorf("sysprep would say %q", said)
				}
			}
			if c.fixed != guest.FindingOK {
				if f := find(t, c.id, false, wait); f.Severity != guest.FindingFail || f.Remedy == "" || f.Found == "" {
					t.Errorf("without fix: %+v", f)
				}
			}
			refuses(c.refuses != "")
			if c.name == "updates" { // they end while the preflight waits, and not before it has begun
				g.Conditions(t, windows.Conditions{UpdatesBusySeconds: 7})
			}
			if f := find(t, c.id, true, wait); f.Severity != c.fixed || !strings.Contains(f.Remedy, c.remedy) {
				t.Errorf("with fix: %+v", f)
			}
			refuses(c.after)
			if c.fixed == guest.FindingFixed {
				if f := find(t, c.id, true, wait); f.Severity != guest.FindingOK {
					t.Errorf("once more: %+v", f)
				}
			}
		})
	}
}

// sealParameters are those of a template without cloudbase-init.
func (g *machine) sealParameters(t *testing.T) guest.SealParameters {
	t.Helper()
	cloud, _, err := guest.CloudbaseVerify.Do(t.Context(), g.session(t), guest.None{})
	if err != nil {
		t.Fatal(err)
	}
	unattend, err := answerfile.Unattend(answerfile.SysprepAnswers{Product: g.disc.Answers.Product, Language: g.disc.Answers.Language, CloudbaseInit: cloud.Installed})
	if err != nil {
		t.Fatal(err)
	}
	p := guest.SealParameters{
		Unattend: string(unattend), Account: g.disc.User, WinRM: true, Folder: answerfile.GuestFolder, CloudbaseInit: cloud.Installed,
		SysprepTimeoutSeconds: 60, ReleaseTimeoutSeconds: 5,
	}
	if cloud.Installed { // by what was tried before
		p.SetupComplete = cloudbase.SetupComplete(cloudbase.ParseConf(cloud.Conf).Network())
		p.SetupCompleteScript = cloudbase.SetupCompleteScript()
	}
	return p
}

// sysprepFails: the seal's error is the cause from setuperr.log, the guest goes
// on answering, and an image that is spoiled is called so.
func sysprepFails(t *testing.T, g *machine) {
	s := g.session(t)
	for _, c := range []struct {
		name string
		set  windows.Conditions
		code string
		says string
	}{
		{"AppX that cannot be removed", windows.Conditions{AppXOrphans: []string{stray}}, guest.SealAppX, stray},
		{"BitLocker", windows.Conditions{BitLocker: true, DecryptSeconds: windows.Forever}, guest.SealBitLocker, "manage-bde"},
		{"updates", windows.Conditions{UpdatesBusySeconds: windows.Forever}, guest.SealReservedStorage, "reserved storage"},
		{"rearm", windows.Conditions{RearmSpent: true}, guest.SealRearm, "skip_rearm"},
		{"upgraded", windows.Conditions{Upgraded: true}, guest.SealUpgraded, "install afresh"},
		{"DscCore.dll", windows.Conditions{DSCBroken: true}, guest.SealProvider, "SysPrep_Cleanup of DscCore.dll failed with 0x2"},
		{"a provider that is gone", windows.Conditions{LostProviders: []string{"Agent"}}, guest.SealProvider, "0x7e"},
		{"another sysprep", windows.Conditions{SysprepRunsSeconds: windows.Forever}, "sysprep-running", "another sysprep"},
		{"Defender for Endpoint", windows.Conditions{DefenderOnboarded: true}, guest.SealUndeployable, "offboarding"},
	} {
		t.Run(c.name, func(t *testing.T) {
			g.Conditions(t, c.set)
			err := s.Seal(t.Context(), g.sealParameters(t), func(string) {})
			var failure *guest.Error
			if !errors.As(err, &failure) || failure.Code != c.code {
				t.Fatalf("%v, want the code %s", err, c.code)
			}
			says(t, err, c.says)
			if err := g.echo(t.Context()); err != nil {
				t.Errorf("the guest does not answer any more: %v", err)
			}
		})
	}
	t.Run("AppX that the Store has updated is removed", func(t *testing.T) {
		g.Conditions(t, windows.Conditions{AppXUpdated: []string{stray}, Upgraded: true})
		if said := g.Refusals(t); !strings.Contains(said, "upgraded") {
			t.Fatal(said)
		}
		g.Conditions(t, windows.Conditions{AppXUpdated: []string{stray}})
		r, _, err := guest.AppXRemove.Do(context.Background(), s, guest.AppXRemoveParameters{Packages: []string{stray}})
		if err != nil || len(r.Left) != 0 || g.Refusals(t) != "" {
			t.Errorf("%+v, %v, %q", r, err, g.Refusals(t))
		}
	})
}
