package model

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/answerfile"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/regf"
)

// withoutFirstNetwork is an answer file that does not make the first network
// Private.
func withoutFirstNetwork(_ *world, i *Install) {
	i.Registry = slices.DeleteFunc(i.Registry, func(v RegValue) bool { return strings.HasSuffix(v.Key, `\FirstNetwork`) })
}

// TestPublicNetworkShutsWinRM: on a Public network a rule that is made for
// Private ones lets nobody in (rgl/windows-vagrant#46), and WinRM takes no
// settings. The plugin's own rule is for every profile.
func TestPublicNetworkShutsWinRM(t *testing.T) {
	t.Parallel()
	stays := func(w *world, i *Install) { withoutFirstNetwork(w, i); w.faults.PublicNetwork = true }
	for _, c := range []struct {
		name     string
		change   func(*world, *Install)
		profiles string
		open     bool
	}{
		{"as generated", func(*world, *Install) {}, "", true},
		{"no FirstNetwork, the plugin's rule", withoutFirstNetwork, "", true},
		{"Public by policy, the plugin's rule", stays, "", true},
		{"FirstNetwork Private, a rule for Private", func(*world, *Install) {}, "Domain|Profile=Private", true},
		{"no FirstNetwork, a rule for Private", withoutFirstNetwork, "Domain|Profile=Private", false},
		{"Public by policy, a rule for Private", stays, "Domain|Profile=Private", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, c.change)
			w.bootstrap()
			if !w.open {
				t.Fatal("the bootstrap has not opened WinRM")
			}
			if c.profiles != "" {
				w.controlSet().Create(firewallRulesKey).Set(regf.StringValue(answerfile.WinRMFirewallRule, firewallRule(true, "5986", c.profiles)))
			}
			w.restart()
			if w.open != c.open {
				t.Errorf("WinRM answers: %v, want %v", w.open, c.open)
			}
			err := w.setWSMan("MaxTimeoutms", "60000")
			if public := w.network() == publicNetwork; public != (err != nil) {
				t.Errorf("a Public network: %v; Set-Item: %v", public, err)
			}
		})
	}
}

// TestWinRMNeverAnswers is what else keeps WinRM shut. COM1 tells what it can.
func TestWinRMNeverAnswers(t *testing.T) {
	t.Parallel()
	noNetKVM := func(w *world, i *Install) {
		i.Drivers = slices.DeleteFunc(i.Drivers, func(d Driver) bool { return d.Name == "netkvm" })
		w.params.Installers = slices.DeleteFunc(w.params.Installers, func(i answerfile.Installer) bool { return i.Stage == answerfile.StageDrivers })
		w.params.Network.WaitSeconds = 1
	}
	for _, c := range []struct {
		name   string
		change func(*world, *Install)
		said   string // "" when it goes well
		why    string
	}{
		{"as generated", func(*world, *Install) {}, "", ""},
		{"no NetKVM", noNetKVM, "bootstrap.network fail", "no network adapter"},
		{"no NetKVM, an adapter that Windows knows", func(w *world, i *Install) {
			noNetKVM(w, i)
			w.devices = append(slices.Clone(w.devices), PCIDevice{0x8086, 0x10d3})
		}, "", ""},
		{"NetKVM from the MSI alone", func(_ *world, i *Install) {
			i.Drivers = slices.DeleteFunc(i.Drivers, func(d Driver) bool { return d.Name == "netkvm" })
		}, "", ""},
		{"first-logon script fails", func(w *world, _ *Install) {
			w.faults.MSIExitCodes = map[string]int{"qemu-ga-x86_64.msi": 1603}
		}, "bootstrap.agent fail", "1603"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, c.change)
			err := w.Bootstrap(context.Background())
			if c.said == "" {
				if err != nil || !w.open || !w.said("bootstrap.ready ok") {
					t.Fatalf("%v, WinRM answers: %v", err, w.open)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), c.why) || !w.said(c.said) {
				t.Errorf("%v, beacons %v; want %q: %s", err, w.beacons, c.said, c.why)
			}
			for range 2 {
				if w.open || w.said("bootstrap.ready ok") {
					t.Error("WinRM answers")
				}
				w.restart() // nor after a restart
			}
		})
	}
}

// Nobody is logged on without AutoLogon, and nothing runs the bootstrap.
func TestNoLogonNoWinRM(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(_ *world, i *Install) { i.AutoLogon = nil })
	if user, ok := w.AutoLogon(); ok || w.open {
		t.Errorf("logged on: %q; WinRM answers: %v", user, w.open)
	}
}

// TestNetworkKeepsItsCategory: the policy of the first network makes it Private
// once; that the seal takes the policy back makes no difference to a network
// that is known, nor does a restart.
func TestNetworkKeepsItsCategory(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.bootstrap()
	w.restart()
	w.software.Delete(firstNetworkKey)
	w.restart()
	if w.network() != privateNetwork {
		t.Error("a restart has made the network Public")
	}
}
