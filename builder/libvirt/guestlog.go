package libvirt

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/beacon"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/libvirtapi"
)

// guestLog follows a running guest: what it says on COM1, shown to the user as
// stages with the time since power-on, and how it ends. Steps wait on it.
type guestLog struct {
	begin time.Time
	now   func() time.Time
	say   func(string)

	mu      sync.Mutex
	changed chan struct{} // closed at the next change
	state   guestState
	// goOn lets a stopped machine run on; nil before it is followed.
	goOn func(context.Context) error
}

// guestState is what is known of the guest at a moment.
type guestState struct {
	// Last is the latest stage heard of, and when; nil when nothing was heard.
	Last   *beacon.Event
	LastAt time.Time
	// Reached are the stages heard of.
	Reached map[string]bool
	// Failed is the first fail beacon.
	Failed *beacon.Event
	// Sealed is true from the start of sysprep on, unless it fails: the build's
	// account goes, the connection closes, and the machine powers off.
	Sealed bool
	// Disturbed is true when somebody asked something of a sealed guest.
	Disturbed bool
	// Begin is the power-on, and Now when this was the state.
	Begin, Now time.Time
	// Refused is the boot option that Secure Boot has refused; empty for none.
	Refused string
	// Ended is true once the machine no longer runs; EndErr then says why,
	// and is nil when the guest powered itself off.
	Ended  bool
	EndErr error
}

func newGuestLog(say func(string), now func() time.Time) *guestLog {
	return &guestLog{
		begin: now(), now: now, say: say,
		changed: make(chan struct{}),
		state:   guestState{Reached: map[string]bool{}},
	}
}

// Now gives the guest's state and a channel that is closed when it changes.
func (g *guestLog) Now() (guestState, <-chan struct{}) {
	g.mu.Lock()
	defer g.mu.Unlock()
	s := g.state
	s.Begin, s.Now = g.begin, g.now()
	s.Reached = map[string]bool{}
	for stage := range g.state.Reached {
		s.Reached[stage] = true
	}
	return s, g.changed
}

func (g *guestLog) change(f func(*guestState)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	f(&g.state)
	close(g.changed)
	g.changed = make(chan struct{})
}

// Elapsed is the time since power-on.
func (g *guestLog) Elapsed() time.Duration { return g.now().Sub(g.begin) }

// follow reads the console until its channel is closed.
func (g *guestLog) follow(lines <-chan libvirtapi.ConsoleLine) {
	for line := range lines {
		if line.Gap {
			g.show("(the console was lost for a moment; lines may be missing)")
			continue
		}
		if e, ok := beacon.Parse(line.Text); ok {
			g.heard(e)
		}
		if m := bootRefusal.FindStringSubmatch(line.Text); m != nil {
			g.change(func(s *guestState) { s.Refused = m[1] + `"` })
		}
	}
}

// bootRefusal is what OVMF prints when Secure Boot does not let a loader start.
var bootRefusal = regexp.MustCompile(`BdsDxe: failed to load (Boot[0-9A-F]{4} "[^"]*?) *".*: Access Denied`)

func (g *guestLog) heard(e beacon.Event) {
	g.change(func(s *guestState) {
		s.Last, s.LastAt = &e, g.now()
		s.Reached[e.Stage] = true
		s.Sealed = seals(s.Sealed, e)
		if e.State == beacon.Fail && s.Failed == nil {
			s.Failed = &e
		}
	})
	if text := stageLine(e); text != "" {
		g.show(text)
	}
}

// seals says whether Windows is being sealed after a beacon. A seal that failed,
// or begins anew, leaves it as open as it was.
func seals(before bool, e beacon.Event) bool {
	switch e.Stage {
	case beacon.SealSysprep:
		// Info says that it is run once more, as the build's account.
		return e.State != beacon.Fail
	case beacon.Seal:
		return e.State == beacon.OK
	}
	return before
}

func (g *guestLog) show(text string) {
	g.say(fmt.Sprintf("[%7s] %s", g.Elapsed().Round(time.Second), text))
}

// stageLine is a beacon in words. The end of a stage is shown only when it
// adds something, since the next stage's beginning says the same.
func stageLine(e beacon.Event) string {
	title := beacon.Title(e.Stage)
	if e.Text != "" {
		title += ": " + e.Text
	}
	switch e.State {
	case beacon.Start:
		return title
	case beacon.Info:
		if e.Text != "" { // else it is for the build alone
			return title
		}
	case beacon.Fail:
		return "FAILED: " + title
	case beacon.OK:
		if e.Stage == beacon.BootstrapReady || e.Text != "" {
			return title
		}
	}
	return ""
}

// trouble is a reason to stop waiting for a guest that should be running: it
// says that it failed, or it does not run any more.
func (s guestState) trouble() error {
	switch {
	case s.Failed != nil:
		return fmt.Errorf("the guest reports a failure in %q: %s", beacon.Title(s.Failed.Stage), orElse(s.Failed.Text, "no reason given"))
	case s.Refused != "":
		return fmt.Errorf(`secure_boot: the machine's firmware refused to start %s (Access Denied): the boot loader is not signed by a key that this OVMF holds; take Microsoft's own ISO and a current OVMF, or set secure_boot = false (for Windows 11 with lab_config = true)`, s.Refused)
	case s.Ended && s.EndErr != nil:
		return fmt.Errorf("%w (%s)", s.EndErr, s.lastHeard())
	case s.Ended:
		return fmt.Errorf("Windows powered the machine off while it was needed (%s)", s.lastHeard())
	}
	return nil
}

// trouble is the state's, once: a step that -on-error=ask runs again waits for
// what the guest does next, not for the failure that was told already.
func (g *guestLog) trouble(s guestState) error {
	err := s.trouble()
	if err != nil && s.Failed != nil {
		g.mu.Lock()
		g.state.Failed = nil
		g.mu.Unlock()
	}
	return err
}

// lastHeard says how far the guest came, for an error.
func (s guestState) lastHeard() string {
	if s.Last == nil {
		return "it never reported a stage on COM1"
	}
	text := fmt.Sprintf("last heard of: %s %s", strings.TrimSpace(beacon.Title(s.Last.Stage)), s.Last.State)
	if s.Now.IsZero() {
		return text
	}
	return fmt.Sprintf("%s, %s after power-on and %s ago", text, s.LastAt.Sub(s.Begin).Round(time.Second), s.Now.Sub(s.LastAt).Round(time.Second))
}

// sealing says whether the seal was heard to begin.
func (s guestState) sealing() bool { return s.Reached[beacon.Seal] || s.Reached[beacon.SealSysprep] }

// admit is asked before each request of Packer's communicator. Nobody but a
// provisioner that comes too late asks something of a sealed guest.
func (g *guestLog) admit() error {
	if state, _ := g.Now(); !state.Sealed {
		return nil
	}
	g.change(func(s *guestState) { s.Disturbed = true })
	return errSealed
}

func orElse(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}
