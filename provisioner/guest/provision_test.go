package guest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	packersdk "github.com/hashicorp/packer-plugin-sdk/packer"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/guest"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/guest/cloudbase"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/handoff"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/winrm"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/winrm/winrmtest"
)

// answers are a guest: what each operation answers. A function of the
// parameters may answer instead of a value.
type answers map[string]any

type reboots struct{ result any }

// standin is a guest that answers over the real protocol.
type standin struct {
	*winrmtest.Guest
	mu    sync.Mutex
	asked []string
	sent  map[string]json.RawMessage // the last parameters of each operation
	tasks map[string]guest.Envelope
	on    answers
	boot  int
}

func (w *standin) handle(r guest.Request) guest.Envelope {
	w.mu.Lock()
	defer w.mu.Unlock()
	if o, ok := guest.LookupScript(r.Script); !ok || o.Name != r.Operation {
		return failure("unknown-script", "the script is none of ours")
	}
	return w.answer(r.Operation, r.Parameters)
}

func (w *standin) answer(name string, p json.RawMessage) guest.Envelope {
	w.asked = append(w.asked, name)
	w.sent[name] = p
	switch name {
	case "task.start":
		var s guest.TaskStartParameters
		if err := json.Unmarshal(p, &s); err != nil {
			return failure("json", err.Error())
		}
		w.tasks[s.ID] = w.answer(s.Operation, json.RawMessage(s.Parameters))
		return success(guest.TaskStartResult{})
	case "task.status":
		var s guest.TaskParameters
		_ = json.Unmarshal(p, &s)
		b, _ := json.Marshal(w.tasks[s.ID])
		if strings.HasPrefix(s.ID, "seal-") && w.tasks[s.ID].OK {
			return success(guest.TaskStatusResult{State: guest.TaskRunning, Stage: guest.SealStageSealed, BootID: fmt.Sprint(w.boot)})
		}
		return success(guest.TaskStatusResult{State: guest.TaskDone, Envelope: string(b), BootID: fmt.Sprint(w.boot)})
	case "bus.prepare":
		return success(guest.BusPrepareResult{})
	case "task.remove", "task.release":
		return success(guest.None{})
	case "reboot":
		w.boot++
		return success(guest.RebootResult{BootID: fmt.Sprint(w.boot - 1)})
	case "wait-ready":
		if _, given := w.on[name]; !given {
			return success(guest.ReadyResult{Ready: true, BootID: fmt.Sprint(w.boot), ImageState: "IMAGE_STATE_COMPLETE"})
		}
	}
	given, ok := w.on[name]
	if !ok {
		return failure("not-expected", name+" was not expected")
	}
	if f, is := given.(func(json.RawMessage) any); is {
		given = f(p)
	}
	switch v := given.(type) {
	case guest.Failure:
		return guest.Envelope{Error: &v}
	case reboots:
		e := success(v.result)
		e.Reboot = true
		return e
	}
	return success(given)
}

func success(v any) guest.Envelope {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return guest.Envelope{OK: true, Result: b}
}

func failure(code, message string) guest.Envelope {
	return guest.Envelope{Error: &guest.Failure{Code: code, Message: message}}
}

func newWindows(t *testing.T, on answers) *standin {
	t.Helper()
	w := &standin{sent: map[string]json.RawMessage{}, tasks: map[string]guest.Envelope{}, on: on, boot: 1}
	if _, ok := on["facts"]; !ok {
		on["facts"] = server2022
	}
	w.Guest = winrmtest.Start(t, winrm.Config{Start: func(_ context.Context, p winrm.Process) int {
		if p.CommandLine != guest.Launcher() {
			fmt.Fprintln(p.Stderr, "not the launcher")
			return 1
		}
		r, err := guest.DecodeRequest(p.Stdin)
		if err != nil {
			fmt.Fprintln(p.Stderr, err)
			return 1
		}
		_, _ = io.WriteString(p.Stdout, guest.EncodeResult(w.handle(r)))
		return 0
	}})
	return w
}

var server2022 = guest.FactsResult{
	Build: 20348, ProductName: "Windows Server 2022 Standard", Edition: "ServerStandard", InstallationType: "Server",
	UILanguages: []string{"ko-KR"}, TimeZone: "Korea Standard Time", Firmware: "uefi", ImageState: "IMAGE_STATE_COMPLETE", Is64Bit: true, Elevated: true,
}

var discManifest = strings.Repeat("ab", 32)

// generated is what a builder of this plugin hands over.
func (w *standin) generated(run string) map[string]any {
	return map[string]any{
		"Host": w.Host, "Port": fmt.Sprint(w.Port), "User": w.User, "Password": w.Password, "ConnType": "winrm", "PackerRunUUID": run,
		handoff.GuestKey: handoff.Guest{
			CertificateSHA256: hex.EncodeToString(w.Pin[:]), DiscManifestSHA256: discManifest, Build: 20348, Server: true,
			Language: "ko-KR", TimeZone: "Korea Standard Time", Account: "Administrator",
		}.String(),
	}
}

// mark is what the seal of w leaves for the provisioners that follow.
func (w *standin) mark(t *testing.T) mark {
	t.Helper()
	s, err := readSeat(w.generated(t.Name()))
	if err != nil {
		t.Fatal(err)
	}
	s.Build = testBuild["packer_builder_type"] + "." + testBuild["packer_build_name"]
	return sealMark(s)
}

// testBuild is what Packer tells each provisioner of a build.
var testBuild = map[string]string{"packer_builder_type": "wintemplate-libvirt", "packer_build_name": "server"}

// TestMain keeps the marks of sealed guests out of the user's own cache, where those of an earlier run would be met.
func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "wintemplate-cache-")
	if err != nil {
		panic(err)
	}
	_ = os.Setenv("PACKER_CACHE_DIR", dir)
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

func provision(t *testing.T, w *standin, block raw) (ui string, err error) {
	t.Helper()
	var p Provisioner
	if err := p.Prepare(block, testBuild); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	err = p.Provision(t.Context(), &packersdk.BasicUi{Reader: strings.NewReader(""), Writer: &out, ErrorWriter: &out}, nil, w.generated(t.Name()))
	text := out.String()
	if err != nil {
		text += err.Error()
	}
	if strings.Contains(text, w.Password) {
		t.Errorf("the password is in what a person reads: %s", text)
	}
	return out.String(), err
}

var (
	goodDrivers = guest.DriversVerifyResult{OK: true, Drivers: []guest.Driver{{Name: "viostor", Present: true, Version: "100.95"}, {Name: "vioscsi", Present: true}}}
	badDrivers  = guest.DriversVerifyResult{Drivers: []guest.Driver{{Name: "viostor", Present: true, Start: 0}, {Name: "vioscsi", Start: -1}}, Problems: []string{"the storage driver vioscsi is not installed"}}
	goodAgent   = guest.AgentVerifyResult{OK: true, Version: "107.0"}
	badAgent    = guest.AgentVerifyResult{Problems: []string{"the service QEMU-GA is not installed"}}
	msi         = guest.PayloadFindResult{Found: true, Path: `D:\x.msi`, SHA256: strings.Repeat("cd", 32), Size: 10}
)

// once gives first, then the rest for ever.
func once(first, rest any) func(json.RawMessage) any {
	n := 0
	return func(json.RawMessage) any {
		if n++; n == 1 {
			return first
		}
		return rest
	}
}

func TestDrivers(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		block raw
		on    answers
		want  string   // in the error
		asked []string // in this order
		never []string
	}{
		"well": {on: answers{"drivers.verify": goodDrivers, "agent.verify": goodAgent}, never: []string{"payload.find", "task.start"}},
		"repaired, with a restart": {
			on:    answers{"drivers.verify": once(badDrivers, goodDrivers), "payload.find": msi, "drivers.install": reboots{guest.InstallResult{ExitCode: 3010}}, "agent.verify": once(badAgent, goodAgent), "agent.install": guest.InstallResult{}},
			asked: []string{"drivers.verify", "payload.find", "task.start", "drivers.install", "reboot", "drivers.verify", "agent.verify", "payload.find", "agent.install", "agent.verify"},
		},
		"no MSI on the disc, so the single drivers": {
			on: answers{
				"drivers.verify": once(badDrivers, goodDrivers), "agent.verify": goodAgent,
				"payload.find":    once(guest.PayloadFindResult{Searched: []string{`D:\`}, Offered: []string{"drivers/viostor/viostor.inf"}}, guest.PayloadFindResult{Found: true, Path: `D:\drivers\x.inf`}),
				"drivers.install": guest.InstallResult{ExitCode: 259},
			},
			asked: []string{"payload.find", "payload.find", "drivers.install", "payload.find", "drivers.install", "payload.find", "drivers.install", "payload.find", "drivers.install", "drivers.verify"},
		},
		"a Windows that is too old for the MSI": {
			on: answers{
				"facts":          guest.FactsResult{Build: 10240, Is64Bit: true, Elevated: true},
				"drivers.verify": once(badDrivers, goodDrivers), "agent.verify": goodAgent,
				"payload.find":    guest.PayloadFindResult{Found: true, Path: `D:\drivers\x.inf`},
				"drivers.install": guest.InstallResult{},
			},
			asked: []string{"drivers.verify", "payload.find", "drivers.install", "payload.find", "drivers.install", "payload.find", "drivers.install", "payload.find", "drivers.install", "drivers.verify"},
		},
		"no single drivers either": {
			on:   answers{"drivers.verify": badDrivers, "payload.find": guest.PayloadFindResult{Searched: []string{`D:\`}, Offered: []string{"wintemplate/payload/a.msi"}}},
			want: "the answer disc holds no viostor.inf; build it with the drivers for Windows Setup",
		},
		"repair is off":        {block: raw{"repair": false}, on: answers{"drivers.verify": badDrivers}, want: "vioscsi is not installed; repair is off", never: []string{"payload.find"}},
		"agent repair is off":  {block: raw{"repair": false}, on: answers{"drivers.verify": goodDrivers, "agent.verify": badAgent}, want: "QEMU-GA is not installed; repair is off"},
		"no agent is wanted":   {block: raw{"agent": false}, on: answers{"drivers.verify": goodDrivers}, never: []string{"agent.verify"}},
		"one bus is enough":    {block: raw{"both_buses": false}, on: answers{"drivers.verify": badDrivers, "agent.verify": goodAgent}},
		"still broken":         {on: answers{"drivers.verify": badDrivers, "payload.find": msi, "drivers.install": guest.InstallResult{}}, want: "both_buses = false"},
		"the MSI fails":        {on: answers{"drivers.verify": badDrivers, "payload.find": msi, "drivers.install": guest.Failure{Code: "msi", Message: "1603", Detail: "the log"}}, want: "1603 (msi)\nthe log"},
		"the disc lacks it":    {on: answers{"drivers.verify": badDrivers, "payload.find": guest.PayloadFindResult{Searched: []string{`D:\`}, Offered: []string{"wintemplate/payload/a.msi"}}}, want: "The disc holds wintemplate/payload/a.msi"},
		"there is no disc":     {on: answers{"drivers.verify": badDrivers, "payload.find": guest.PayloadFindResult{Searched: []string{`D:\`}}}, want: "virtio-win-gt-x64.msi: no disc of the guest"},
		"agent still broken":   {on: answers{"drivers.verify": goodDrivers, "agent.verify": badAgent, "payload.find": msi, "agent.install": guest.InstallResult{}}, want: "and still the service QEMU-GA"},
		"a 32-bit shell":       {on: answers{"facts": guest.FactsResult{Elevated: true}}, want: "32-bit PowerShell"},
		"no administrator":     {on: answers{"facts": guest.FactsResult{Is64Bit: true}}, want: "LocalAccountTokenFilterPolicy"},
		"sealed already":       {on: answers{"wait-ready": guest.ReadyResult{Ready: true, BootID: "1", ImageState: "IMAGE_STATE_GENERALIZE_RESEAL_TO_OOBE"}}, want: "the guest is sealed"},
		"another build's disc": {on: answers{"wait-ready": guest.Failure{Code: "other-build", Message: "belongs to another build"}}, want: "belongs to another build"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWindows(t, c.on)
			if c.block == nil {
				c.block = raw{}
			}
			_, err := provision(t, w, raw{"drivers": c.block})
			check(t, w, err, c.want, c.asked, c.never)
		})
	}
}

// TestSingleDrivers: every file of a package is checked in the guest, and one
// restart serves them all.
func TestSingleDrivers(t *testing.T) {
	t.Parallel()
	for path, c := range map[string]struct{ restarts, beside int }{`D:\drivers\x.inf`: {1, 1}, `D:\tools\x.msi`: {1, 0}} {
		found := guest.PayloadFindResult{Found: true, Path: path, Beside: []guest.PayloadFile{{Path: `D:\drivers\x.sys`, SHA256: "ab"}}}
		facts := server2022
		if strings.HasSuffix(path, ".inf") {
			facts.Build = 10240
		}
		w := newWindows(t, answers{
			"facts": facts, "drivers.verify": once(badDrivers, goodDrivers), "agent.verify": goodAgent,
			"payload.find": found, "drivers.install": reboots{guest.InstallResult{ExitCode: 3010}},
		})
		if _, err := provision(t, w, raw{"drivers": raw{}}); err != nil {
			t.Fatal(err)
		}
		var restarts int
		for _, name := range w.asked {
			if name == "reboot" {
				restarts++
			}
		}
		var p guest.InstallParameters
		if err := json.Unmarshal(w.sent["drivers.install"], &p); err != nil {
			t.Fatal(err)
		}
		if restarts != c.restarts || p.Path != path || !slices.Equal(p.Beside, found.Beside[:c.beside]) {
			t.Errorf("%d restarts, %+v", restarts, p)
		}
	}
}

func check(t *testing.T, w *standin, err error, want string, asked, never []string) {
	t.Helper()
	if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, expected %q", err, want)
	}
	at := 0
	for _, name := range w.asked {
		if at < len(asked) && name == asked[at] {
			at++
		}
	}
	if at < len(asked) {
		t.Errorf("%s was not asked, or too early: %v", asked[at], w.asked)
	}
	for _, name := range never {
		if slices.Contains(w.asked, name) {
			t.Errorf("%s was asked", name)
		}
	}
}

func TestFurtherBlocks(t *testing.T) {
	t.Parallel()
	evaluation, full := server2022, server2022
	evaluation.Edition = "ServerStandardEval"
	for name, c := range map[string]struct {
		block raw
		on    answers
		want  string
		asked []string
		never []string
		says  string
		sent  map[string]string // the parameters of an operation
	}{
		"edition": {
			block: raw{"edition": raw{"target": "ServerStandard"}},
			on:    answers{"facts": once(evaluation, full), "edition.convert": reboots{guest.EditionConvertResult{From: "ServerStandardEval"}}},
			asked: []string{"task.start", "edition.convert", "reboot", "facts"}, says: "ServerStandardEval has become ServerStandard",
		},
		"edition, already": {
			block: raw{"edition": raw{"target": "ServerStandard"}}, on: answers{"edition.convert": guest.EditionConvertResult{From: "ServerStandard"}}, never: []string{"reboot"}, says: "already",
		},
		"edition of Server Core": {
			block: raw{"edition": raw{"target": "ServerStandardCor"}},
			on:    answers{"facts": once(evaluation, full), "edition.convert": reboots{guest.EditionConvertResult{From: "ServerStandardEval"}}},
			asked: []string{"task.start", "edition.convert", "reboot", "facts"}, says: "ServerStandardEval has become ServerStandard",
		},
		"edition, not after all": {
			block: raw{"edition": raw{"target": "ServerStandard"}}, on: answers{"facts": evaluation, "edition.convert": reboots{guest.EditionConvertResult{}}}, want: "still ServerStandardEval",
		},
		"edition without a known key": {
			block: raw{"edition": raw{"target": "ServerNonsense"}}, on: answers{}, want: "give product_key", never: []string{"edition.convert"},
		},
		"activation": {
			block: raw{"activation": raw{"kms_host": "kms.example:1689", "activate": true}}, on: answers{"activation": guest.ActivationResult{LicenseStatus: 1, Channel: "Volume:GVLK"}}, says: "Volume:GVLK",
			sent: map[string]string{"activation": `{"product_key":"","kms_host":"kms.example","kms_port":1689,"activate":true}`},
		},
		"activation that fails": {
			block: raw{"activation": raw{"activate": true}}, on: answers{"activation": guest.ActivationResult{LicenseStatus: 5, PartialKey: "VMK7H"}}, want: "not licensed after its activation (status 5",
		},
		"remote desktop and firewall": {
			block: raw{"remote_desktop": raw{"nla": false}, "firewall": raw{"groups": []string{"@x,-1"}}},
			on:    answers{"rdp": guest.RDPResult{}, "firewall": guest.FirewallResult{Groups: []guest.FirewallGroup{{Group: "@x,-1", Rules: 3}}}},
			asked: []string{"rdp", "firewall"}, says: "@x,-1: 3 rules",
			sent: map[string]string{"rdp": `{"enable":true,"nla":false}`, "firewall": `{"state":"","groups":["@x,-1"],"ping":false}`},
		},
		"cleanup": {
			block: raw{"cleanup": raw{"page_file": true}},
			on:    answers{"cleanup": reboots{guest.CleanupResult{FreedBytes: 5 << 20, Steps: []guest.Step{{Name: "component-store", Code: 1726}}}}},
			asked: []string{"task.start", "cleanup", "reboot"}, says: "Warning: cleanup: component-store ended with 1726",
			sent: map[string]string{"cleanup": `{"component_store":true,"reset_base":false,"temp":true,"event_logs":true,"hibernation":true,"page_file":true,"trim":true,"timeout_seconds":5400}`},
		},
		"the other way round": {
			block: raw{"cleanup": raw{"component_store": false, "reset_base": true, "temp": false, "event_logs": false, "trim": false, "timeout": "2m"}, "remote_desktop": raw{}, "firewall": raw{"state": "on", "ping": true}},
			on:    answers{"cleanup": guest.CleanupResult{}, "rdp": guest.RDPResult{}, "firewall": guest.FirewallResult{}}, never: []string{"reboot"},
			sent: map[string]string{
				"cleanup": `{"component_store":false,"reset_base":true,"temp":false,"event_logs":false,"hibernation":true,"page_file":false,"trim":false,"timeout_seconds":120}`,
				"rdp":     `{"enable":true,"nla":true}`, "firewall": `{"state":"on","groups":[],"ping":true}`,
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWindows(t, c.on)
			ui, err := provision(t, w, c.block)
			check(t, w, err, c.want, c.asked, c.never)
			for name, parameters := range c.sent {
				if got := string(w.sent[name]); got != parameters {
					t.Errorf("%s was asked with %s, expected %s", name, got, parameters)
				}
			}
			if !strings.Contains(ui, c.says) {
				t.Errorf("%q is not in:\n%s", c.says, ui)
			}
		})
	}
}

// configured answers cloudbase.configure as the guest does.
func configured(p json.RawMessage) any {
	var c guest.CloudbaseConfigureParameters
	_ = json.Unmarshal(p, &c)
	digest := func(s string) string { b := sha256.Sum256([]byte(s)); return hex.EncodeToString(b[:]) }
	return guest.CloudbaseConfigureResult{ConfPath: "a", ConfSHA256: digest(c.Conf), UnattendConfPath: "b", UnattendConfSHA256: digest(c.UnattendConf), ServiceStart: 4}
}

func TestCloudbaseInit(t *testing.T) {
	t.Parallel()
	good := func() answers {
		return answers{"payload.find": msi, "cloudbase.install": guest.CloudbaseInstallResult{Version: "1.1.8", ServiceStart: 4}, "cloudbase.configure": configured}
	}
	t.Run("from the disc", func(t *testing.T) {
		t.Parallel()
		w := newWindows(t, good())
		ui, err := provision(t, w, raw{"cloudbase_init": raw{"cloud": "cloudstack"}})
		check(t, w, err, "", []string{"payload.find", "task.start", "cloudbase.install", "cloudbase.configure"}, []string{"reboot"})
		if !strings.Contains(ui, "cloudbase-init 1.1.8 for cloudstack, disabled until the seal") {
			t.Error(ui)
		}
		var find guest.PayloadFindParameters
		_ = json.Unmarshal(w.sent["payload.find"], &find)
		if find.ManifestSHA256 != discManifest || find.SHA256 != "" || find.Patterns[0] != "wintemplate/payload/CloudbaseInitSetup*.msi" {
			t.Errorf("%+v", find)
		}
		var install guest.InstallParameters
		_ = json.Unmarshal(w.sent["cloudbase.install"], &install)
		if install.SHA256 != msi.SHA256 || !slices.Equal(install.Properties, []string{"RUN_SERVICE_AS_LOCAL_SYSTEM=1"}) {
			t.Errorf("%+v", install)
		}
	})
	t.Run("a client has no Administrator", func(t *testing.T) {
		t.Parallel()
		on := good()
		facts := server2022
		facts.InstallationType, facts.Build = "Client", 22631
		on["facts"] = facts
		w := newWindows(t, on)
		_, err := provision(t, w, raw{"cloudbase_init": raw{"cloud": "cloudstack"}})
		check(t, w, err, "", nil, nil)
		var c guest.CloudbaseConfigureParameters
		_ = json.Unmarshal(w.sent["cloudbase.configure"], &c)
		if !strings.Contains(c.Conf, "username=Admin\r\n") || strings.Contains(c.Conf, "CreateUser") {
			t.Error(c.Conf)
		}
	})
	t.Run("the installer asks for a restart", func(t *testing.T) {
		t.Parallel()
		on := good()
		on["cloudbase.install"] = reboots{guest.CloudbaseInstallResult{}}
		w := newWindows(t, on)
		_, err := provision(t, w, raw{"cloudbase_init": raw{"cloud": "ec2"}})
		check(t, w, err, "", []string{"cloudbase.configure", "reboot", "wait-ready"}, nil)
		var r guest.RebootParameters
		if _ = json.Unmarshal(w.sent["reboot"], &r); !r.CloudbaseInit {
			t.Error("it is not asserted disabled before the restart")
		}
	})
	t.Run("it has run", func(t *testing.T) {
		t.Parallel()
		on := good()
		on["cloudbase.configure"] = func(p json.RawMessage) any {
			r := configured(p).(guest.CloudbaseConfigureResult)
			r.LogBytes = 5
			return r
		}
		w := newWindows(t, on)
		_, err := provision(t, w, raw{"cloudbase_init": raw{"cloud": "nocloud"}})
		check(t, w, err, "has run in the build's machine", nil, nil)
	})
	t.Run("the file is not what was written", func(t *testing.T) {
		t.Parallel()
		on := good()
		for _, file := range []string{"a", "b"} {
			on["cloudbase.configure"] = func(p json.RawMessage) any {
				r := configured(p).(guest.CloudbaseConfigureResult)
				*map[string]*string{r.ConfPath: &r.ConfSHA256, r.UnattendConfPath: &r.UnattendConfSHA256}[file] = "00"
				return r
			}
			w := newWindows(t, on)
			_, err := provision(t, w, raw{"cloudbase_init": raw{"cloud": "nocloud"}})
			check(t, w, err, file+" in the guest has SHA-256 00", nil, nil)
		}
	})
}

// configuredFor is what cloudbase.verify says of a guest with these settings.
func configuredFor(t *testing.T, s cloudbase.Settings) guest.CloudbaseVerifyResult {
	t.Helper()
	files, err := cloudbase.Render(s)
	if err != nil {
		t.Fatal(err)
	}
	return guest.CloudbaseVerifyResult{Installed: true, ServiceStart: 4, Conf: files.Conf, UnattendConf: files.Unattend}
}

func TestSysprep(t *testing.T) {
	t.Parallel()
	verify := configuredFor(t, cloudbase.Settings{Cloud: cloudbase.CloudStack})
	fine := guest.PreflightResult{Findings: []guest.PreflightFinding{{ID: "appx", Severity: guest.FindingOK}}}
	good := func() answers {
		return answers{"cloudbase.verify": verify, "recovery.remove": guest.RecoveryRemoveResult{}, "preflight": fine, "seal": guest.SealResult{}}
	}
	t.Run("sealed, and nothing comes after it", func(t *testing.T) {
		t.Parallel()
		on := good()
		on["preflight"] = once(reboots{guest.PreflightResult{Findings: []guest.PreflightFinding{{ID: "pending-reboot", Severity: guest.FindingFixed}}}}, fine)
		w := newWindows(t, on)
		_, err := provision(t, w, raw{"sysprep": raw{}})
		check(t, w, err, "", []string{"recovery.remove", "preflight", "reboot", "preflight", "seal", "task.release"}, nil)

		var p guest.SealParameters
		_ = json.Unmarshal(w.sent["seal"], &p)
		if !p.WinRM || p.Client || p.Account != "Administrator" || p.SysprepAccount != "Administrator" || !p.CloudbaseInit || p.CertificateSHA256 != hex.EncodeToString(w.Pin[:]) || p.Folder == "" {
			t.Errorf("%+v", p)
		}
		if p.SysprepTimeoutSeconds != 45*60 || p.ReleaseTimeoutSeconds != 15 || p.ResetNetwork {
			t.Errorf("%+v", p)
		}
		var looked guest.PreflightParameters
		if _ = json.Unmarshal(w.sent["preflight"], &looked); looked != (guest.PreflightParameters{Fix: true, Reboots: 1, MaxReboots: 3, WaitSeconds: 600}) {
			t.Errorf("%+v", looked)
		}
		if !strings.Contains(p.Unattend, "Korea Standard Time") || !strings.Contains(p.Unattend, "ko-KR") || !strings.Contains(p.Unattend, "cloudbase-init-unattend.conf") {
			t.Errorf("%s", p.Unattend)
		}
		if !strings.Contains(p.SetupComplete, "-WaitSeconds 180") || p.SetupCompleteScript == "" {
			t.Errorf("%s", p.SetupComplete)
		}
		late := map[string]bool{}
		for _, r := range p.Reverts {
			late[r.ID] = r.Late
		}
		for id, want := range map[string]bool{"no-auto-update": false, "autologon-password": false, "skip-auto-activation": false, "remote-token-filter": true, "winrm-basic": true, "winrm-listener": true, "winrm-certificate": true, "build-folder": true, "winrm-service": true} {
			if got, ok := late[id]; !ok || got != want {
				t.Errorf("the setting %s: late %v, given %v", id, got, ok)
			}
		}
		if _, given := late["bypass-network-page"]; given {
			t.Error("a client's setting is reverted on a server")
		}
		if _, given := late["proxy-server"]; given {
			t.Error("a proxy is taken out although the build set none that must go")
		}

		w.mu.Lock()
		w.asked = nil
		w.mu.Unlock()
		_, err = provision(t, w, raw{"drivers": raw{}})
		if !errors.Is(err, errSealed) && (err == nil || !strings.Contains(err.Error(), "the guest is sealed")) || len(w.asked) > 0 {
			t.Errorf("a later provisioner: %v, asked %v", err, w.asked)
		}
	})
	t.Run("a client, with all that a user may ask for", func(t *testing.T) {
		t.Parallel()
		on := good()
		facts := server2022
		facts.InstallationType, facts.Build = "Client", 22631
		on["facts"] = facts
		on["cloudbase.verify"] = configuredFor(t, cloudbase.Settings{Cloud: cloudbase.CloudStack, Username: "alice"})
		on["network.reset"] = guest.NetworkResetResult{}
		w := newWindows(t, on)
		_, err := provision(t, w, raw{"sysprep": raw{
			"fix": false, "skip_rearm": true, "reset_network": true, "timeout": "10m", "account": "alice",
			"user_locale": "de-DE", "input_locale": "0407:00000407", "full_name": "An Owner", "organization": "An Organization", "kms_host": "kms.example:1700",
		}})
		check(t, w, err, "", []string{"preflight", "network.reset", "seal"}, nil)
		var p guest.SealParameters
		_ = json.Unmarshal(w.sent["seal"], &p)
		if !p.Client || !p.ResetNetwork || p.SysprepTimeoutSeconds != 600 {
			t.Errorf("%+v", p)
		}
		for _, text := range []string{"<Name>alice</Name>", "<UserLocale>de-DE</UserLocale>", "0407:00000407", "An Owner", "An Organization", "kms.example", "1700", "<SkipRearm>1</SkipRearm>"} {
			if !strings.Contains(p.Unattend, text) {
				t.Errorf("%q is not in:\n%s", text, p.Unattend)
			}
		}
		var looked guest.PreflightParameters
		if _ = json.Unmarshal(w.sent["preflight"], &looked); looked.Fix || !looked.SkipRearm {
			t.Errorf("%+v", looked)
		}
	})
	for name, c := range map[string]struct {
		change   func(answers)
		block    raw
		want     string
		unattend string // what sysprep's answer file holds
		never    []string
	}{
		"something unknown behind drive C:": {
			change: func(a answers) {
				a["recovery.remove"] = guest.Failure{Code: "not-recovery", Message: "partition 4 is no recovery partition"}
			},
			want: "partition 4 is no recovery partition", never: []string{"preflight", "seal"},
		},
		"preflight names every cause": {
			change: func(a answers) {
				a["preflight"] = guest.PreflightResult{Findings: []guest.PreflightFinding{{ID: "domain", Severity: guest.FindingFail, Remedy: "leave the domain"}, {ID: "rearm", Severity: guest.FindingFail, Remedy: "install afresh"}}}
			},
			want: "install afresh", never: []string{"seal"},
		},
		"sysprep refuses": {
			change: func(a answers) {
				a["seal"] = guest.Failure{Code: guest.SealBitLocker, Message: "0x80310039", Detail: "its log"}
			},
			want: "0x80310039 (bitlocker)\nits log",
		},
		"without a page file, which a clone gets back": {change: func(a answers) {
			facts := server2022
			facts.PageFileRemoved = true
			a["facts"] = facts
		}, unattend: "/v PagingFiles "},
		"a time zone of the user's": {block: raw{"timezone": "Asia/Tokyo"}, unattend: "Tokyo Standard Time"},
		"a conf that nobody wrote": { // cloudbase-init's own, which its MSI puts there
			change: func(a answers) {
				a["cloudbase.verify"] = guest.CloudbaseVerifyResult{Installed: true, ServiceStart: 2, Conf: "[DEFAULT]\r\nusername=Admin\r\n", UnattendConf: verify.UnattendConf}
			},
			want: "cloudbase-init.conf in the guest: plugins is not set", never: []string{"recovery.remove", "preflight", "seal"},
		},
		"an unattend conf that loops": {
			change: func(a answers) {
				a["cloudbase.verify"] = guest.CloudbaseVerifyResult{Installed: true, ServiceStart: 4, Conf: verify.Conf, UnattendConf: verify.Conf}
			},
			want: "cloudbase-init-unattend.conf in the guest: allow_reboot is not false", never: []string{"seal"},
		},
		"no cloudbase-init": {change: func(a answers) { a["cloudbase.verify"] = guest.CloudbaseVerifyResult{ServiceStart: -1} }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			on := good()
			if c.change != nil {
				c.change(on)
			}
			if c.block == nil {
				c.block = raw{}
			}
			w := newWindows(t, on)
			_, err := provision(t, w, raw{"sysprep": c.block})
			check(t, w, err, c.want, nil, c.never)
			if p := (guest.SealParameters{}); c.unattend != "" && (json.Unmarshal(w.sent["seal"], &p) != nil || !strings.Contains(p.Unattend, c.unattend)) {
				t.Errorf("%q is not in:\n%s", c.unattend, p.Unattend)
			}
			if marked := w.mark(t).exists(); marked != (c.want == "") {
				t.Errorf("marked as sealed: %v", marked)
			}
		})
	}
}

// In another builder's guest nothing of that builder's is removed; its logon
// can run sysprep.
func TestSysprepOfAnotherBuildersGuest(t *testing.T) {
	t.Parallel()
	for user, account := range map[string]string{"Administrator": "Administrator", `.\packer`: "packer", `WIN-1\packer`: "packer", `CORP\packer`: ""} {
		p := (&Sysprep{}).parameters(&run{seat: seat{User: user}, facts: guest.FactsResult{ComputerName: "WIN-1"}}, guest.CloudbaseVerifyResult{}, nil)
		if p.SysprepAccount != account || (p.NoSysprepAccount == "") != (account != "") || p.Account != "" || p.WinRM || p.CertificateSHA256 != "" {
			t.Errorf("%s: %+v", user, p)
		}
	}
}

func TestGuestThatIsWaitedFor(t *testing.T) {
	t.Parallel()
	w := newWindows(t, answers{"drivers.verify": goodDrivers, "agent.verify": goodAgent})
	w.Commit(winrm.Mischief{Times: 2, Do: winrm.NotReady})
	w.Commit(winrm.Mischief{Times: 2, Do: winrm.Unauthorized})
	w.Commit(winrm.Mischief{Operation: "Receive", After: 3, Times: 1, Do: winrm.Reset})
	_, err := provision(t, w, raw{"drivers": raw{}})
	check(t, w, err, "", nil, nil)
}

func TestWrongPassword(t *testing.T) {
	t.Parallel()
	w := newWindows(t, answers{})
	generated := w.generated(t.Name())
	generated["Password"] = "another-password"
	var p Provisioner
	if err := p.Prepare(raw{"drivers": raw{}, "ready_timeout": "20s"}); err != nil {
		t.Fatal(err)
	}
	err := p.Provision(t.Context(), packersdk.TestUi(t), nil, generated)
	if err == nil || !strings.Contains(err.Error(), "wrong user or password") || w.Locked(w.User) {
		t.Errorf("%v, locked %v", err, w.Locked(w.User))
	}
}

func TestBadHandoff(t *testing.T) {
	t.Parallel()
	for name, generated := range map[string]map[string]any{
		"another version": {handoff.GuestKey: `{"version":99}`},
		"no pin":          {handoff.GuestKey: `{"version":1,"disc_manifest_sha256":"` + discManifest + `"}`},
		"no host":         {handoff.GuestKey: handoff.Guest{CertificateSHA256: discManifest, DiscManifestSHA256: discManifest}.String()},
	} {
		var p Provisioner
		if err := p.Prepare(raw{"drivers": raw{}}); err != nil {
			t.Fatal(err)
		}
		if err := p.Provision(t.Context(), packersdk.TestUi(t), nil, generated); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
}
