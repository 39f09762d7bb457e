package libvirtapi

import (
	"context"

	golibvirt "github.com/digitalocean/go-libvirt"
)

// State is what a domain is doing.
type State string

// The states, by libvirt's names.
const (
	StateRunning     State = "running"
	StateBlocked     State = "blocked" // running, waiting for I/O
	StatePaused      State = "paused"
	StateShutdown    State = "in shutdown"
	StateOff         State = "shut off"
	StateCrashed     State = "crashed"
	StatePMSuspended State = "pmsuspended"
	StateUnknown     State = "no state"
)

// Reasons that the plugin tells apart, of those in DomainState.Reason.
const (
	ReasonUnknown   = "unknown"
	ReasonShutdown  = "shutdown"  // shut off by the guest itself
	ReasonDestroyed = "destroyed" // shut off by force
	ReasonCrashed   = "crashed"
	ReasonFailed    = "failed"
	ReasonDaemon    = "daemon"   // shut off while libvirt was not there to see how
	ReasonIOError   = "io error" // paused because a disk could not be read or written
)

// DomainState is a domain's state and libvirt's reason for it.
type DomainState struct {
	State  State
	Reason string // libvirt's word, as virsh domstate --reason gives it
}

// Active is true while a QEMU process exists.
func (s DomainState) Active() bool { return s.State != StateOff && s.State != StateUnknown }

// String gives "shut off (destroyed)".
func (s DomainState) String() string { return string(s.State) + " (" + s.Reason + ")" }

// State reads state and reason; ErrNotFound when the domain is gone.
func (c *Conn) State(ctx context.Context, d Domain) (DomainState, error) {
	return ask(ctx, c, stateOp, d.Name, stateOf(d))
}

const stateOp = "read the state of domain"

func stateOf(d Domain) func(*golibvirt.Libvirt) (DomainState, error) {
	return func(l *golibvirt.Libvirt) (DomainState, error) {
		state, reason, err := l.DomainGetState(d.handle(), 0)
		return domainState(state, reason), err
	}
}

// states and reasons are virDomainState and the reason enumerations of libvirt-domain.h, in order.
var (
	states = []State{
		StateUnknown, StateRunning, StateBlocked, StatePaused, StateShutdown, StateOff, StateCrashed, StatePMSuspended,
	}
	reasons = map[State][]string{
		StateRunning: {
			ReasonUnknown, "booted", "migrated", "restored", "from snapshot", "unpaused", "migration canceled",
			"save canceled", "event wakeup", ReasonCrashed, "post-copy", "post-copy failed",
		},
		StatePaused: {
			ReasonUnknown, "user", "migrating", "saving", "dumping", ReasonIOError, "watchdog", "from snapshot",
			"shutting down", "creating snapshot", ReasonCrashed, "starting up", "post-copy", "post-copy failed", "api error",
		},
		StateShutdown: {ReasonUnknown, "user"},
		StateOff: {
			ReasonUnknown, ReasonShutdown, ReasonDestroyed, ReasonCrashed, "migrated", "saved", ReasonFailed,
			"from snapshot", ReasonDaemon,
		},
		StateCrashed: {ReasonUnknown, "panicked"},
	}
)

func domainState(state, reason int32) DomainState {
	s := DomainState{State: StateUnknown, Reason: ReasonUnknown}
	if state >= 0 && int(state) < len(states) {
		s.State = states[state]
	}
	if list := reasons[s.State]; reason >= 0 && int(reason) < len(list) {
		s.Reason = list[reason]
	}
	return s
}
