package winrm_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	standin "github.com/wintemplate/packer-plugin-wintemplate/internal/standin/winrm"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/winrm/winrmtest"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/winrm"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/winrm/upload"
)

// kind names an error's type, for tables.
func kind(err error) string {
	var (
		fault    *winrm.Fault
		pin      *winrm.PinError
		conn     *winrm.ConnectionError
		silence  *winrm.SilenceError
		protocol *winrm.ProtocolError
	)
	switch {
	case err == nil:
		return "nil"
	case errors.Is(err, winrm.ErrUnauthorized):
		return "unauthorized"
	case errors.As(err, &pin):
		return "pin"
	case errors.As(err, &silence):
		return "silence"
	case errors.As(err, &conn):
		return "connection"
	case errors.As(err, &fault):
		return "fault"
	case errors.As(err, &protocol):
		return "protocol"
	}
	return "untyped: " + err.Error()
}

// deeds are the mischiefs and the error each must end in.
var deeds = []struct {
	name string
	do   standin.Deed
	code uint32
	want string
}{
	{"RST", standin.Reset, 0, "connection"},
	{"EOF", standin.EOF, 0, "connection"},
	{"freeze", standin.Freeze, 0, "silence"},
	{"device not ready", standin.NotReady, 0, "fault"},
	{"shell not found", standin.FaultCode, winrm.CodeShellNotFound, "fault"},
	{"answer lost", standin.ResetAfter, 0, "connection"},
	{"half an answer", standin.Truncated, 0, "connection"},
	{"another server", standin.Garbage, 0, "protocol"},
}

// Each fault, in each operation, ends a Run in a typed error within seconds,
// and what can still be cleaned up in the guest is.
func TestEachFaultEndsARun(t *testing.T) {
	for _, deed := range deeds {
		for _, op := range []string{"Create", "Command", "Send", "Receive"} {
			t.Run(deed.name+" in "+op, func(t *testing.T) {
				t.Parallel()
				meets(t, deed.do, func(t *testing.T, start starter, limits winrm.Limits, within time.Duration) {
					g := start(t, standin.Config{})
					c := client(g, limits)
					g.Commit(standin.Mischief{Operation: op, Do: deed.do, Code: deed.code})
					began := time.Now()
					_, err := c.Run(t.Context(), "cat", strings.NewReader("x"), io.Discard, io.Discard)
					if got := kind(err); got != deed.want {
						t.Errorf("got %s (%v), want %s", got, err, deed.want)
					}
					if took := time.Since(began); took > within {
						t.Errorf("took %s", took)
					}
					if n := g.Requests(""); n > 40 {
						t.Errorf("%d requests: something spins", n)
					}
					if op != "Create" && (deed.do != standin.ResetAfter || op != "Create") {
						noLeaks(t, g)
					}
				})
			})
		}
	}
}

// An upload whose bytes or whose verdict get lost is never a success.
func TestEachFaultFailsAnUpload(t *testing.T) {
	data := bytes.Repeat([]byte("0123456789"), 100_000)
	for _, deed := range deeds {
		for _, op := range []string{"Send", "Receive"} {
			t.Run(deed.name+" in "+op, func(t *testing.T) {
				t.Parallel()
				meets(t, deed.do, func(t *testing.T, start starter, limits winrm.Limits, _ time.Duration) {
					d := &disk{files: map[string][]byte{}}
					g := start(t, standin.Config{Start: d.start})
					c := client(g, limits)
					g.Commit(standin.Mischief{Operation: op, Do: deed.do, Code: deed.code, After: 1 - len(op)%2})
					_, err := c.Upload(t.Context(), `C:\x`, bytes.NewReader(data), int64(len(data)), nil)
					if got := kind(err); got != deed.want {
						t.Errorf("got %s (%v), want %s", got, err, deed.want)
					}
				})
			})
		}
	}
}

func TestOneSilenceIsForgiven(t *testing.T) {
	meets(t, standin.Freeze, func(t *testing.T, start starter, limits winrm.Limits, _ time.Duration) {
		g := start(t, standin.Config{})
		c := client(g, limits)
		g.Commit(standin.Mischief{Operation: "Receive", Do: standin.Freeze, Times: 1})
		var out bytes.Buffer
		if _, err := c.Run(t.Context(), "echo here", nil, &out, nil); err != nil || out.String() != "here\r\n" {
			t.Errorf("got %q, %v", out.String(), err)
		}
	})
}

// The network was away while the answer with the command's end was on its way.
func TestAnEndThatIsLostInASilence(t *testing.T) {
	meets(t, standin.Freeze, func(t *testing.T, start starter, limits winrm.Limits, _ time.Duration) {
		g := start(t, standin.Config{})
		c := client(g, limits)
		g.Commit(standin.Mischief{Operation: "Receive", Do: standin.FreezeAfter, Times: 1})
		_, err := c.Run(t.Context(), "echo here", nil, nil, nil)
		var s *winrm.SilenceError
		if !errors.As(err, &s) || !winrm.IsTransient(err) || !strings.Contains(err.Error(), "knows the command no more") {
			t.Errorf("got %v", err)
		}
	})
}

func TestAnEndThatIsLostAndTheBareCode(t *testing.T) {
	meets(t, standin.Freeze, func(t *testing.T, start starter, limits winrm.Limits, _ time.Duration) {
		g := start(t, standin.Config{})
		c := client(g, limits)
		g.Commit(standin.Mischief{Operation: "Receive", Do: standin.Freeze, Times: 1})
		g.Commit(standin.Mischief{Operation: "Receive", Do: standin.FaultCode, Code: 87, After: 1, Times: 1})
		if _, err := c.Run(t.Context(), "echo here", nil, nil, nil); !winrm.IsTransient(err) {
			t.Errorf("got %v", err)
		}
	})
}

// A fault like it that comes after the guest has answered again is one of its own.
func TestAFaultLongAfterASilence(t *testing.T) {
	for name, between := range map[string]standin.Mischief{
		"output":      {},
		"nothing yet": {Operation: "Receive", Do: standin.FaultCode, Code: winrm.CodeOperationTimeout, After: 1, Times: 1},
	} {
		meets(t, standin.Freeze, func(t *testing.T, start starter, limits winrm.Limits, _ time.Duration) {
			g := start(t, standin.Config{})
			c := client(g, limits)
			g.Commit(standin.Mischief{Operation: "Receive", Do: standin.Freeze, Times: 1})
			if between.Times > 0 {
				g.Commit(between)
			}
			g.Commit(standin.Mischief{Operation: "Receive", Do: standin.FaultCode, Code: 2147942487, After: 2, Times: 1})
			_, err := c.Run(t.Context(), "spew 3000000", nil, io.Discard, nil)
			var s *winrm.SilenceError
			if err == nil || errors.As(err, &s) || winrm.IsTransient(err) {
				t.Errorf("%s: got %v", name, err)
			}
		})
	}
}

func TestAServiceThatAnswersNothingYetAtOnceIsNotAskedWithoutPause(t *testing.T) {
	g := winrmtest.Start(t, standin.Config{})
	c := client(g, patient)
	g.Commit(standin.Mischief{Operation: "Receive", Do: standin.FaultCode, Code: winrm.CodeOperationTimeout, Times: 10})
	if _, err := c.Run(t.Context(), "sleep 500ms", nil, nil, nil); err != nil {
		t.Fatal(err)
	}
	if n := g.Requests("Receive"); n > 15 {
		t.Errorf("%d Receives in about a second", n)
	}
}

func TestEnvelopeQuotaIsAFault(t *testing.T) {
	meets(t, standin.FaultCode, func(t *testing.T, start starter, limits winrm.Limits, _ time.Duration) {
		g := start(t, standin.Config{Quotas: standin.Quotas{EnvelopeBytes: 150_000}})
		c := client(g, limits)
		_, err := c.Run(t.Context(), "count", strings.NewReader(strings.Repeat("x", 400_000)), io.Discard, nil)
		var f *winrm.Fault
		if !errors.As(err, &f) || f.Code != 2150858824 || f.Operation != "Send" {
			t.Errorf("got %v", err)
		}
	})
}

func TestQuotasAreFaults(t *testing.T) {
	g := winrmtest.Start(t, standin.Config{Quotas: standin.Quotas{ShellsPerUser: 1}})
	c := client(g, patient)
	started := make(chan error, 1)
	stdin, end := io.Pipe()
	go func() { _, err := c.Run(t.Context(), "cat", stdin, nil, nil); started <- err }()
	for shells := 0; shells == 0; shells, _ = g.Open() {
		time.Sleep(5 * time.Millisecond)
	}
	_, err := c.Run(t.Context(), "echo x", nil, nil, nil)
	var f *winrm.Fault
	if !errors.As(err, &f) || f.Code != 2150859173 || !strings.Contains(err.Error(), "MaxShellsPerUser") {
		t.Errorf("got %v", err)
	}
	_ = end.Close()
	if err := <-started; err != nil {
		t.Error(err)
	}
}

func TestAnotherCertificateIsRefused(t *testing.T) {
	g := winrmtest.Start(t, standin.Config{})
	for name, pin := range map[string]winrm.Pin{"wrong": {1, 2, 3}, "none": {}} {
		t.Run(name, func(t *testing.T) {
			e := endpoint(g)
			e.Pin = pin
			c := winrm.New(e, winrm.WithLimits(patient))
			_, err := c.Run(t.Context(), "echo x", nil, nil, nil)
			if kind(err) != "pin" || winrm.IsTransient(err) {
				t.Errorf("Run: %v", err)
			}
			if err := c.Probe(t.Context()); kind(err) != "pin" {
				t.Errorf("Probe: %v", err)
			}
		})
	}
	if n := g.Requests(""); n != 0 {
		t.Errorf("%d requests reached the server, with the password in each", n)
	}
}

func TestProbe(t *testing.T) {
	g := winrmtest.Start(t, standin.Config{})
	c := client(g, patient)
	for range 20 {
		if err := c.Probe(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if g.Requests("") != 0 || g.Locked(g.User) {
		t.Error("a probe logged on")
	}
	_ = g.Close()
	if err := c.Probe(t.Context()); kind(err) != "connection" || !winrm.IsTransient(err) {
		t.Errorf("nobody there: %v", err)
	}

	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	e := endpoint(g)
	e.Port = silent.Addr().(*net.TCPAddr).Port
	short := patient
	short.Dial = 300 * time.Millisecond
	began := time.Now()
	err = winrm.New(e, winrm.WithLimits(short)).Probe(t.Context())
	if kind(err) != "connection" || !winrm.IsTransient(err) || time.Since(began) > 30*time.Second {
		t.Errorf("no TLS there: %v after %s", err, time.Since(began))
	}
}

// Waiting for a guest with a wrong password must not lock its account.
func TestAFewRefusedLogonsAndThenAPause(t *testing.T) {
	g := winrmtest.Start(t, standin.Config{})
	e := endpoint(g)
	e.Password = "wrong"
	c := winrm.New(e, winrm.WithLimits(patient))
	var err error
	for range 30 {
		_, err = c.Run(t.Context(), "echo x", nil, nil, nil)
		if kind(err) != "unauthorized" || winrm.IsTransient(err) {
			t.Fatalf("got %v", err)
		}
	}
	if g.Locked(g.User) {
		t.Error("the account is locked")
	}
	for _, word := range []string{"locked out", "wrong user", "KB5020282", g.User} {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("the message does not name %q: %v", word, err)
		}
	}
	if strings.Contains(err.Error(), "wrong\"") || strings.Contains(err.Error(), g.Password) {
		t.Errorf("the message holds a password: %v", err)
	}
	if _, err := winrm.New(endpoint(g)).Run(t.Context(), "echo x", nil, nil, nil); err != nil {
		t.Errorf("the right password, afterwards: %v", err)
	}
}

func TestA401ThatPassesIsForgotten(t *testing.T) {
	g := winrmtest.Start(t, standin.Config{})
	c := client(g, patient)
	for range 4 {
		g.Commit(standin.Mischief{Do: standin.Unauthorized, Times: 2})
		for range 2 {
			if _, err := c.Run(t.Context(), "echo x", nil, nil, nil); kind(err) != "unauthorized" {
				t.Fatalf("got %v", err)
			}
		}
		if _, err := c.Run(t.Context(), "echo x", nil, nil, nil); err != nil {
			t.Fatal(err)
		}
	}
}

func TestPasswordIsNeverShown(t *testing.T) {
	g := winrmtest.Start(t, standin.Config{})
	e := endpoint(g)
	_, err := winrm.New(e, winrm.WithLimits(patient)).Upload(t.Context(), "bad", nil, 0, nil)
	for _, text := range []string{e.String(), sprint("%v", e), sprint("%+v", e), sprint("%#v", e), sprint("%s", e), sprint("%+v", winrm.Credentials{User: e.User, Password: e.Password}), sprint("%#v", winrm.Credentials{Password: e.Password}), err.Error()} {
		if strings.Contains(text, e.Password) {
			t.Errorf("%q holds the password", text)
		}
	}
}

func TestUploadCommandFitsCmd(t *testing.T) {
	if n := len(upload.Command()); n > 8191 {
		t.Errorf("the command line has %d characters; cmd.exe takes 8191", n)
	}
}
