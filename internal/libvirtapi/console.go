package libvirtapi

import (
	"context"
	"errors"
	"sync"
	"time"

	golibvirt "github.com/digitalocean/go-libvirt"
)

const (
	consoleOpenLimit = 15 * time.Second
	linesKept        = 20_000
)

// Console is the guest's first serial port, read only.
type Console struct {
	conn   *Conn
	domain Domain
	queue  *queue[ConsoleLine]
	cancel context.CancelFunc

	mu  sync.Mutex
	err error
}

// ConsoleLine is a line from the guest, without its end and without terminal escape sequences.
type ConsoleLine struct {
	Text string
	// Gap is true for the empty line that stands where output may have been lost: the connection was, or nobody
	// read for so long that old lines were dropped.
	Gap bool
}

// Console opens COM1, and returns when it is open. Between StartPaused and Resume nothing is lost: a pty that is
// opened later has lost what the guest wrote before. It reconnects until ctx ends, Close, or the domain stops.
func (c *Conn) Console(ctx context.Context, d Domain) (*Console, error) {
	ctx, cancel := context.WithCancel(ctx)
	con := &Console{
		conn: c, domain: d, cancel: cancel,
		queue: newQueue(linesKept, func() ConsoleLine { return ConsoleLine{Gap: true} }),
	}
	s, err := con.open(ctx, 0)
	if err != nil {
		con.Close()
		return nil, err
	}
	go con.run(ctx, s)
	return con, nil
}

// Lines gives what the guest wrote, line by line; closed when the console is. A slow reader never blocks libvirt or
// the guest.
func (c *Console) Lines() <-chan ConsoleLine { return c.queue.out }

// Err is why Lines was closed; nil when the domain stopped, ctx ended or Close was called.
func (c *Console) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// Close ends it; lines not yet taken are dropped.
func (c *Console) Close() {
	c.cancel()
	c.queue.discard()
}

// consoleStream is one open console: its connection, and how its stream ended.
type consoleStream struct {
	link *link
	done chan error
}

// open returns when libvirt has said yes. flags may hold DomainConsoleForce.
func (c *Console) open(ctx context.Context, flags golibvirt.DomainConsoleFlags) (*consoleStream, error) {
	const op = "open the serial console of domain"
	l, err := c.conn.fresh(ctx)
	if err != nil {
		return nil, err
	}
	opened := l.wire.packets.onReply(procOpenConsole)
	s := &consoleStream{link: l, done: make(chan error, 1)}
	lines := &lineSplitter{emit: func(text string) { c.queue.put(ConsoleLine{Text: text}) }}
	go func() {
		err := l.rpc.DomainOpenConsole(c.domain.handle(), nil, lines, uint32(flags))
		lines.flush()
		s.done <- callError(op, c.domain.Name, err)
	}()
	select {
	case yes := <-opened:
		if yes {
			return s, nil
		}
		err := <-s.done
		l.cut()
		return nil, err
	case err := <-s.done:
		l.cut()
		if err == nil {
			err = &Error{Op: op, Object: c.domain.Name, Message: "it ended at once", Kind: ErrState}
		}
		return nil, err
	case <-ctx.Done():
		l.cut()
		return nil, ctx.Err()
	case <-time.After(consoleOpenLimit):
		l.cut()
		return nil, &Error{Op: op, Object: c.domain.Name, Kind: ErrTimeout, Message: "no answer within " + consoleOpenLimit.String()}
	}
}

// run follows one stream after the other.
func (c *Console) run(ctx context.Context, s *consoleStream) {
	defer c.queue.finish()
	for {
		var err error
		select {
		case err = <-s.done:
		case <-ctx.Done():
		}
		s.link.cut()
		if ctx.Err() != nil {
			return
		}
		if s, err = c.again(ctx, errors.Is(err, ErrDisconnected)); s == nil {
			c.mu.Lock()
			c.err = err
			c.mu.Unlock()
			return
		}
		c.queue.put(ConsoleLine{Gap: true})
	}
}

// again reopens the console of a domain that still runs; (nil, nil) when it does not, or when nobody wants it. After a lost connection
// libvirt may believe that the old one still reads, so then it is opened by force; when somebody else took the
// console (virsh console --force), it is waited for.
func (c *Console) again(ctx context.Context, lost bool) (*consoleStream, error) {
	var flags golibvirt.DomainConsoleFlags
	if lost {
		flags = golibvirt.DomainConsoleForce
	}
	deadline := time.Now().Add(giveUpAfter)
	for {
		state, err := c.conn.State(ctx, c.domain)
		switch {
		case errors.Is(err, ErrNotFound), err == nil && !state.Active():
			return nil, nil
		case err == nil:
			s, openErr := c.open(ctx, flags)
			if openErr == nil {
				return s, nil
			}
			err = openErr
		}
		if ctx.Err() == nil && time.Now().After(deadline) {
			return nil, err
		}
		select {
		case <-ctx.Done():
			return nil, nil
		case <-time.After(retryPause):
		}
	}
}
