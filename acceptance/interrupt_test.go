//go:build unix

// A terminal's Ctrl-C reaches a whole process group, which Windows has not.

package acceptance

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// interruptions are the places at which Ctrl-C is pressed: the first line of
// output that matches ends the wait, and After passes before the signal.
var interruptions = []struct {
	name string
	line string
	wait time.Duration
}{
	{"reading the media", `Reading the installation media`, 0},
	{"making the answer disc", `Making the answer disc`, 0},
	{"firmware", `Starting the machine`, 3 * time.Second},
	{"Windows PE", `Setup: partitioning and copying files`, time.Second},
	{"provisioning", `Checking the virtio drivers`, 0},
	{"sealing", `Seal`, 0},
	{"taking the disk out", `Compacting the disk`, 0},
}

// TestInterrupt presses Ctrl-C at every stage of a build and looks for what is
// left: domains, volumes, NVRAM, overlays, processes, temporary files. Three
// builds run at a time; what one leaves carries its machine's name.
func TestInterrupt(t *testing.T) {
	if testing.Short() {
		t.Skip("boots a machine for each stage")
	}
	vars, err := mediaEnv(t.Context(), "$WS2022_")
	if err != nil {
		t.Fatal(err)
	}
	work := t.TempDir()
	if err := os.Mkdir(filepath.Join(work, "tmp"), 0o755); err != nil {
		t.Fatal(err)
	}
	before, err := host(work)
	if err != nil {
		t.Fatal(err)
	}
	t.Run("stages", func(t *testing.T) {
		running := make(chan struct{}, 3)
		for i, at := range interruptions {
			t.Run(at.name, func(t *testing.T) {
				t.Parallel()
				running <- struct{}{}
				defer func() { <-running }()
				name := fmt.Sprintf("interrupted-%d", i)
				out := interrupt(t, work, name, vars, regexp.MustCompile(at.line), at.wait)
				if _, err := os.Stat(filepath.Join(work, name)); err == nil {
					t.Errorf("the output directory is still there:\n%s", out)
				}
			})
		}
	})
	left := settle(t, work, before)
	if len(left) > 0 {
		t.Errorf("left behind:\n  %s", strings.Join(left, "\n  "))
	}
	fmt.Printf("faults interrupt: tried %d, leaks %d\n", len(interruptions), len(left))
}

// settle gives the plugin's processes a moment to end.
func settle(t *testing.T, work string, before state) []string {
	t.Helper()
	var added []string
	for range 240 {
		now, err := host(work)
		if err != nil {
			t.Fatal(err)
		}
		if added = now.since(before); len(added) == 0 {
			return nil
		}
		time.Sleep(250 * time.Millisecond)
	}
	return added
}

// interrupt runs a build, sends SIGINT to its whole process group (as a
// terminal does) when a line of output matches, and returns the output.
func interrupt(t *testing.T, work, name string, vars []string, line *regexp.Regexp, wait time.Duration) string {
	t.Helper()
	values := map[string]string{}
	for _, v := range vars {
		k, val, _ := strings.Cut(v, "=")
		values[k] = val
	}
	cmd := exec.Command(env.packer, "build", "-color=false",
		"-var", "iso_url="+values["WS2022_ISO"], "-var", "drivers_iso_url="+values["WS2022_DRIVERS"],
		"-var", "cloudbase_init="+values["WS2022_CBI"], "-var", "name="+name, filepath.Join(env.root, "acceptance", "testdata", "interrupt.pkr.hcl"))
	cmd.Dir = work
	cmd.Env = append(append(os.Environ(), packerEnv(work)...), "TMPDIR="+filepath.Join(work, "tmp"))
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	watch := &watcher{line: line, seen: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = watch, watch
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case <-watch.seen:
	case err := <-ended:
		t.Fatalf("the build ended (%v) before a line matched %q:\n%s", err, line, watch)
	case <-time.After(20 * time.Minute):
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		t.Fatalf("no line matched %q in 20 minutes:\n%s", line, watch)
	}
	time.Sleep(wait)
	if err := syscall.Kill(-cmd.Process.Pid, syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-ended:
		if err == nil {
			t.Errorf("an interrupted build reports success")
		}
	case <-time.After(4 * time.Minute):
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		t.Fatalf("the build did not end within 4 minutes of Ctrl-C:\n%s", watch)
	}
	return watch.String()
}

// watcher gathers output and closes seen at the first line that matches.
type watcher struct {
	mu   sync.Mutex
	buf  bytes.Buffer
	line *regexp.Regexp
	seen chan struct{}
	done bool
}

func (w *watcher) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.buf.Write(p)
	if !w.done && w.line.Match(w.buf.Bytes()) {
		w.done = true
		close(w.seen)
	}
	return len(p), nil
}

func (w *watcher) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.buf.String()
}
