package libvirtapi

import golibvirt "github.com/digitalocean/go-libvirt"

// EventKind is what happened to a domain.
type EventKind string

// The kinds of Event.
const (
	EventStarted     EventKind = "started"
	EventSuspended   EventKind = "suspended" // its CPUs were stopped; Detail tells why
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

// Details that the plugin tells apart, of those in Event.Detail.
const (
	DetailShutdown = "shutdown" // EventStopped: by the guest itself
	DetailIOError  = "io error" // EventSuspended: a disk could not be read or written
)

// Event is one thing that happened to the watched domain.
type Event struct {
	Kind   EventKind
	Detail string      // libvirt's detail, as virsh event gives it
	State  DomainState // set for EventState
}

// eventKinds are those of virDomainEventType; defined (0) is not among them, since a domain that is changed
// is defined too.
var eventKinds = map[golibvirt.DomainEventType]EventKind{
	golibvirt.DomainEventUndefined:   EventUndefined,
	golibvirt.DomainEventStarted:     EventStarted,
	golibvirt.DomainEventSuspended:   EventSuspended,
	golibvirt.DomainEventResumed:     EventResumed,
	golibvirt.DomainEventStopped:     EventStopped,
	golibvirt.DomainEventShutdown:    EventShutdown,
	golibvirt.DomainEventPmsuspended: EventPMSuspended,
	golibvirt.DomainEventCrashed:     EventCrashed,
}

// details are the detail enumerations of libvirt-domain.h, in order.
var details = map[EventKind][]string{
	EventStarted:     {"booted", "migrated", "restored", "from snapshot", "event wakeup"},
	EventSuspended:   {"paused", "migrated", DetailIOError, "watchdog", "restored", "from snapshot", "api error", "post-copy", "post-copy failed"},
	EventResumed:     {"unpaused", "migrated", "from snapshot", "post-copy", "post-copy failed"},
	EventStopped:     {DetailShutdown, "destroyed", "crashed", "migrated", "saved", "failed", "from snapshot"},
	EventShutdown:    {"finished", "guest", "host"},
	EventPMSuspended: {"memory", "disk"},
	EventCrashed:     {"panicked", "crashloaded"},
	EventUndefined:   {"removed", "renamed"},
}

func lifecycleEvent(event, detail int32) (Event, bool) {
	kind, ok := eventKinds[golibvirt.DomainEventType(event)]
	if !ok {
		return Event{}, false
	}
	e := Event{Kind: kind}
	if list := details[kind]; detail >= 0 && int(detail) < len(list) {
		e.Detail = list[detail]
	}
	return e, true
}
