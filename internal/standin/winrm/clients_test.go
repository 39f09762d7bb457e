package winrm_test

import (
	"bytes"
	"context"
	"encoding/json"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/winrm"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/winrm/console"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/winrm/pyvenv"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/winrm/winrmtest"
)

type machine struct{}

func (machine) ComputerName() string                     { return "WIN-STANDIN" }
func (machine) AbortShutdown() int                       { return 1116 }
func (machine) Shutdown(bool, time.Duration, string) int { return 0 }

// The server is not only this project's idea of WinRM: two clients that were
// written against Windows, pywinrm and pypsrp, work with it.
func TestOtherPeoplesClients(t *testing.T) {
	python := pyvenv.Python(t, "testdata/requirements.txt")
	var (
		mu        sync.Mutex
		processes []winrm.Process
	)
	powershell := &console.Console{Files: console.NewMemory(), Machine: machine{}}
	g := winrmtest.Start(t, winrm.Config{Start: func(ctx context.Context, p winrm.Process) int {
		mu.Lock()
		processes = append(processes, p)
		mu.Unlock()
		if strings.HasPrefix(p.CommandLine, "powershell") {
			return powershell.Start(ctx, p)
		}
		return winrmtest.Programs(ctx, p)
	}})
	cmd := exec.CommandContext(t.Context(), python, "testdata/clients.py", g.Host, strconv.Itoa(g.Port))
	cmd.Stdin = strings.NewReader(g.Password)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s", err, stderr.String())
	}
	var got map[string]map[string]any
	if err := json.Unmarshal(stdout.Bytes(), &got); err != nil {
		t.Fatalf("%v\n%s", err, stdout.String())
	}
	both := map[string]any{
		"echo":           []any{"a <b> 한국어\r\n", "", 0.},
		"fail":           []any{"", "no\r\n", 3.},
		"silent":         []any{"done", "", 0.},
		"stdin":          []any{"320000", "", 0.},
		"spew":           600000.,
		"closed shell":   2150858843.,
		"wrong password": "refused",
	}
	want := map[string]map[string]any{"pywinrm": {}, "pypsrp": {}}
	for k, v := range both {
		want["pywinrm"][k], want["pypsrp"][k] = v, v
	}
	want["pywinrm"]["console stdin"] = 2147942487.
	want["pywinrm"]["powershell"] = []any{"from WIN-STANDIN\r\n", 0.}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("want (-), seen (+):\n%s", diff)
	}
	if shells, n := g.Open(); shells != 0 || n != 0 {
		t.Errorf("%d shells and %d processes are left", shells, n)
	}
	var blue int
	for _, p := range processes {
		if p.Environment["COLOUR"] == "blue" && p.Directory == `C:\Windows` && p.CodePage == 65001 {
			blue++
		}
	}
	if blue != 5 {
		t.Errorf("%d processes had the shell's environment, folder and code page, want 5", blue)
	}
}
