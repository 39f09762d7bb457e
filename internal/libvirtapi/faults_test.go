//go:build linux

package libvirtapi_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/libvirtapi"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/libvirtapi/libvirttest"
)

func TestConnectSaysWhatIsWrong(t *testing.T) {
	dir := t.TempDir()
	stale := filepath.Join(dir, "stale")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: stale})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	_ = l.Close()
	tests := []struct {
		uri  string
		kind error
		text string
	}{
		{"qemu:///system?socket=" + filepath.Join(dir, "none"), libvirtapi.ErrUnavailable, "install libvirt"},
		{"qemu:///system?socket=" + stale, libvirtapi.ErrUnavailable, "start the daemon"},
		{"qemu+ssh://root@host/system", libvirtapi.ErrUnsupported, "remote hosts"},
		{"qemu://host/system", libvirtapi.ErrUnsupported, "remote hosts"},
		{"qemu:///session", libvirtapi.ErrUnsupported, "session"},
		{"xen:///system", libvirtapi.ErrUnsupported, "qemu driver"},
		{"qemu:///", libvirtapi.ErrUnsupported, "/system"},
	}
	for _, tt := range tests {
		t.Run(tt.uri, func(t *testing.T) {
			_, err := libvirtapi.Connect(t.Context(), tt.uri)
			if !errors.Is(err, tt.kind) || !strings.Contains(err.Error(), tt.text) {
				t.Errorf("%v", err)
			}
		})
	}
}

// deaf accepts connections and never answers.
func deaf(t *testing.T) string {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "deaf")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() { _, _ = io.Copy(io.Discard, conn) }()
		}
	}()
	return "qemu:///system?socket=" + socket
}

func TestConnectToADaemonThatNeverAnswers(t *testing.T) {
	begin := time.Now()
	_, err := libvirtapi.ConnectImpatient(t.Context(), deaf(t), 300*time.Millisecond, time.Second)
	if !errors.Is(err, libvirtapi.ErrTimeout) {
		t.Errorf("%v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(100*time.Millisecond, cancel)
	if _, err := libvirtapi.Connect(ctx, deaf(t)); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if took := time.Since(begin); took > 20*time.Second { // its usual limit is 30 s
		t.Errorf("took %s", took)
	}
}

func TestCallThatIsNeverAnswered(t *testing.T) {
	p := libvirttest.NewProxy(t)
	c, err := libvirtapi.Connect(t.Context(), p.URI)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	p.Stall()
	patient := c.Impatient(500 * time.Millisecond)
	if _, err := c.DomainNames(t.Context()); !errors.Is(err, libvirtapi.ErrTimeout) {
		t.Errorf("stalled: %v", err)
	}
	p.Flow()
	patient()
	if _, err := c.DomainNames(t.Context()); err != nil {
		t.Errorf("the next call must connect anew: %v", err)
	}
	// A caller who gives up sooner does not take the connection from the others.
	before := p.Accepted()
	p.Stall()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := c.DomainNames(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
	p.Flow()
	if _, err := c.DomainNames(t.Context()); err != nil || p.Accepted() != before {
		t.Errorf("%v; %d connections made, %d before", err, p.Accepted(), before)
	}
}

func TestQuestionsSurviveALostConnection(t *testing.T) {
	p := libvirttest.NewProxy(t)
	c, err := libvirtapi.Connect(t.Context(), p.URI)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for range 5 {
		p.Cut()
		if _, err := c.DomainNames(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	p.Refuse(true)
	p.Cut()
	if _, err := c.DomainNames(t.Context()); !errors.Is(err, libvirtapi.ErrUnavailable) {
		t.Errorf("%v", err)
	}
}

func TestTransferCutInMidStream(t *testing.T) {
	p := libvirttest.NewProxy(t)
	pool, _ := libvirttest.Pool(t)
	c, err := libvirtapi.Connect(t.Context(), p.URI)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	const size = 64 << 20
	v, err := c.CreateVolume(t.Context(), pool, libvirtapi.VolumeSpec{Name: "v", Format: "raw", Capacity: size})
	if err != nil {
		t.Fatal(err)
	}
	ctx := within(t)
	data := bytes.NewReader(noise(t, size))
	if _, err := c.UploadVolume(ctx, v, &tripwire{r: data, after: 20 << 20, do: p.Cut}, size, nil); !errors.Is(err, libvirtapi.ErrDisconnected) {
		t.Errorf("upload: %v", err)
	}
	_, _ = data.Seek(0, io.SeekStart)
	if _, err := c.UploadVolume(ctx, v, data, size, nil); err != nil {
		t.Fatal(err)
	}
	n, err := c.DownloadVolume(ctx, v, &tripwire{after: 20 << 20, do: p.Cut}, nil)
	if err == nil || n == size {
		t.Errorf("download: %d bytes, %v", n, err)
	}
	if n, err := c.DownloadVolume(ctx, v, io.Discard, nil); err != nil || n != size {
		t.Errorf("the next download: %d bytes, %v", n, err)
	}
}

// tripwire does something once, after so many bytes.
type tripwire struct {
	r     io.Reader
	after int
	do    func()
}

func (w *tripwire) count(n int) {
	if w.after > 0 && w.after <= n {
		w.do()
	}
	w.after -= n
}

func (w *tripwire) Read(p []byte) (int, error) {
	n, err := w.r.Read(p)
	w.count(n)
	return n, err
}

func (w *tripwire) Write(p []byte) (int, error) { w.count(len(p)); return len(p), nil }

func TestConsoleSurvivesALostConnection(t *testing.T) {
	p := libvirttest.NewProxy(t)
	c, err := libvirtapi.Connect(t.Context(), p.URI)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	d := guest(t, c, libvirttest.Guest(t, "tick\r\n", 1, libvirttest.Again))
	ctx := within(t)
	con, err := c.Console(ctx, d)
	if err != nil {
		t.Fatal(err)
	}
	defer con.Close()
	if err := c.Resume(ctx, d); err != nil {
		t.Fatal(err)
	}
	await := func(what string, is func(libvirtapi.ConsoleLine) bool) {
		t.Helper()
		for l := range con.Lines() {
			if is(l) {
				return
			}
		}
		t.Fatalf("no %s: %v", what, con.Err())
	}
	tick := func(l libvirtapi.ConsoleLine) bool { return l.Text == "tick" }
	gap := func(l libvirtapi.ConsoleLine) bool { return l.Gap }
	await("first tick", tick)
	p.Cut()
	await("mark of the gap", gap)
	await("tick after the gap", tick)
	// Somebody else takes the console and gives it back.
	other, err := libvirtapi.Connect(ctx, libvirttest.URI(t))
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if _, err := other.Console(ctx, d); err == nil {
		t.Error("the console is ours, and yet another one opened it")
	}
	// The guest ends, so does the console.
	if err := c.Destroy(ctx, d); err != nil {
		t.Fatal(err)
	}
	for range con.Lines() {
	}
	if con.Err() != nil || ctx.Err() != nil {
		t.Errorf("%v, %v", con.Err(), ctx.Err())
	}
}

func TestWatchSurvivesALostConnection(t *testing.T) {
	p := libvirttest.NewProxy(t)
	c, err := libvirtapi.Connect(t.Context(), p.URI)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	d := guest(t, c, libvirttest.Guest(t, "", 10, libvirttest.PowerOff))
	ctx := within(t)
	w, err := c.Watch(ctx, d)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	next := func(kind libvirtapi.EventKind) libvirtapi.Event {
		t.Helper()
		e, open := <-w.Events()
		if !open || e.Kind != kind {
			t.Fatalf("%+v (open %v, %v), want %s", e, open, w.Err(), kind)
		}
		return e
	}
	next(libvirtapi.EventState)
	p.Cut()
	if e := next(libvirtapi.EventState); e.State.State != libvirtapi.StatePaused {
		t.Errorf("%+v", e)
	}

	// The guest powers off while libvirt is away: the state tells it afterwards.
	done := awaitingOff(ctx, t, c, d)
	p.Refuse(true)
	p.Cut()
	libvirttest.Virsh(t, "resume", d.Name)
	for !strings.Contains(libvirttest.Virsh(t, "domstate", d.Name), "shut off") {
		if ctx.Err() != nil {
			t.Fatal("the guest did not power off")
		}
		time.Sleep(100 * time.Millisecond)
	}
	select {
	case err := <-done:
		t.Fatalf("nobody can know yet: %v", err)
	default:
	}
	p.Refuse(false)
	if err := <-done; err != nil {
		t.Error(err)
	}
	if e := next(libvirtapi.EventState); e.State.State != libvirtapi.StateOff || e.State.Reason != libvirtapi.ReasonShutdown {
		t.Errorf("%+v", e)
	}
}

func TestWatchEndsWithItsContext(t *testing.T) {
	c := libvirttest.Connect(t)
	d := guest(t, c, libvirttest.Guest(t, "", 1, libvirttest.Halt))
	ctx, cancel := context.WithCancel(t.Context())
	w, err := c.Watch(ctx, d)
	if err != nil {
		t.Fatal(err)
	}
	con, err := c.Console(ctx, d)
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	for range w.Events() {
	}
	for range con.Lines() {
	}
	if err := errors.Join(w.Err(), con.Err()); err != nil {
		t.Error(err)
	}
}

// The probe's own guest runs, and one that hangs is found out, whatever this machine's KVM does.
func TestProbeTellsAGuestThatHangs(t *testing.T) {
	c := libvirttest.Connect(t)
	pool, dir := libvirttest.Pool(t)
	p, err := c.ProbeAs(t.Context(), pool, libvirtapi.TCG, libvirtapi.ProbeSector(), 2*time.Minute)
	if err != nil || p.Reason != "" {
		t.Errorf("the probe's guest does not run: %+v, %v", p, err)
	}
	begin := time.Now()
	p, err = c.ProbeAs(t.Context(), pool, libvirtapi.KVM, libvirttest.Guest(t, "something else\r\n", 1, libvirttest.Halt), 5*time.Second)
	if err != nil || p.Accelerator != libvirtapi.TCG || p.Reason == "" {
		t.Errorf("%+v, %v", p, err)
	}
	p, err = c.ProbeAs(t.Context(), pool, libvirtapi.TCG, libvirttest.Guest(t, "something else\r\n", 1, libvirttest.Halt), 5*time.Second)
	if err != nil || !strings.Contains(p.Reason, "wrote nothing within") {
		t.Errorf("%+v, %v", p, err)
	}
	if took := time.Since(begin); took > 2*probeTook {
		t.Errorf("took %s", took)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
