package libvirtapi

import (
	"context"
	"errors"
	"sync"
	"time"

	golibvirt "github.com/digitalocean/go-libvirt"
)

// How a subscription looks after itself. libvirt's protocol keeps no connection alive by itself, so a dead
// one is noticed by asking.
const (
	watchProbe = 10 * time.Second
	retryPause = time.Second
	// giveUpAfter is how long a libvirt that is away is waited for: a daemon's upgrade, a host's reboot.
	giveUpAfter = 3 * time.Minute
	eventsKept  = 10_000
)

// Watch is a subscription to one domain's events.
type Watch struct {
	conn   *Conn
	domain Domain
	queue  *queue[Event]
	cancel context.CancelFunc

	mu  sync.Mutex
	err error
}

// Watch subscribes; subscribe before the domain starts. It returns when the subscription is in force. The first
// event is an EventState. It reconnects by itself until ctx ends or Close.
func (c *Conn) Watch(ctx context.Context, d Domain) (*Watch, error) {
	ctx, cancel := context.WithCancel(ctx)
	w := &Watch{
		conn: c, domain: d, cancel: cancel,
		queue: newQueue(eventsKept, func() Event { return Event{Kind: EventState, State: DomainState{StateUnknown, ReasonUnknown}} }),
	}
	s, err := w.subscribe(ctx)
	if err != nil {
		w.Close()
		return nil, err
	}
	go w.run(ctx, s)
	return w, nil
}

// Events gives what happens, in order; a slow reader loses nothing. Closed after Close, after ctx ended, when the
// domain is gone, and when libvirt could not be reached again: Err tells.
func (w *Watch) Events() <-chan Event { return w.queue.out }

// Err is why Events was closed; nil after Close and after ctx ended.
func (w *Watch) Err() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.err
}

// Close ends the subscription; events not yet taken are dropped.
func (w *Watch) Close() {
	w.cancel()
	w.queue.discard()
}

// subscription is one connection that events come in on. It is not the connection for calls: go-libvirt's
// unsubscribing can block a connection for ever when an event comes in meanwhile, so it is never unsubscribed,
// only cut.
type subscription struct {
	link    *link
	events  <-chan any
	reboots <-chan any
}

// subscribe opens one, and then reads the domain's state: in this order nothing falls between the two.
func (w *Watch) subscribe(ctx context.Context) (*subscription, error) {
	const op = "watch domain"
	l, err := w.conn.fresh(ctx)
	if err != nil {
		return nil, err
	}
	s := &subscription{link: l}
	for id, ch := range map[golibvirt.DomainEventID]*<-chan any{
		golibvirt.DomainEventIDLifecycle: &s.events,
		golibvirt.DomainEventIDReboot:    &s.reboots,
	} {
		*ch, err = on(ctx, l, op, w.domain.Name, w.conn.limits.ask, func(r *golibvirt.Libvirt) (<-chan any, error) {
			// The domain is not given: go-libvirt ignores it, and all domains' events come.
			return r.SubscribeEvents(context.Background(), id, nil)
		})
		if err != nil {
			s.end()
			return nil, err
		}
	}
	state, err := on(ctx, l, stateOp, w.domain.Name, w.conn.limits.ask, stateOf(w.domain))
	if err != nil {
		s.end()
		return nil, err
	}
	w.queue.put(Event{Kind: EventState, State: state})
	return s, nil
}

// end cuts the connection and lets go-libvirt's goroutines, which wait for a reader, come to their end.
func (s *subscription) end() {
	s.link.cut()
	for _, ch := range []<-chan any{s.events, s.reboots} {
		if ch != nil {
			go func() {
				for range ch {
				}
			}()
		}
	}
}

// run follows one subscription after the other.
func (w *Watch) run(ctx context.Context, s *subscription) {
	defer w.queue.finish()
	for {
		w.pump(ctx, s)
		s.end()
		var err error
		if s, err = w.again(ctx); err != nil {
			if ctx.Err() == nil {
				w.mu.Lock()
				w.err = err
				w.mu.Unlock()
			}
			return
		}
	}
}

// pump hands on events until the connection is lost or ctx ends.
func (w *Watch) pump(ctx context.Context, s *subscription) {
	probe := time.NewTicker(watchProbe)
	defer probe.Stop()
	for {
		var e Event
		var ok bool
		select {
		case <-ctx.Done():
			return
		case <-s.link.wire.gone:
			return
		case m, open := <-s.events:
			if !open {
				return
			}
			e, ok = w.lifecycle(m)
		case m, open := <-s.reboots:
			if !open {
				return
			}
			e, ok = w.reboot(m)
		case <-probe.C:
			if _, err := on(ctx, s.link, stateOp, w.domain.Name, watchProbe, stateOf(w.domain)); err != nil {
				return
			}
		}
		if ok {
			w.queue.put(e)
		}
	}
}

// again subscribes anew, waiting for a libvirt that is away.
func (w *Watch) again(ctx context.Context) (*subscription, error) {
	ctx, cancel := context.WithTimeout(ctx, giveUpAfter)
	defer cancel()
	for {
		s, err := w.subscribe(ctx)
		if err == nil || errors.Is(err, ErrNotFound) || errors.Is(err, ErrPermission) {
			return s, err
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(retryPause):
		}
	}
}

func (w *Watch) mine(d golibvirt.Domain) bool { return formatUUID(d.UUID) == w.domain.UUID }

func (w *Watch) lifecycle(m any) (Event, bool) {
	msg, ok := m.(*golibvirt.DomainEventCallbackLifecycleMsg)
	if !ok || !w.mine(msg.Msg.Dom) {
		return Event{}, false
	}
	return lifecycleEvent(msg.Msg.Event, msg.Msg.Detail)
}

func (w *Watch) reboot(m any) (Event, bool) {
	msg, ok := m.(*golibvirt.DomainEventCallbackRebootMsg)
	return Event{Kind: EventReboot}, ok && w.mine(msg.Msg.Dom)
}
