package acceptance

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/windows"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/windows/discs"
)

const pluginAddress = "github.com/wintemplate/wintemplate"

// env is what every script and every fault run shares.
var env struct {
	packer  string
	plugins string // PACKER_PLUGIN_PATH with this checkout's plugin installed
	root    string // the repository
}

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	work, err := os.MkdirTemp("", "wintemplate-acceptance")
	if err == nil {
		defer os.RemoveAll(work)
		err = prepare(work)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "acceptance:", err)
		return 1
	}
	return m.Run()
}

func prepare(work string) (err error) {
	if env.root, err = filepath.Abs(".."); err != nil {
		return err
	}
	if env.packer, err = exec.LookPath("packer"); err != nil {
		return fmt.Errorf("no packer on PATH; run the tests by make test, which builds it: %w", err)
	}
	plugin := os.Getenv("WINTEMPLATE_PLUGIN")
	if plugin == "" {
		plugin = filepath.Join(work, "packer-plugin-wintemplate")
		build := exec.Command("go", "build", "-trimpath", "-o", plugin, ".")
		build.Dir = env.root
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			return fmt.Errorf("build the plugin: %w\n%s", err, out)
		}
	}
	env.plugins = filepath.Join(work, "plugins")
	install := exec.Command(env.packer, "plugins", "install", "--path", plugin, pluginAddress)
	install.Env = append(os.Environ(), packerEnv(work)...)
	if out, err := install.CombinedOutput(); err != nil {
		return fmt.Errorf("packer plugins install: %w\n%s", err, out)
	}
	// a user who is not root must be able to read the plugins, too
	return os.Chmod(work, 0o755)
}

// packerEnv keeps a run away from what is installed for the person's own
// packer, and gives it folders of its own in which leftovers can be seen.
func packerEnv(work string) []string {
	return []string{
		"PACKER_PLUGIN_PATH=" + env.plugins,
		"PACKER_CONFIG_DIR=" + filepath.Join(work, "config"),
		"PACKER_CACHE_DIR=" + filepath.Join(work, "cache"),
		"PACKER_NO_COLOR=1",
		"CHECKPOINT_DISABLE=1",
	}
}

// media are the discs that the scripts name, made once and cached.
type media struct {
	name string
	opts discs.Options
}

var allMedia = []media{
	{"WS2022", discs.Options{}},
	{"WS2022KO", discs.Options{Language: "ko-KR"}},
	{"WS2025KO", discs.Options{Product: discs.Server2025, Language: "ko-KR"}},
	{"W11", discs.Options{Product: discs.Windows11}},
	{"SYSPREPFAILS", discs.Options{Faults: windows.Faults{SysprepErrors: []string{
		"2026-01-05 10:00:00, Error                 SYSPRP Package Microsoft.MicrosoftEdge.Stable_120.0.2210.61_neutral__8wekyb3d8bbwe was installed for a user, but not provisioned for all users. This package will not function properly in the sysprep image.",
		"2026-01-05 10:00:00, Error                 SYSPRP Failed to remove apps for the current user: 0x80073cf2.",
	}}}},
	{"FREEZESETUP", discs.Options{Faults: windows.Faults{FreezeAfter: "setup.winpe start"}}},
	{"FREEZELOGON", discs.Options{Faults: windows.Faults{FreezeAfter: "bootstrap.drivers start"}}},
	{"FREEZESEAL", discs.Options{Faults: windows.Faults{FreezeAfter: "seal ok"}}},
	{"NOBOOTDRIVERS", discs.Options{Faults: windows.Faults{LoseBootDrivers: true}}},
	{"MSIFAILS", discs.Options{Faults: windows.Faults{MSIExitCodes: map[string]int{"virtio-win-gt-x64.msi": 1603}}}},
}

// mediaEnv makes the media that the text mentions as $NAME_ISO, $NAME_DRIVERS
// or $NAME_CBI and returns them as environment variables.
func mediaEnv(ctx context.Context, text string) ([]string, error) {
	var vars []string
	for _, m := range allMedia {
		if !strings.Contains(text, "$"+m.name+"_") && !strings.Contains(text, "${"+m.name+"_") {
			continue
		}
		set, err := discs.Make(ctx, m.opts)
		if err != nil {
			return nil, fmt.Errorf("make the media %s: %w", m.name, err)
		}
		vars = append(vars,
			m.name+"_ISO="+set.InstallISO,
			m.name+"_DRIVERS="+set.DriversISO,
			m.name+"_CBI="+set.CloudbaseInstaller)
	}
	return vars, nil
}

// serial makes the scripts run one after another, though testscript starts them
// in parallel: two cores under software emulation serve one guest well and two
// badly, and what one build has on the host would be another's leftover.
var serial sync.Mutex

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(e *testscript.Env) error {
			serial.Lock()
			e.Defer(serial.Unlock)
			script, err := os.ReadFile(filepath.Join("testdata", strings.TrimPrefix(filepath.Base(e.WorkDir), "script-")+".txtar"))
			if err != nil {
				return err
			}
			vars, err := mediaEnv(t.Context(), string(script))
			if err != nil {
				return err
			}
			e.Vars = append(e.Vars, packerEnv(e.WorkDir)...)
			e.Vars = append(e.Vars, vars...)
			e.Vars = append(e.Vars, "REPO="+env.root, "PATH="+filepath.Dir(env.packer)+":"+os.Getenv("PATH"))
			before, err := host(e.WorkDir)
			if err != nil {
				return err
			}
			e.Values["before"] = before
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"no-leaks":   noLeaks,
			"no-secrets": noSecrets,
			"json":       jsonField,
		},
	})
}
