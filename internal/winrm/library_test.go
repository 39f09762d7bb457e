package winrm_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/packer-plugin-sdk/communicator"
	"github.com/hashicorp/packer-plugin-sdk/multistep"
	packersdk "github.com/hashicorp/packer-plugin-sdk/packer"
	sdkwinrm "github.com/hashicorp/packer-plugin-sdk/sdk-internals/communicator/winrm"
	library "github.com/masterzen/winrm"

	standin "github.com/wintemplate/packer-plugin-wintemplate/internal/standin/winrm"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/winrm/console"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/winrm/winrmtest"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/winrm"
)

func decorator(g *winrmtest.Guest, password string, limits winrm.Limits) func() library.Transporter {
	live := func() winrm.Credentials { return winrm.Credentials{User: g.User, Password: password} }
	return winrm.Decorator(live, g.Pin, winrm.WithLimits(limits), winrm.WithDialer(g.Dial))
}

// libraryClient is masterzen's client with time-outs as Packer sets them:
// OperationTimeout = winrm_timeout, here half an hour.
func libraryClient(t *testing.T, g *winrmtest.Guest, limits winrm.Limits) *library.Client {
	t.Helper()
	params := library.NewParameters("PT30M", "en-US", 153600)
	params.TransportDecorator = decorator(g, g.Password, limits)
	c, err := library.NewClientWithParameters(&library.Endpoint{Host: g.Host, Port: g.Port, HTTPS: true}, "not", "used", params)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestLibraryRuns(t *testing.T) {
	g := winrmtest.Start(t, standin.Config{})
	c := libraryClient(t, g, patient)
	for _, tc := range []struct {
		name, line, stdout, stderr string
		exit                       int
	}{
		{"stdout", "echo <OperationTimeout> 한국어", "<OperationTimeout> 한국어\r\n", "", 0},
		{"stderr and exit code", "fail 실패", "", "실패\r\n", 3},
		{"silent for many operation time-outs", "sleep 2s then", "then", "", 0},
		{"much output", "spew 1000000", pattern(t, 1000000), "", 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			exit, err := c.RunWithContext(t.Context(), tc.line, &stdout, &stderr)
			if err != nil || exit != tc.exit || stdout.String() != tc.stdout || stderr.String() != tc.stderr {
				t.Errorf("exit %d, %v, %.80q, %.80q", exit, err, stdout.String(), stderr.String())
			}
			noLeaks(t, g)
		})
	}
	if n := g.Requests("Receive"); n > 100 {
		t.Errorf("%d Receives", n)
	}
}

// The library's own transport loses faults and then asks for ever.
func TestEachFaultEndsTheLibrarysRun(t *testing.T) {
	for _, deed := range deeds {
		for _, op := range []string{"Create", "Command", "Receive"} {
			t.Run(deed.name+" in "+op, func(t *testing.T) {
				t.Parallel()
				meets(t, deed.do, func(t *testing.T, start starter, limits winrm.Limits, within time.Duration) {
					g := start(t, standin.Config{})
					c := libraryClient(t, g, limits)
					g.Commit(standin.Mischief{Operation: op, Do: deed.do, Code: deed.code})
					var out, errOut bytes.Buffer
					began := time.Now()
					exit, err := c.RunWithContext(t.Context(), "sleep 300ms", &out, &errOut)
					if got := kind(err); got != deed.want {
						t.Errorf("got %s (%v), want %s", got, err, deed.want)
					}
					if exit == 0 {
						t.Error("exit code 0")
					}
					if took := time.Since(began); took > within {
						t.Errorf("took %s", took)
					}
					if n := g.Requests(""); n > 40 {
						t.Errorf("%d requests: something spins", n)
					}
				})
			})
		}
	}
}

func TestPlainHTTPIsRefused(t *testing.T) {
	tr := winrm.Decorator(func() winrm.Credentials { return winrm.Credentials{} }, winrm.Pin{1})()
	err := tr.Transport(&library.Endpoint{Host: "h", Port: 5985})
	if err == nil || !strings.Contains(err.Error(), "winrm_use_ssl") {
		t.Errorf("got %v", err)
	}
}

// Packer makes a new transport at each try; they share one count.
func TestPackersWaitDoesNotLockTheAccount(t *testing.T) {
	g := winrmtest.Start(t, standin.Config{})
	decorate := decorator(g, "wrong", patient)
	for range 20 {
		_, err := sdkwinrm.New(&sdkwinrm.Config{Host: g.Host, Port: g.Port, Https: true, Timeout: time.Minute, TransportDecorator: decorate})
		if !errors.Is(err, winrm.ErrUnauthorized) {
			t.Fatalf("got %v", err)
		}
	}
	if g.Locked(g.User) || g.Requests("") != 0 {
		t.Error("the account is locked, or somebody got in")
	}
}

// The password may be learnt or changed after the decorator was made.
func TestCredentialsAreLive(t *testing.T) {
	g := winrmtest.Start(t, standin.Config{})
	cred := winrm.Credentials{User: g.User, Password: "old"}
	params := library.NewParameters("PT30M", "en-US", 153600)
	params.TransportDecorator = winrm.Decorator(func() winrm.Credentials { return cred }, g.Pin, winrm.WithLimits(patient))
	c, err := library.NewClientWithParameters(&library.Endpoint{Host: g.Host, Port: g.Port, HTTPS: true}, "", "", params)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, _, err := c.RunCmdWithContext(t.Context(), "echo x"); kind(err) != "unauthorized" {
		t.Fatalf("got %v", err)
	}
	cred.Password = g.Password
	if out, _, _, err := c.RunCmdWithContext(t.Context(), "echo x"); err != nil || out != "x\r\n" {
		t.Fatalf("got %q, %v", out, err)
	}
}

// machine is a console.Machine that only remembers.
type machine struct{ restarts int }

func (m *machine) ComputerName() string { return "WIN-STANDIN" }
func (m *machine) AbortShutdown() int   { return 1116 }
func (m *machine) Shutdown(bool, time.Duration, string) int {
	m.restarts++
	return 0
}

// packerGuest is a guest that understands what Packer sends.
func packerGuest(t *testing.T, start starter) (*winrmtest.Guest, *console.Memory) {
	t.Helper()
	disk := console.NewMemory()
	programs := &console.Console{Files: disk, Machine: &machine{}, Next: func(ctx context.Context, p standin.Process) (int, bool) {
		if strings.HasPrefix(p.CommandLine, "sleep ") || strings.HasPrefix(p.CommandLine, "fail ") {
			return winrmtest.Programs(ctx, p), true
		}
		return 0, false
	}}
	return start(t, standin.Config{Start: programs.Start}), disk
}

// connect runs Packer's own step with this project's decorator.
func connect(t *testing.T, g *winrmtest.Guest, limits winrm.Limits) packersdk.Communicator {
	t.Helper()
	state := new(multistep.BasicStateBag)
	state.Put("ui", packersdk.TestUi(t))
	step := &communicator.StepConnectWinRM{
		Config: &communicator.Config{Type: "winrm", WinRM: communicator.WinRM{
			WinRMUser: g.User, WinRMPassword: g.Password, WinRMPort: g.Port, WinRMUseSSL: true,
			WinRMTimeout: 30 * time.Minute, WinRMTransportDecorator: decorator(g, g.Password, limits),
		}},
		Host: func(multistep.StateBag) (string, error) { return g.Host, nil },
	}
	if action := step.Run(t.Context(), state); action != multistep.ActionContinue {
		t.Fatalf("Packer did not connect: %v", state.Get("error"))
	}
	return state.Get("communicator").(packersdk.Communicator)
}

func TestPackersCommunicator(t *testing.T) {
	g, disk := packerGuest(t, winrmtest.Start)
	comm := connect(t, g, patient)

	t.Run("a silent command", func(t *testing.T) {
		var out bytes.Buffer
		cmd := &packersdk.RemoteCmd{Command: "sleep 3s done", Stdout: &out, Stderr: io.Discard}
		if err := comm.Start(t.Context(), cmd); err != nil || cmd.ExitStatus() != 0 || out.String() != "done" {
			t.Errorf("exit %d, %v, %q", cmd.ExitStatus(), err, out.String())
		}
	})
	t.Run("an exit code", func(t *testing.T) {
		cmd := &packersdk.RemoteCmd{Command: "fail x", Stdout: io.Discard, Stderr: io.Discard}
		if err := comm.Start(t.Context(), cmd); err != nil || cmd.ExitStatus() != 3 {
			t.Errorf("exit %d, %v", cmd.ExitStatus(), err)
		}
	})
	t.Run("what the stand-in does not know", func(t *testing.T) {
		var stderr bytes.Buffer
		cmd := &packersdk.RemoteCmd{Command: library.Powershell("Get-Service | Where-Object Status -eq Running"), Stdout: io.Discard, Stderr: &stderr}
		if err := comm.Start(t.Context(), cmd); err != nil || cmd.ExitStatus() != 1 || !strings.Contains(stderr.String(), "Get-Service") {
			t.Errorf("exit %d, %v, %q", cmd.ExitStatus(), err, stderr.String())
		}
	})
	t.Run("upload and download", func(t *testing.T) {
		data := []byte(pattern(t, 100_000))
		if err := comm.Upload("C:/Users/Public/a file.bin", bytes.NewReader(data), nil); err != nil {
			t.Fatal(err)
		}
		if got, _ := disk.ReadFile(`c:\users\public\A File.bin`); !bytes.Equal(got, data) {
			t.Errorf("%d bytes arrived of %d", len(got), len(data))
		}
		var back bytes.Buffer
		if err := comm.Download("C:/Users/Public/a file.bin", &back); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(back.Bytes(), data) {
			t.Errorf("%d bytes came back", back.Len())
		}
	})
	t.Run("upload of a folder", func(t *testing.T) {
		dir := t.TempDir()
		for _, name := range []string{"one.txt", "two.txt"} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(name), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := comm.UploadDir(`C:\dir`, dir+"/", nil); err != nil {
			t.Fatal(err)
		}
		if got, _ := disk.ReadFile(`C:\dir\two.txt`); string(got) != "two.txt" {
			t.Errorf("got %q", got)
		}
	})
	t.Run("a cancelled command", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(200*time.Millisecond, cancel)
		began := time.Now()
		_ = comm.Start(ctx, &packersdk.RemoteCmd{Command: "sleep 60s", Stdout: io.Discard, Stderr: io.Discard})
		if took := time.Since(began); took > 30*time.Second {
			t.Errorf("took %s", took)
		}
	})
	noLeaks(t, g)
}

// A command that is silent for three minutes, shortened: many operation
// time-outs and more than one header time-out's length without a word, with
// the limits in the proportion of the real ones.
func TestPackersCommunicatorWaitsThroughALongSilence(t *testing.T) {
	meets(t, standin.Freeze, func(t *testing.T, start starter, _ winrm.Limits, _ time.Duration) {
		g, _ := packerGuest(t, start)
		comm, err := sdkwinrm.New(&sdkwinrm.Config{Host: g.Host, Port: g.Port, Https: true, Timeout: 30 * time.Minute, TransportDecorator: decorator(g, g.Password, winrm.Limits{Operation: 200 * time.Millisecond, Header: 350 * time.Millisecond})})
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		cmd := &packersdk.RemoteCmd{Command: "sleep 1800ms after", Stdout: &out, Stderr: io.Discard}
		if err := comm.Start(t.Context(), cmd); err != nil || cmd.ExitStatus() != 0 || out.String() != "after" {
			t.Errorf("exit %d, %v, %q", cmd.ExitStatus(), err, out.String())
		}
		if n := g.Requests("Receive"); n < 8 || n > 12 {
			t.Errorf("%d Receives in 1.8 s of silence; each should have been held for 200 ms", n)
		}
	})
}

// Packer has been seen to report success with no file in the guest: winrmcp
// looks at the exit code only, which the library leaves at 0 when the
// connection is reset. Through this transport each loss is an error.
func TestPackersUploadNeverSucceedsFalsely(t *testing.T) {
	for _, deed := range deeds {
		for _, phase := range []struct {
			name  string
			after int // Receives that pass: echo, restore, clean-up
		}{{"the content", 0}, {"the restore", 1}} {
			t.Run(deed.name+" in "+phase.name, func(t *testing.T) {
				t.Parallel()
				meets(t, deed.do, func(t *testing.T, start starter, limits winrm.Limits, within time.Duration) {
					g, _ := packerGuest(t, start)
					comm, err := sdkwinrm.New(&sdkwinrm.Config{Host: g.Host, Port: g.Port, Https: true, Timeout: time.Minute, TransportDecorator: decorator(g, g.Password, limits)})
					if err != nil {
						t.Fatal(err)
					}
					g.Commit(standin.Mischief{Operation: "Receive", Do: deed.do, Code: deed.code, After: phase.after, Times: 3})
					began := time.Now()
					if err := comm.Upload(`C:\x.txt`, strings.NewReader("x"), nil); err == nil {
						t.Error("the upload succeeded")
					}
					if took := time.Since(began); took > within {
						t.Errorf("took %s", took)
					}
				})
			})
		}
	}
}

// A guest that is known to answer no more is not asked, and Packer's
// communicator passes the reason on.
func TestAdmission(t *testing.T) {
	g := winrmtest.Start(t, standin.Config{})
	sealed := errors.New("the guest is sealed")
	var refusal error
	live := func() winrm.Credentials { return winrm.Credentials{User: g.User, Password: g.Password} }
	params := library.NewParameters("PT30M", "en-US", 153600)
	params.TransportDecorator = winrm.Decorator(live, g.Pin, winrm.WithAdmission(func() error { return refusal }))
	c, err := library.NewClientWithParameters(&library.Endpoint{Host: g.Host, Port: g.Port, HTTPS: true}, "not", "used", params)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.RunWithContext(t.Context(), "echo yes", io.Discard, io.Discard); err != nil {
		t.Fatal(err)
	}
	before := g.Requests("Create")
	refusal = sealed
	if _, err := c.RunWithContext(t.Context(), "echo no", io.Discard, io.Discard); !errors.Is(err, sealed) {
		t.Errorf("error is %v", err)
	}
	if n := g.Requests("Create"); n != before {
		t.Errorf("the guest was asked all the same: %d shells after %d", n, before)
	}
}
