//go:build linux

package libvirtapi_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/libvirtapi"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/libvirtapi/libvirttest"
)

// within gives a deadline to what takes a few seconds of TCG, and on a busy host many times that. It only ends what
// hangs, and is shorter than the package's own patience with a libvirt that is away.
func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 150*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// awaitingOff is AwaitOff in the background, and its subscription is in force already.
func awaitingOff(ctx context.Context, t *testing.T, c *libvirtapi.Conn, d libvirtapi.Domain) <-chan error {
	t.Helper()
	w, err := c.Watch(ctx, d)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- w.UntilOff(ctx) }()
	return done
}

func TestGuestPowersOff(t *testing.T) {
	c := libvirttest.Connect(t)
	d := guest(t, c, libvirttest.Guest(t, "first line\r\nsecond\r\nno end", 1, libvirttest.PowerOff))
	ctx := within(t)

	if s, err := c.State(ctx, d); err != nil || s.State != libvirtapi.StatePaused {
		t.Fatalf("before Resume: %v, %v", s, err)
	}
	con, err := c.Console(ctx, d)
	if err != nil {
		t.Fatal(err)
	}
	w, err := c.Watch(ctx, d)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Resume(ctx, d); err != nil {
		t.Fatal(err)
	}
	if err := c.AwaitOff(ctx, d); err != nil {
		t.Fatal(err)
	}

	var lines []string
	for l := range con.Lines() {
		lines = append(lines, l.Text)
		if l.Gap {
			t.Error("a gap in an unbroken console")
		}
	}
	if con.Err() != nil {
		t.Error(con.Err())
	}
	if !slices.Equal(lines, []string{"first line", "second", "no end"}) {
		t.Errorf("console: %q", lines)
	}
	var kinds []libvirtapi.EventKind
	for e := range w.Events() {
		kinds = append(kinds, e.Kind)
		if e.Kind == libvirtapi.EventStopped {
			if e.Detail != libvirtapi.DetailShutdown {
				t.Errorf("stopped by %q", e.Detail)
			}
			w.Close()
		}
	}
	want := []libvirtapi.EventKind{libvirtapi.EventState, libvirtapi.EventResumed, libvirtapi.EventShutdown, libvirtapi.EventStopped}
	if !slices.Equal(kinds, want) {
		t.Errorf("events %v, want %v", kinds, want)
	}
	if s, err := c.State(ctx, d); err != nil || s != (libvirtapi.DomainState{State: libvirtapi.StateOff, Reason: libvirtapi.ReasonShutdown}) {
		t.Errorf("after: %v, %v", s, err)
	}
	// Off already: the answer comes from the state.
	if err := c.AwaitOff(ctx, d); err != nil {
		t.Error(err)
	}
}

func TestAwaitOffTellsForceFromPowerOff(t *testing.T) {
	c := libvirttest.Connect(t)
	d := guest(t, c, libvirttest.Guest(t, "", 1, libvirttest.Halt))
	ctx := within(t)
	done := awaitingOff(ctx, t, c, d)
	libvirttest.Virsh(t, "destroy", d.Name)
	var off *libvirtapi.OffError
	if err := <-done; !errors.As(err, &off) || off.Kind != libvirtapi.EventStopped || off.Detail != "destroyed" {
		t.Errorf("while it ran: %v", err)
	}
	if err := c.AwaitOff(ctx, d); !errors.As(err, &off) || off.Detail != libvirtapi.ReasonDestroyed {
		t.Errorf("afterwards: %v", err)
	}
}

func TestAwaitOffSeesACrash(t *testing.T) {
	c := libvirttest.Connect(t)
	// The ISA panic device is the Hyper-V one's sister that TCG has as well.
	d := guest(t, c, libvirttest.Guest(t, "", 1, libvirttest.Panic), func(doc string) string {
		doc = strings.Replace(doc, "<on_crash>destroy", "<on_crash>preserve", 1)
		return strings.Replace(doc, "</devices>", `<panic model="isa"/></devices>`, 1)
	})
	ctx := within(t)
	done := awaitingOff(ctx, t, c, d)
	if err := c.Resume(ctx, d); err != nil {
		t.Fatal(err)
	}
	var off *libvirtapi.OffError
	if err := <-done; !errors.As(err, &off) || off.Kind != libvirtapi.EventCrashed {
		t.Errorf("while it ran: %v", err)
	}
	if err := c.AwaitOff(ctx, d); !errors.As(err, &off) || off.Kind != libvirtapi.EventCrashed {
		t.Errorf("afterwards, by state: %v", err)
	}
	// A crashed guest still has a screen, and every time: the daemon may send a picture before it answers the call.
	ctx = t.Context() // on a busy host each takes seconds, and has a limit of its own
	for range 30 {
		var picture bytes.Buffer
		if media, err := c.Screenshot(ctx, d, &picture); err != nil || media == "" || picture.Len() < 1000 {
			t.Fatalf("screenshot: %q, %d bytes, %v", media, picture.Len(), err)
		}
	}
}

// A guest whose disk can't grow any more is stopped by QEMU, and told at once.
func TestAwaitOffSeesAFullDisk(t *testing.T) {
	c := libvirttest.Connect(t)
	_, dir := libvirttest.SmallPool(t, "1m")
	sector := libvirttest.Guest(t, "", 1, libvirttest.Fill)
	disk := filepath.Join(dir, "grows.img")
	if err := os.WriteFile(disk, sector, 0o666); err != nil {
		t.Fatal(err)
	}
	const size = 4 << 20
	if err := os.Truncate(disk, size); err != nil {
		t.Fatal(err)
	}
	d := guest(t, c, sector, func(doc string) string {
		return regexp.MustCompile(`[^"]*/boot\.img`).ReplaceAllLiteralString(doc, disk)
	})
	ctx := within(t)
	done := awaitingOff(ctx, t, c, d)
	if err := c.Resume(ctx, d); err != nil {
		t.Fatal(err)
	}
	var off *libvirtapi.OffError
	if err := <-done; !errors.As(err, &off) || off.Kind != libvirtapi.EventSuspended || !errors.Is(err, libvirtapi.ErrNoSpace) {
		t.Errorf("while it ran: %v", err)
	}
	if err := c.AwaitOff(ctx, d); !errors.Is(err, libvirtapi.ErrNoSpace) {
		t.Errorf("afterwards, by state: %v", err)
	}
	if said := libvirttest.Virsh(t, "domblkerror", d.Name); !strings.Contains(said, "no space") {
		t.Errorf("virsh says of its disks: %q", said)
	}

	// Resumed without room it repeats the write, and is stopped again.
	if err := c.Resume(ctx, d); err != nil {
		t.Fatal(err)
	}
	if err := c.AwaitOff(ctx, d); !errors.Is(err, libvirtapi.ErrNoSpace) {
		t.Errorf("after a resume without room: %v", err)
	}
	// With room it goes on where it was, and no write is lost.
	if out, err := exec.Command("mount", "-o", "remount,size=16m", dir).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if err := c.Resume(ctx, d); err != nil {
		t.Fatal(err)
	}
	const each = 16 * 512 // of what the guest writes at a time
	for at := 0; at < size; {
		image, err := os.ReadFile(disk)
		if err != nil || len(image) != size {
			t.Fatalf("%d bytes, %v", len(image), err)
		}
		for ; at < size && bytes.HasPrefix(image[at:], sector); at += each {
		}
		if ctx.Err() != nil {
			t.Fatalf("the guest has written to %#x of %#x", at, size)
		}
		time.Sleep(100 * time.Millisecond)
	}
	if s, err := c.State(ctx, d); err != nil || s.State != libvirtapi.StateRunning {
		t.Errorf("it is %v, %v", s, err)
	}
	// Who resumes it by hand before us is no harm.
	if err := c.Resume(ctx, d); !errors.Is(err, libvirtapi.ErrState) {
		t.Errorf("a resume of a running guest: %v", err)
	}
}

func TestAwaitOffSeesARemovedDomain(t *testing.T) {
	c := libvirttest.Connect(t)
	ghost := libvirtapi.Domain{Name: "wintemplate-test-none", UUID: "00000000-1111-4222-8333-444444444444"}
	var off *libvirtapi.OffError
	if err := c.AwaitOff(within(t), ghost); !errors.As(err, &off) || off.Kind != libvirtapi.EventUndefined {
		t.Errorf("%v", err)
	}
}

func TestResetIsAnEvent(t *testing.T) {
	c := libvirttest.Connect(t)
	d := guest(t, c, libvirttest.Guest(t, "boot\r\n", 1, libvirttest.Reset))
	ctx := within(t)
	w, err := c.Watch(ctx, d)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	con, err := c.Console(ctx, d)
	if err != nil {
		t.Fatal(err)
	}
	defer con.Close()
	if err := c.Resume(ctx, d); err != nil {
		t.Fatal(err)
	}
	for e := range w.Events() {
		if e.Kind == libvirtapi.EventReboot {
			break
		}
	}
	// The console goes on over the reset.
	for range 2 {
		if l := <-con.Lines(); l.Text != "boot" {
			t.Errorf("line %q", l.Text)
		}
	}
	if ctx.Err() != nil {
		t.Error("no reboot event")
	}
}

func TestConsoleOfADomainThatIsOff(t *testing.T) {
	c := libvirttest.Connect(t)
	d := guest(t, c, libvirttest.Guest(t, "", 1, libvirttest.Halt))
	if err := c.Destroy(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Console(within(t), d); !errors.Is(err, libvirtapi.ErrState) {
		t.Errorf("%v", err)
	}
}

func TestSetLink(t *testing.T) {
	c := libvirttest.Connect(t)
	d := guest(t, c, libvirttest.Guest(t, "", 1, libvirttest.Halt))
	mac := buildSpec(libvirtapi.TCG, libvirtapi.BIOS, libvirtapi.VirtioBlk).NIC.MAC
	nic := "52:54:00:12:34:56"
	check := func(want string) {
		t.Helper()
		for _, args := range [][]string{{"domif-getlink", d.Name, nic}, {"domif-getlink", d.Name, nic, "--config"}} {
			if got := libvirttest.Virsh(t, args...); !strings.HasSuffix(got, want) {
				t.Errorf("virsh %v: %s, want %s", args, got, want)
			}
		}
	}
	check("down")
	if err := c.SetLink(t.Context(), d, strings.ToUpper(mac), true); err != nil {
		t.Fatal(err)
	}
	check("up")
	if err := c.SetLink(t.Context(), d, mac, false); err != nil {
		t.Fatal(err)
	}
	check("down")
	if err := c.SetLink(t.Context(), d, "52:54:00:00:00:00", true); !errors.Is(err, libvirtapi.ErrNotFound) {
		t.Errorf("unknown card: %v", err)
	}
}

func TestNamesAreNotTakenTwice(t *testing.T) {
	c := libvirttest.Connect(t)
	d := guest(t, c, libvirttest.Guest(t, "", 1, libvirttest.Halt))
	names, err := c.DomainNames(t.Context())
	if err != nil || !slices.Contains(names, d.Name) {
		t.Errorf("names %q, %v", names, err)
	}
	spec := buildSpec(libvirtapi.TCG, libvirtapi.BIOS, libvirtapi.VirtioBlk)
	spec.Name, spec.UUID, spec.CDs = d.Name, "", nil
	doc, err := libvirtapi.DomainXML(spec)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.DefineDomain(t.Context(), doc); !errors.Is(err, libvirtapi.ErrExists) {
		t.Errorf("same name: %v", err)
	}
	spec.Name, spec.UUID = d.Name+"-b", d.UUID
	if doc, err = libvirtapi.DomainXML(spec); err != nil {
		t.Fatal(err)
	}
	if _, err := c.DefineDomain(t.Context(), doc); !errors.Is(err, libvirtapi.ErrExists) || !strings.Contains(err.Error(), d.Name) {
		t.Errorf("same UUID: %v", err)
	}
	if got, err := c.LookupDomain(t.Context(), d.Name); err != nil || got != d {
		t.Errorf("lookup: %+v, %v", got, err)
	}
}

func TestGoneIsNotFoundAndCleanUpTolerates(t *testing.T) {
	c := libvirttest.Connect(t)
	ghost := libvirtapi.Domain{Name: "wintemplate-test-none", UUID: "00000000-1111-4222-8333-444444444444"}
	ctx := within(t)
	if _, err := c.State(ctx, ghost); !errors.Is(err, libvirtapi.ErrNotFound) {
		t.Errorf("State: %v", err)
	}
	if _, err := c.LookupDomain(ctx, ghost.Name); !errors.Is(err, libvirtapi.ErrNotFound) {
		t.Errorf("LookupDomain: %v", err)
	}
	if err := c.Destroy(ctx, ghost); err != nil {
		t.Errorf("Destroy: %v", err)
	}
	if err := c.Undefine(ctx, ghost); err != nil {
		t.Errorf("Undefine: %v", err)
	}
	if err := c.DeleteVolume(ctx, libvirtapi.Volume{Pool: "none", Name: "none", Path: "/none"}); err != nil {
		t.Errorf("DeleteVolume: %v", err)
	}
	if _, err := c.DomainOwner(ctx, ghost); !errors.Is(err, libvirtapi.ErrNotFound) {
		t.Errorf("DomainOwner: %v", err)
	}
}

func TestHost(t *testing.T) {
	c := libvirttest.Connect(t)
	h, err := c.Host(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	version := libvirttest.Virsh(t, "version")
	for _, want := range []string{"Using library: libvirt " + h.Libvirt.String(), "Running hypervisor: QEMU " + h.QEMU.String()} {
		if !strings.Contains(version, want) {
			t.Errorf("virsh version lacks %q:\n%s", want, version)
		}
	}
	if h.Arch != "x86_64" || h.Session || h.Supported() != nil {
		t.Errorf("%+v, %v", h, h.Supported())
	}
	caps, err := c.DomainCaps(t.Context(), libvirtapi.TCG)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(caps.Missing(libvirtapi.UEFI), caps.Missing(libvirtapi.BIOS)); err != nil {
		t.Errorf("%v: %+v", err, caps)
	}
	if caps.Emulator == "" || !strings.HasPrefix(caps.Machine, "pc-q35-") || caps.MaxCPUs < 2 {
		t.Errorf("%+v", caps)
	}
}

// probeTook is more than a probe takes on a busy host, its few seconds of waiting included, and less than any limit of a
// call to libvirt.
const probeTook = 50 * time.Second

// The probe must agree with what a guest does here, and it must be quick and clean.
func TestProbeKVM(t *testing.T) {
	c := libvirttest.Connect(t)
	pool, _ := libvirttest.Pool(t)
	begin := time.Now()
	p, err := c.ProbeKVM(t.Context(), pool)
	took := time.Since(begin)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s in %s: %s", p.Accelerator, took.Round(time.Millisecond), p.Reason)
	if took > probeTook {
		t.Errorf("took %s", took)
	}
	if (p.Accelerator == libvirtapi.TCG) != (p.Reason != "") {
		t.Errorf("%+v: TCG needs a reason, KVM has none", p)
	}
	names, err := c.DomainNames(t.Context())
	if err != nil || slices.ContainsFunc(names, func(n string) bool { return strings.HasPrefix(n, libvirtapi.ProbeName) }) {
		t.Errorf("left behind: %q, %v", names, err)
	}
	if v := libvirttest.Virsh(t, "vol-list", pool); strings.Contains(v, libvirtapi.ProbeName) {
		t.Errorf("left behind:\n%s", v)
	}
}

// Builds that begin at the same time take turns: a name that another probe has says nothing about KVM.
func TestProbesAtOnce(t *testing.T) {
	pool, _ := libvirttest.Pool(t)
	reasons := make(chan string, 3)
	for range cap(reasons) {
		c := libvirttest.Connect(t)
		go func() {
			p, err := c.ProbeKVM(t.Context(), pool)
			if err != nil {
				p.Reason = "error: " + err.Error()
			}
			reasons <- p.Reason
		}()
	}
	for range cap(reasons) {
		if r := <-reasons; strings.Contains(r, libvirtapi.ProbeName) || strings.HasPrefix(r, "error") {
			t.Errorf("one probe took another for an answer: %s", r)
		}
	}
}
