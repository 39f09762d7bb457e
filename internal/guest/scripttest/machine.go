// Package scripttest runs the project's PowerShell scripts for tests: by an
// engine that knows Windows PowerShell 5.1's commands, with stateful stubs in
// place of Windows. It is no Windows: what a stub answers is what its author
// believes of Windows.
package scripttest

import (
	"bufio"
	"bytes"
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/powershell"
)

//go:embed testdata
var files embed.FS

// Machine is one pretended Windows: drive C:, a registry, and a scenario that
// says how its programs behave. It is a guest.Runner for the launcher.
type Machine struct {
	engine, dir string
	ownStubs    bool
	scenario    strings.Builder
}

// New makes a machine with nothing in it.
func New(t testing.TB) *Machine {
	t.Helper()
	m := &Machine{engine: powershell.Find(t), dir: t.TempDir()}
	if err := os.Mkdir(filepath.Join(m.dir, "c"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"harness.ps1", "library.ps1", "stub.ps1", "windows.ps1", "signatures.json"} {
		b, err := files.ReadFile("testdata/" + name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(m.dir, name), b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

// OwnStubs has the library's own New-Stub used where the engine has one too. It
// is the one that a Windows PowerShell gets; the environment's WT_OWN_STUBS=1
// does the same for every machine.
func (m *Machine) OwnStubs() *Machine {
	m.ownStubs = true
	return m
}

// Set adds PowerShell that runs before each operation, after the library.
func (m *Machine) Set(script string) *Machine {
	m.scenario.WriteString(script + "\n")
	return m
}

// Disc puts a disc into the drive and returns the folder that is its root.
func (m *Machine) Disc(letter string) string {
	root := filepath.Join(m.dir, "disc-"+letter)
	_ = os.MkdirAll(root, 0o755)
	m.Set(fmt.Sprintf("Add-Disc '%s' '%s'", letter, root))
	return root
}

// Run is the guest's side of the launcher.
func (m *Machine) Run(ctx context.Context, commandLine string, stdin io.Reader, stdout, stderr io.Writer) (int, error) {
	_, encoded, ok := strings.Cut(commandLine, " -EncodedCommand ")
	if !ok {
		return 1, errors.New("only an -EncodedCommand is run here: " + commandLine)
	}
	launcher, err := powershell.Decode(encoded)
	if err != nil {
		return 1, err
	}
	return m.Script(ctx, launcher, stdin, stdout, stderr)
}

// Script runs the text of a script, after the stubs.
func (m *Machine) Script(ctx context.Context, text string, stdin io.Reader, stdout, stderr io.Writer) (int, error) {
	file, err := os.CreateTemp(m.dir, "script-*.ps1")
	if err != nil {
		return 1, err
	}
	defer func() { _ = os.Remove(file.Name()) }()
	if _, err := file.WriteString(text); err != nil {
		return 1, err
	}
	if err := file.Close(); err != nil {
		return 1, err
	}
	scenario := file.Name() + ".scenario.ps1"
	if err := os.WriteFile(scenario, []byte(m.scenario.String()), 0o644); err != nil {
		return 1, err
	}
	defer func() { _ = os.Remove(scenario) }()
	ctx, cancel := context.WithTimeout(ctx, 10*time.Minute) // ends what hangs
	defer cancel()
	arguments := []string{"-NoProfile"}
	if runtime.GOOS == "windows" {
		arguments = append(arguments, "-NonInteractive", "-ExecutionPolicy", "Bypass")
	}
	cmd := exec.CommandContext(ctx, m.engine, append(arguments, "-File", filepath.Join(m.dir, "harness.ps1"), file.Name(), scenario)...)
	cmd.Env = append(powershell.Environment(),
		"PWSH_C="+filepath.Join(m.dir, "c"), "PWSH_REGISTRY="+filepath.Join(m.dir, "registry.json"),
		"PWSH_CALLS="+filepath.Join(m.dir, "calls"), "WT_BEACONS="+filepath.Join(m.dir, "beacons"))
	if m.ownStubs {
		cmd.Env = append(cmd.Env, "WT_OWN_STUBS=1")
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, stdout, stderr
	err = cmd.Run()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) && ctx.Err() == nil {
		return exit.ExitCode(), nil
	}
	return 0, err
}

// Call is one call of a stub.
type Call struct {
	Command    string         `json:"command"`
	Parameters map[string]any `json:"parameters"`
	Args       []any          `json:"args"`
}

// String is the call in one line: a program's arguments as it gets them, a
// command's parameters as JSON.
func (c Call) String() string {
	if c.Args != nil {
		words := []string{c.Command}
		for _, a := range c.Args {
			words = append(words, fmt.Sprint(a))
		}
		return strings.Join(words, " ")
	}
	b, _ := json.Marshal(c.Parameters)
	return c.Command + " " + string(b)
}

// Calls are the calls of every stub since the machine was made; with names,
// only those of these commands.
func (m *Machine) Calls(t testing.TB, names ...string) []Call {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(m.dir, "calls"))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	var calls []Call
	for scan := bufio.NewScanner(bytes.NewReader(b)); scan.Scan(); {
		var c Call
		if err := json.Unmarshal(bytes.TrimPrefix(scan.Bytes(), []byte("\ufeff")), &c); err != nil {
			t.Fatalf("%s: %v", scan.Text(), err)
		}
		if len(names) == 0 {
			calls = append(calls, c)
		}
		for _, n := range names {
			if strings.EqualFold(n, c.Command) {
				calls = append(calls, c)
			}
		}
	}
	return calls
}

// Beacons are the lines that went to COM1, without their prefix.
func (m *Machine) Beacons(t testing.TB) []string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(m.dir, "beacons"))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSpace(string(b)), "\n")
}

// TaskLimits are the seconds after which the task scheduler ends each task that
// was registered.
func (m *Machine) TaskLimits(t testing.TB) map[string]int {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(m.dir, "beacons.limits"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	limits := map[string]int{}
	for scan := bufio.NewScanner(bytes.NewReader(b)); scan.Scan(); {
		var name string
		var seconds int
		if _, err := fmt.Sscan(scan.Text(), &name, &seconds); err != nil {
			t.Fatalf("%s: %v", scan.Text(), err)
		}
		limits[name] = seconds
	}
	return limits
}

// Registry is a value of the registry as it is now, nil when it is not there.
func (m *Machine) Registry(t testing.TB, key, name string) any {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(m.dir, "registry.json"))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	var all map[string]map[string]struct {
		Type  string `json:"type"`
		Value any    `json:"value"`
	}
	if err := json.Unmarshal(bytes.TrimPrefix(b, []byte("\ufeff")), &all); err != nil {
		t.Fatal(err)
	}
	for k, values := range all {
		if !strings.EqualFold(k, key) {
			continue
		}
		for n, v := range values {
			if strings.EqualFold(n, name) {
				return v.Value
			}
		}
	}
	return nil
}

// Path is where a file of drive C: lies on this machine, by any case; the
// path of a file that is not there is as it was asked for.
func (m *Machine) Path(windows string) string {
	path := filepath.Join(m.dir, "c")
	for _, part := range strings.Split(strings.TrimPrefix(strings.ReplaceAll(windows, `\`, "/"), "C:/"), "/") {
		next := filepath.Join(path, part)
		entries, _ := os.ReadDir(path)
		for _, e := range entries {
			if strings.EqualFold(e.Name(), part) {
				next = filepath.Join(path, e.Name())
			}
		}
		path = next
	}
	return path
}

// Put writes a file of drive C:.
func (m *Machine) Put(t testing.TB, windows, text string) {
	t.Helper()
	path := m.Path(windows)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// Has says whether a file or folder of drive C: is there.
func (m *Machine) Has(windows string) bool {
	_, err := os.Stat(m.Path(windows))
	return err == nil
}

// Get reads a file of drive C:.
func (m *Machine) Get(t testing.TB, windows string) string {
	t.Helper()
	b, err := os.ReadFile(m.Path(windows))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
