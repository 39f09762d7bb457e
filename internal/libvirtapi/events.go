package libvirtapi

// EventKind is what happened to a domain.
type EventKind string

// The kinds of Event.
const (
	EventStarted     EventKind = "started"
	EventSuspended   EventKind = "suspended"
	EventResumed     EventKind = "resumed"
	EventShutdown    EventKind = "shutdown" // the guest has finished shutting down; stopped follows
	EventStopped     EventKind = "stopped"
	EventPMSuspended EventKind = "pmsuspended"
	EventCrashed     EventKind = "crashed" // reported by a panic device
	EventUndefined   EventKind = "undefined"
	EventReboot      EventKind = "reboot" // the guest was reset
	// EventState is sent first of all, and after a lost connection was replaced: State is the
	// domain's state as read then; events in between are lost.
	EventState EventKind = "state"
)

// Event is one thing that happened to the watched domain.
type Event struct {
	Kind   EventKind
	Detail string      // libvirt's detail: "shutdown", "destroyed", "crashed", "failed", "panicked", "guest", "host" …
	State  DomainState // set for EventState
}

// OffError says why a domain that was awaited to power off did something else.
type OffError struct {
	Domain string
	Kind   EventKind // EventCrashed, EventPMSuspended, EventStopped (by force or failure), EventUndefined
	Detail string
}

func (e *OffError) Error() string {
	switch e.Kind {
	case EventCrashed:
		return "domain \"" + e.Domain + "\": Windows crashed (blue screen, reported by the panic device)"
	case EventPMSuspended:
		return "domain \"" + e.Domain + "\": Windows went to sleep instead of powering off"
	case EventUndefined:
		return "domain \"" + e.Domain + "\": somebody removed the domain"
	}
	return "domain \"" + e.Domain + "\" stopped, but not because the guest powered off: " + e.Detail
}
