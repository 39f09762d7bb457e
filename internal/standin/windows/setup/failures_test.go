package setup_test

import (
	"encoding/xml"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/answerfile"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/windows/setup"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/windows"
)

// specializeCommands are the commands of a file's specialize pass.
func specializeCommands(t *testing.T, data []byte, installation string) []setup.Command {
	t.Helper()
	answers, screen := setup.Parse(`C:\Windows\Panther\unattend.xml`, data)
	if screen != nil {
		t.Fatalf("%v (%s)", screen, screen.Log)
	}
	specialized, screen := answers.Specialize(setup.Installed{Type: installation}, func(name string) bool {
		zone, err := windows.LookupTimeZone(name)
		return err == nil && zone.Windows == name
	})
	if screen != nil {
		t.Fatalf("%v (%s)", screen, screen.Log)
	}
	if screen := answers.Check("generalize", installation); screen != nil {
		t.Fatalf("%v (%s)", screen, screen.Log)
	}
	return specialized.Commands
}

// clone is the file for sysprep.
func clone(t *testing.T, build int, installation string) []byte {
	t.Helper()
	product, err := windows.ProductOf(build, installation)
	if err != nil {
		t.Fatal(err)
	}
	a := answerfile.SysprepAnswers{Product: product, Language: "ko-KR", CloudbaseInit: true, PageFile: true, KMSHost: "kms.example"}
	if !product.Server {
		a.Account = "user"
	}
	data, err := answerfile.Unattend(a)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// cloudbaseInitEnds plays a clone's specialize pass in which cloudbase-init ends
// with code.
func cloudbaseInitEnds(t *testing.T, commands []setup.Command, code int) (restarts int, screen *setup.Screen) {
	t.Helper()
	ran := false
	restarts, screen = setup.RunSynchronous(commands, func(c setup.Command) int {
		conditional, ok := setup.ParseConditional(c.Line)
		if !ok {
			return 0
		}
		ran = ran || strings.HasSuffix(conditional.Program, `\Python\Scripts\cloudbase-init.exe`)
		return conditional.Exit(code)
	})
	if !ran {
		t.Error("cloudbase-init was not run")
	}
	return restarts, screen
}

// TestEndlessReboot: cloudbase-init's own Unattend.xml says 2 when it fails, and
// such a clone restarts for ever; the generated one goes on.
func TestEndlessReboot(t *testing.T) {
	const wrong, right = "exit 1 || exit 2", "exit 1 || exit 0"
	for _, c := range []struct {
		build        int
		installation string
	}{{14393, "Server"}, {20348, "Server Core"}, {26100, "Server"}, {19045, "Client"}, {26100, "Client"}} {
		generated := clone(t, c.build, c.installation)
		commands := specializeCommands(t, generated, c.installation)
		for code, want := range map[int]int{0: 1, 1: 0, 2: 0, 255: 0, -1073741819: 0} {
			if restarts, screen := cloudbaseInitEnds(t, commands, code); screen != nil || restarts != want {
				t.Errorf("%d %s: cloudbase-init ends with %d: %d restarts, %v", c.build, c.installation, code, restarts, screen)
			}
		}
		text := string(generated)
		escaped := strings.NewReplacer("&", "&amp;").Replace(right)
		if !strings.Contains(text, escaped) {
			t.Fatalf("%d %s: no %q in the file", c.build, c.installation, right)
		}
		commands = specializeCommands(t, []byte(strings.Replace(text, escaped, wrong, 1)), c.installation)
		if restarts, screen := cloudbaseInitEnds(t, commands, 0); screen != nil || restarts != 1 {
			t.Errorf("cloudbase-init succeeds: %d restarts, %v", restarts, screen)
		}
		if _, screen := cloudbaseInitEnds(t, commands, 1); screen == nil || screen.ID != "endless-reboot" || screen.Pass != "specialize" || screen.Source == "" {
			t.Errorf("cloudbase-init fails: %v, want an endless reboot", screen)
		}
	}
}

// TestRunSynchronous: the codes of WillReboot, as Microsoft documents them.
func TestRunSynchronous(t *testing.T) {
	for _, c := range []struct {
		name     string
		reboot   string
		codes    []int // of one run after another; the last for good
		runs     int
		restarts int
		screen   string
		next     bool // whether the next command is run
	}{
		{"0 goes on", "OnRequest", []int{0}, 1, 0, "", true},
		{"1 restarts and goes on", "OnRequest", []int{1}, 1, 1, "", true},
		{"2 restarts and runs again", "OnRequest", []int{2, 2, 0}, 3, 2, "", true},
		{"2 and then 1", "OnRequest", []int{2, 1}, 2, 2, "", true},
		{"2 for ever", "OnRequest", []int{2}, 20, 20, "endless-reboot", false},
		{"another code", "OnRequest", []int{3}, 1, 0, "command-failed", false},
		{"cmd.exe knows no such program", "OnRequest", []int{9009}, 1, 0, "command-failed", false},
		{"Never", "Never", []int{2}, 1, 0, "", true},
		{"default", "", []int{1}, 1, 0, "", true},
		{"Always", "Always", []int{2}, 1, 1, "", true},
	} {
		runs, next := 0, false
		restarts, screen := setup.RunSynchronous([]setup.Command{{Order: 1, Line: "it", WillReboot: c.reboot}, {Order: 2, Line: "next"}}, func(command setup.Command) int {
			if command.Line == "next" {
				next = true
				return 0
			}
			runs++
			return c.codes[min(runs, len(c.codes))-1]
		})
		id := ""
		if screen != nil {
			id = screen.ID
			if screen.Title == "" || screen.Text == "" || screen.Source == "" || !strings.Contains(screen.Log, "it") {
				t.Errorf("%s: %+v", c.name, screen)
			}
		}
		if runs != c.runs || restarts != c.restarts || id != c.screen || next != c.next {
			t.Errorf("%s: %d runs, %d restarts, screen %q, next command %v; want %d, %d, %q, %v", c.name, runs, restarts, id, next, c.runs, c.restarts, c.screen, c.next)
		}
	}
}

// A command that the installation waits for may not fail it: all of the
// generated commands end with 0 or do not count.
func TestGeneratedCommandsNeverLoop(t *testing.T) {
	for _, version := range []struct {
		build        int
		installation string
	}{{14393, "Server"}, {20348, "Server"}, {26100, "Server"}, {19045, "Client"}, {26100, "Client"}} {
		product, err := windows.ProductOf(version.build, version.installation)
		if err != nil {
			t.Fatal(err)
		}
		a := answerfile.Answers{
			Product: product, Firmware: answerfile.UEFI, Language: "ja-JP",
			Image: answerfile.Image{
				Index: 1, EditionID: "EnterpriseEval", Architecture: "amd64", Languages: []string{"ja-JP"},
				DefaultLanguage: "ja-JP", SetupLanguages: []string{"ja-JP"}, Channel: answerfile.Evaluation, Editions: 1,
			},
		}
		if product.Server {
			a.AdministratorPassword, a.Image.EditionID = "Aa1!-x9-longer", "ServerStandardEval"
		} else {
			a.BuildAccount = &answerfile.LocalAccount{Name: "packer", Password: "Aa1!-x9-longer", Administrator: true}
		}
		data, err := answerfile.Autounattend(a)
		if err != nil {
			t.Fatal(err)
		}
		for code := range 3 {
			commands := specializeCommands(t, data, version.installation)
			if restarts, screen := setup.RunSynchronous(commands, func(setup.Command) int { return code }); screen != nil || restarts != 0 || len(commands) == 0 {
				t.Errorf("%s: code %d: %d restarts, %v", product.Name, code, restarts, screen)
			}
		}
	}
}

func TestParseConditional(t *testing.T) {
	got, ok := setup.ParseConditional(`cmd.exe /c ""C:\Program Files\X\x.exe" --config-file "C:\a b.conf" && exit 1 || exit 2"`)
	if !ok || got.Program != `C:\Program Files\X\x.exe` || got.Exit(0) != 1 || got.Exit(1) != 2 || got.Exit(-1) != 2 {
		t.Errorf("%+v, %v", got, ok)
	}
	for _, other := range []string{"", "cmd.exe /c x", `cmd.exe /c ""x" && exit 1"`, `powershell.exe -Command "x && exit 1 || exit 2"`, `cmd.exe /c ""x" & y && exit 1 || exit 2"`} {
		if got, ok := setup.ParseConditional(other); ok {
			t.Errorf("%s: %+v", other, got)
		}
	}
}

// TestBackToTheStart: a CD that comes first and asks for no key, or a key sent
// at the second start, begins the installation anew.
func TestBackToTheStart(t *testing.T) {
	for name, c := range map[string]struct {
		order  setup.BootOrder
		screen string
	}{
		"disk first, no prompt":               {setup.BootOrder{}, ""},
		"disk first, a key each time":         {setup.BootOrder{Prompt: true, Keys: []int{1, 2, 3}}, ""},
		"CD first, one key":                   {setup.BootOrder{CDFirst: true, Prompt: true, Keys: []int{1}}, ""},
		"CD first, no prompt":                 {setup.BootOrder{CDFirst: true}, "setup-again"},
		"CD first, a key at the second start": {setup.BootOrder{CDFirst: true, Prompt: true, Keys: []int{1, 2}}, "setup-again"},
		"a prompt and nobody there":           {setup.BootOrder{Prompt: true}, "no-boot-device"},
	} {
		screen := c.order.Play()
		switch {
		case screen == nil && c.screen == "":
		case screen == nil || screen.ID != c.screen || screen.Log == "" || screen.Source == "":
			t.Errorf("%s: %+v, want %q", name, screen, c.screen)
		}
	}
}

// The machine that the builder defines starts from its disk first, and the
// install disc without a prompt does not begin anew.
func TestBuildersBootOrder(t *testing.T) {
	files, err := filepath.Glob("../../../libvirtapi/testdata/domain/*-virtio-*.xml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no domains: %v", err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var domain struct {
			Disks []struct {
				Device string `xml:"device,attr"`
				Boot   struct {
					Order int `xml:"order,attr"`
				} `xml:"boot"`
			} `xml:"devices>disk"`
		}
		if err := xml.Unmarshal(data, &domain); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		first := map[string]int{}
		for _, d := range domain.Disks {
			if order := d.Boot.Order; order > 0 && (first[d.Device] == 0 || order < first[d.Device]) {
				first[d.Device] = order
			}
		}
		if first["cdrom"] == 0 || first["disk"] == 0 {
			t.Fatalf("%s: boot orders %v", file, first)
		}
		if screen := (setup.BootOrder{CDFirst: first["cdrom"] < first["disk"]}).Play(); screen != nil {
			t.Errorf("%s: %v (%s)", file, screen, screen.Log)
		}
	}
}
