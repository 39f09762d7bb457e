package machinetest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/guest"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/windows"
)

// deliveries: the provisioner brings an installer into the guest by each rung
// of its ladder, and installs cloudbase-init from it.
func deliveries(t *testing.T, g *machine) {
	other := func(t *testing.T, padding int) string {
		t.Helper()
		// Another file than the one on the disc, which the MSI's reader takes
		// all the same: it has something behind its end.
		msi, err := os.ReadFile(g.set.CloudbaseInstaller)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), "CloudbaseInitSetup_x64.msi")
		if err := os.WriteFile(path, append(msi, make([]byte, padding)...), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	config := func(installer string) block {
		b := block{"cloud": "cloudstack"}
		if installer != "" {
			b["installer"] = installer
		}
		return block{"cloudbase_init": b, "ready_timeout": "10m"}
	}
	for _, c := range []struct {
		name      string
		installer string
		host      string // by which the guest is spoken to
		says      []string
	}{
		{"from the disc", "", g.Host, []string{`:\wintemplate\payload\CloudbaseInitSetup_x64.msi`}},
		{"from the disc, by hash", g.set.CloudbaseInstaller, g.Host, []string{`:\wintemplate\payload\CloudbaseInitSetup_x64.msi`}},
		{"pulled over HTTP", other(t, 512), g.Host, []string{"100 % over http", `C:\Windows\Temp\wintemplate-`}},
		{"sent over WinRM", other(t, 1024), "", []string{"100 % over winrm", "It went over WinRM, since the guest could not pull it", `C:\Windows\Temp\wintemplate-`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			there := *g
			if c.host == "" {
				there.VM = g.Loopback()
			}
			said, err := there.provision(t, config(c.installer))
			if err != nil {
				t.Fatal(err)
			}
			for _, text := range c.says {
				if !strings.Contains(said, text) {
					t.Errorf("%q was not said", text)
				}
			}
			if start := g.Value(t, services+"cloudbase-init", "Start"); start != "4" {
				t.Errorf("the service has Start=%s", start)
			}
		})
	}
}

// preflights: the sysprep block stops with cause and remedy, mends, and
// restarts what is mended by that; all of it before anything is sealed.
func preflights(t *testing.T, g *machine) {
	config := func(sysprep block) block { return block{"sysprep": sysprep, "ready_timeout": "10m"} }
	t.Run("stops", func(t *testing.T) {
		g.Conditions(t, windows.Conditions{DomainMember: true, RearmSpent: true, AppX: []string{stray}})
		said, err := g.provision(t, config(block{"fix": false}))
		says(t, err, "preflight: domain", "leave the domain", "preflight: rearm", "skip_rearm", "preflight: appx", stray)
		if strings.Contains(said, "Running sysprep") {
			t.Error("sysprep was run all the same")
		}
	})
	s := g.session(t)
	before := g.answers(t)
	t.Run("mends and restarts, and sysprep fails", func(t *testing.T) {
		g.Conditions(t, windows.Conditions{
			AppX: []string{stray}, BitLocker: true, DecryptSeconds: 1, ReservedStorage: true, SysprepBrokenOff: true, LostProviders: []string{"Agent"},
			UpdatesBusySeconds: 20, RecurringReboot: []string{"file-rename"}, DSCBroken: true,
		})
		// What a conversion to another edition asks for itself is left to the preflight.
		r, reboot, err := guest.EditionConvert.Detached(t.Context(), s, guest.EditionConvertParameters{Target: "ServerStandard", ProductKey: standard2022, TimeoutSeconds: 60}, guest.Detachment{})
		if err != nil || !bool(reboot) || r.From != "ServerStandardEval" {
			t.Fatalf("%+v, %t, %v", r, bool(reboot), err)
		}
		said, err := g.provision(t, config(block{}))
		for _, text := range []string{
			"preflight: appx", "preflight: bitlocker", "preflight: reserved-storage", "preflight: sysprep-running", "preflight: sysprep-external",
			"preflight: windows-update", "preflight: pending-reboot", "Windows is back after", "Warning: preflight: file-rename", "Running sysprep",
		} {
			if !strings.Contains(said, text) {
				t.Errorf("%q was not said", text)
			}
		}
		says(t, err, "sysprep refused: SysPrep_Cleanup of DscCore.dll failed with 0x2", "hr = 0x80070002")
	})
	t.Run("and Windows is another edition afterwards", func(t *testing.T) {
		if after := g.answers(t); after.BootID == before.BootID || g.Value(t, version, "EditionID") != "ServerStandard" {
			t.Errorf("boot ids %s, %s; edition %s", before.BootID, after.BootID, g.Value(t, version, "EditionID"))
		}
	})
	t.Run(guest.Activation.Name, func(t *testing.T) {
		r := do(t, s, guest.Activation, guest.ActivationParameters{ProductKey: standard2022, KMSHost: "kms.example.com", KMSPort: 1689})
		host := g.Value(t, version+`\SoftwareProtectionPlatform`, "KeyManagementServiceName")
		if r.Channel != "Volume:GVLK" || r.PartialKey != "VMK7H" || host != "kms.example.com" {
			t.Errorf("%+v, %s", r, host)
		}
	})
}
