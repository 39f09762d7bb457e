package libvirtapi

// Domain is a handle to a virtual machine that libvirt knows. It stays valid over
// reconnections: every call finds the domain by its UUID.
type Domain struct {
	Name string
	UUID string // RFC 4122 text, lower case
}

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

// DomainState is a domain's state and libvirt's reason for it.
type DomainState struct {
	State  State
	Reason string // libvirt's word: "booted", "user", "shutdown", "destroyed", "crashed", "panicked", "failed", "io error" …
}

// Active is true while a QEMU process exists.
func (s DomainState) Active() bool { return s.State != StateOff && s.State != StateUnknown }
