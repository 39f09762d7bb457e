package machinetest

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/guest"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/guest/cloudbase"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/windows"
)

const (
	services = `HKLM\SYSTEM\CurrentControlSet\Services\`
	terminal = `HKLM\SYSTEM\CurrentControlSet\Control\Terminal Server`
	active   = `HKLM\SYSTEM\CurrentControlSet\Control\ComputerName\ActiveComputerName`
	update   = `HKLM\SOFTWARE\Policies\Microsoft\Windows\WindowsUpdate\AU`
	version  = `HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion`
	tools    = `wintemplate/tools/`
)

// elsewhere are the operations whose success is seen in another part.
var elsewhere = map[string]string{
	guest.Preflight.Name: "conditions", guest.Reboot.Name: "preflights", guest.Seal.Name: "seal", guest.EditionConvert.Name: "preflights",
	guest.Activation.Name: "preflights", // an evaluation takes no volume key
}

// operations runs each once, through the real client, and looks at what Windows
// is like afterwards by another way.
func operations(t *testing.T, g *machine) {
	s := g.session(t)
	table := map[string]func(t *testing.T){
		guest.Facts.Name: func(t *testing.T) {
			r := do(t, s, guest.Facts, guest.None{})
			if r.Build != 20348 || r.Edition != g.Value(t, version, "EditionID") || r.ComputerName != g.Value(t, active, "ComputerName") || !r.Elevated || r.BootID == "" {
				t.Errorf("%+v", r)
			}
		},
		guest.WaitReady.Name: func(t *testing.T) {
			if r := do(t, s, guest.WaitReady, guest.ReadyParameters{ManifestSHA256: g.disc.ManifestSHA256}); !r.Ready {
				t.Errorf("%+v", r)
			}
			_, _, err := guest.WaitReady.Do(t.Context(), s, guest.ReadyParameters{ManifestSHA256: strings.Repeat("0", 64)})
			says(t, err, "other-build")
		},
		guest.DriversVerify.Name: func(t *testing.T) {
			r := do(t, s, guest.DriversVerify, guest.DriversVerifyParameters{BootServices: []string{"viostor", "vioscsi"}, Services: []string{"netkvm"}})
			if !r.OK || len(r.Drivers) != 3 || g.Value(t, services+"vioscsi", "Start") != "0" {
				t.Errorf("%+v", r)
			}
		},
		guest.DriversInstall.Name: func(t *testing.T) {
			before := strings.Count(g.Logged(t), " address ")
			r := detached(t, s, guest.DriversInstall, g.installer(t, s, "virtio-win-gt-x64.msi"))
			if r.ExitCode != 0 || strings.Count(g.Logged(t), " address ") != before+1 {
				t.Errorf("%+v; the network adapter came back %d times", r, strings.Count(g.Logged(t), " address ")-before)
			}
			// One by one, as where there is no MSI. The last takes the adapter away, too.
			for name, code := range map[string]int{"viostor": 0, "vioscsi": 0, "vioser": 259, "netkvm": 0} {
				p := g.installer(t, s, name+".inf")
				if r := detached(t, s, guest.DriversInstall, p); r.ExitCode != code {
					t.Errorf("%s: %+v", p.Path, r)
				}
			}
			// Again: the adapter has this driver, and stays.
			before = strings.Count(g.Logged(t), " address ")
			if r := detached(t, s, guest.DriversInstall, g.installer(t, s, "netkvm.inf")); r.ExitCode != 259 || strings.Count(g.Logged(t), " address ") != before {
				t.Errorf("a second time: %+v; the network adapter came back %d times", r, strings.Count(g.Logged(t), " address ")-before)
			}
		},
		guest.AgentInstall.Name: func(t *testing.T) {
			if r := detached(t, s, guest.AgentInstall, g.installer(t, s, "qemu-ga-x86_64.msi")); r.ExitCode != 0 || g.Value(t, services+"QEMU-GA", "Start") != "2" {
				t.Errorf("%+v", r)
			}
		},
		guest.AgentVerify.Name: func(t *testing.T) {
			r := do(t, s, guest.AgentVerify, guest.None{})
			// This machine has no port for it, so its service is there and does not run.
			if !r.OK || r.Version == "" || len(r.Services) != 2 || r.Services[0].Running || g.Value(t, services+"QEMU-GA", "Start") != "2" {
				t.Errorf("%+v", r)
			}
		},
		guest.CloudbaseInstall.Name: func(t *testing.T) {
			p := g.installer(t, s, "CloudbaseInitSetup_x64.msi")
			p.Properties = []string{"RUN_SERVICE_AS_LOCAL_SYSTEM=1"}
			if r := detached(t, s, guest.CloudbaseInstall, p); r.ServiceStart != 4 || g.Value(t, services+"cloudbase-init", "Start") != "4" {
				t.Errorf("%+v", r)
			}
		},
		guest.CloudbaseConfigure.Name: func(t *testing.T) {
			files, err := cloudbase.Render(cloudbase.Settings{Cloud: cloudbase.CloudStack, Username: "Admin"})
			if err != nil {
				t.Fatal(err)
			}
			const odd = "# $x `y` 'z' \"q\"\r\n"
			conf, unattend := files.Conf+odd, files.Unattend+odd
			r := do(t, s, guest.CloudbaseConfigure, guest.CloudbaseConfigureParameters{Conf: conf, UnattendConf: unattend})
			if r.ConfSHA256 != sum(conf) || g.FileSHA256(t, r.ConfPath) != sum(conf) || g.FileSHA256(t, r.UnattendConfPath) != sum(unattend) {
				t.Errorf("%+v", r)
			}
		},
		guest.CloudbaseVerify.Name: func(t *testing.T) {
			if r := do(t, s, guest.CloudbaseVerify, guest.None{}); !r.Installed || !strings.Contains(r.Conf, "username=Admin") || r.LogBytes != 0 {
				t.Errorf("%+v", r)
			}
		},
		guest.PayloadFind.Name: func(t *testing.T) {
			r := do(t, s, guest.PayloadFind, guest.PayloadFindParameters{ManifestSHA256: g.disc.ManifestSHA256, Patterns: []string{tools + "*.msi"}})
			if !r.Found || g.FileSHA256(t, r.Path) != r.SHA256 {
				t.Errorf("%+v", r)
			}
		},
		guest.AppXRemove.Name: func(t *testing.T) {
			g.Conditions(t, windows.Conditions{AppX: []string{stray}, AppXOrphans: []string{"Other_1.0_x64__p"}})
			defer g.sound(t)
			r := do(t, s, guest.AppXRemove, guest.AppXRemoveParameters{Packages: []string{stray, "Other_1.0_x64__p"}})
			if len(r.Left) != 1 || strings.Contains(g.Refusals(t), stray) {
				t.Errorf("%+v; sysprep says %q", r, g.Refusals(t))
			}
		},
		guest.TaskStart.Name: func(t *testing.T) {
			p := guest.TaskStartParameters{ID: "a-test", Operation: guest.Facts.Name, Parameters: "{}", Script: guest.Facts.Script, Launcher: launcher(t), TimeoutSeconds: 60}
			r := do(t, s, guest.TaskStart, p)
			if r.Existing || g.Value(t, taskTree+"wintemplate-a-test", "*") != "" {
				t.Errorf("%+v", r)
			}
			if again := do(t, s, guest.TaskStart, p); !again.Existing {
				t.Error("a second start is not refused")
			}
		},
		guest.TaskStatus.Name: func(t *testing.T) {
			var r guest.TaskStatusResult
			for range 100 {
				if r = do(t, s, guest.TaskStatus, guest.TaskParameters{ID: "a-test"}); r.State == guest.TaskDone {
					break
				}
			}
			if r.State != guest.TaskDone || !strings.Contains(r.Envelope, `"system":true`) || r.BootID == "" {
				t.Errorf("%+v", r)
			}
		},
		guest.TaskRelease.Name: func(t *testing.T) {
			do(t, s, guest.TaskRelease, guest.TaskParameters{ID: "a-test"})
			if g.FileSHA256(t, `C:\ProgramData\wintemplate\tasks\a-test\release`) == "" {
				t.Error("nothing tells the task to go on")
			}
		},
		guest.TaskRemove.Name: func(t *testing.T) {
			do(t, s, guest.TaskRemove, guest.TaskParameters{ID: "a-test"})
			if g.Value(t, taskTree+"wintemplate-a-test", "*") != "<none>" || g.FileSHA256(t, `C:\ProgramData\wintemplate\tasks\a-test\result`) != "" {
				t.Error("the task is still there")
			}
		},
		guest.Cleanup.Name: func(t *testing.T) {
			r := do(t, s, guest.Cleanup, guest.CleanupParameters{Temp: true, EventLogs: true, Hibernation: true, Trim: true})
			for _, step := range r.Steps {
				if step.Code != 0 || step.Error != "" {
					t.Errorf("%+v", step)
				}
			}
			// What Windows writes first into a log that was cleared: event 104.
			if len(r.Steps) == 0 || g.FileSHA256(t, `C:\Windows\System32\winevt\Logs\System.evtx`) != sum("104\r\n") {
				t.Errorf("%+v", r)
			}
		},
		guest.Power.Name: func(t *testing.T) {
			r := do(t, s, guest.Power, guest.None{})
			if off := g.Value(t, `HKLM\SYSTEM\CurrentControlSet\Control\Power`, "HibernateEnabled"); len(r.Steps) == 0 || off != "0" {
				t.Errorf("%+v, HibernateEnabled=%s", r, off)
			}
		},
		guest.RDP.Name: func(t *testing.T) {
			r := do(t, s, guest.RDP, guest.RDPParameters{Enable: true, NLA: true})
			if !r.Enabled || !r.NLA || g.Value(t, terminal, "fDenyTSConnections") != "0" {
				t.Errorf("%+v", r)
			}
		},
		guest.Firewall.Name: func(t *testing.T) {
			const rule = "CoreNet-Diag-ICMP4-EchoRequest-In"
			const rules = services + `SharedAccess\Parameters\FirewallPolicy\FirewallRules`
			do(t, s, guest.Firewall, guest.FirewallParameters{Groups: []string{}, Ping: true})
			if found := g.Value(t, rules, rule); !strings.Contains(found, "Active=TRUE") {
				t.Error(found)
			}
		},
		guest.UpdatesPause.Name: func(t *testing.T) {
			r := do(t, s, guest.UpdatesPause, guest.None{})
			if len(r.Services) == 0 || g.Value(t, update, "NoAutoUpdate") != "1" {
				t.Errorf("%+v", r)
			}
		},
		guest.BusPrepare.Name: func(t *testing.T) {
			r := do(t, s, guest.BusPrepare, guest.BusPrepareParameters{BootServices: []string{"viostor", "vioscsi"}, WaitSeconds: 1})
			if len(r.Missing) != 0 || g.Value(t, services+"viostor", "Start") != "0" {
				t.Errorf("%+v", r)
			}
		},
		guest.RecoveryRemove.Name: func(t *testing.T) {
			if r := do(t, s, guest.RecoveryRemove, guest.RecoveryRemoveParameters{Keep: true}); r.SizeAfter == 0 || r.SizeAfter != r.SizeBefore {
				t.Errorf("%+v", r)
			}
		},
		guest.NetworkReset.Name: func(t *testing.T) {
			do(t, s, guest.NetworkReset, guest.None{})
			if list := g.Value(t, version+`\NetworkList\Signatures\Unmanaged\010103000F0000F008000000`, "*"); list != "<none>" {
				t.Error("the build's network is still known")
			}
		},
	}
	for _, o := range guest.Operations() {
		test, here := table[o.Name]
		if part := elsewhere[o.Name]; part != "" && !here {
			continue
		}
		if !here {
			t.Errorf("no case shows that %s succeeds", o.Name)
			continue
		}
		t.Run(o.Name, test)
	}
}

const (
	standard2022 = "VDYBN-27WPP-V4HQT-9VMD4-VMK7H" // Microsoft's public KMS client key
	taskTree     = `HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion\Schedule\TaskCache\Tree\`
)

func do[P, R any](t *testing.T, s *guest.Session, c guest.Call[P, R], p P) R {
	t.Helper()
	r, _, err := c.Do(t.Context(), s, p)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func detached[P, R any](t *testing.T, s *guest.Session, c guest.Call[P, R], p P) R {
	t.Helper()
	r, _, err := c.Detached(t.Context(), s, p, guest.Detachment{})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// installer is a package on the answer disc.
func (g *machine) installer(t *testing.T, s *guest.Session, name string) guest.InstallParameters {
	t.Helper()
	found := do(t, s, guest.PayloadFind, guest.PayloadFindParameters{ManifestSHA256: g.disc.ManifestSHA256, Patterns: []string{"*" + name}})
	if !found.Found {
		t.Fatalf("%s: %+v", name, found)
	}
	p := guest.InstallParameters{Path: found.Path, SHA256: found.SHA256, TimeoutSeconds: 60}
	if strings.HasSuffix(name, ".inf") {
		if p.Beside = found.Beside; len(p.Beside) < 2 {
			t.Fatalf("%s lies there without its .sys and .cat: %+v", found.Path, found)
		}
	}
	return p
}

// launcher is the text of the launcher, as its command line carries it.
func launcher(t *testing.T) string {
	t.Helper()
	words := strings.Fields(guest.Launcher())
	b, err := base64.StdEncoding.DecodeString(words[len(words)-1])
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(string(b), "\x00", "") // UTF-16LE of ASCII
}

func sum(text string) string {
	b := sha256.Sum256([]byte(text))
	return hex.EncodeToString(b[:])
}
