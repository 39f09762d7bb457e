package libvirtapi

import (
	"context"
	"errors"
	"fmt"
)

// OffError says why a guest that was awaited to power off did something else.
type OffError struct {
	Domain string
	Kind   EventKind // EventCrashed, EventPMSuspended, EventSuspended (a full disk), EventStopped (by force or failure), EventUndefined
	Detail string
}

// Unwrap gives ErrNoSpace for EventSuspended. A domain of this package names no
// error_policy, and so has QEMU's own (werror=enospc, rerror=report: qemu(1),
// -drive): every other error of a disk goes to the guest, and only a file that
// can't grow stops it.
func (e *OffError) Unwrap() error {
	if e.Kind == EventSuspended {
		return ErrNoSpace
	}
	return nil
}

func (e *OffError) Error() string {
	found := ""
	switch e.Kind {
	case EventCrashed:
		found = "Windows crashed (blue screen, reported by the panic device); the screen still shows it"
	case EventPMSuspended:
		found = "Windows went to sleep instead of powering off"
	case EventSuspended:
		found = "QEMU stopped the guest because no space is left on the host for its disk"
	case EventUndefined:
		found = "the domain was removed by somebody else"
	default:
		found = "the guest did not power off by itself: " + e.Detail
	}
	return fmt.Sprintf("domain %q: %s", e.Domain, found)
}

// AwaitOff waits until the guest has powered itself off: nil. *OffError when it crashed, went to sleep, was
// stopped by force, failed, or was removed. It goes by events, asks anew after a lost connection, and needs no
// Watch of the caller's. A domain that is off already counts by the reason that libvirt gives.
//
// Off is all that it means: what state Windows left the disk in only the disk can tell.
func (c *Conn) AwaitOff(ctx context.Context, d Domain) error {
	w, err := c.Watch(ctx, d)
	if errors.Is(err, ErrNotFound) {
		return &OffError{Domain: d.Name, Kind: EventUndefined}
	}
	if err != nil {
		return err
	}
	return w.untilOff(ctx)
}

// untilOff goes by the events until one says that the guest is off, and ends the subscription.
func (w *Watch) untilOff(ctx context.Context) error {
	d := w.domain
	defer w.Close()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case e, open := <-w.Events():
			if !open {
				if ctx.Err() != nil {
					return ctx.Err()
				}
				if err := w.Err(); !errors.Is(err, ErrNotFound) {
					return err
				}
				return &OffError{Domain: d.Name, Kind: EventUndefined}
			}
			if done, err := offBy(d, e); done {
				return err
			}
		}
	}
}

// offBy judges one event: whether the wait is over, and with what.
func offBy(d Domain, e Event) (done bool, err error) {
	other := func(kind EventKind, detail string) (bool, error) {
		return true, &OffError{Domain: d.Name, Kind: kind, Detail: detail}
	}
	switch e.Kind {
	case EventStopped:
		if e.Detail == DetailShutdown {
			return true, nil
		}
		return other(EventStopped, e.Detail)
	case EventCrashed, EventPMSuspended:
		return other(e.Kind, e.Detail)
	case EventSuspended:
		if e.Detail == DetailIOError {
			return other(e.Kind, e.Detail)
		}
	case EventState:
		return offByState(d, e.State)
	}
	return false, nil
}

func offByState(d Domain, s DomainState) (done bool, err error) {
	other := func(kind EventKind) (bool, error) {
		return true, &OffError{Domain: d.Name, Kind: kind, Detail: s.Reason}
	}
	switch {
	case s.State == StateOff:
		switch s.Reason {
		case ReasonShutdown, ReasonUnknown, ReasonDaemon:
			// libvirt was away when it happened, and can't say more.
			return true, nil
		}
		return other(EventStopped)
	case s.State == StateCrashed, s.State == StatePaused && s.Reason == ReasonCrashed:
		return other(EventCrashed)
	case s.State == StatePMSuspended:
		return other(EventPMSuspended)
	case s.State == StatePaused && s.Reason == ReasonIOError:
		return other(EventSuspended)
	}
	return false, nil
}
