package libvirtapi

import (
	"context"
	"errors"
	"time"

	golibvirt "github.com/digitalocean/go-libvirt"
)

// limits are how long the parts of talking to libvirt may take.
type limits struct {
	open time.Duration // connecting, authentication included: polkit may ask the user for a password
	ask  time.Duration // a question
	act  time.Duration // a change: starting a guest waits for QEMU
}

var usualLimits = limits{open: 30 * time.Second, ask: 15 * time.Second, act: 60 * time.Second}

// Conn is a connection to one libvirt; safe for concurrent use. A call that meets a lost connection
// opens a new one.
type Conn struct {
	uri    string // as the user wrote it
	target string // as the daemon is asked
	dialer dialer
	limits limits

	// held by whoever uses cur; a channel, so that a waiter can give up
	lock   chan struct{}
	cur    *link
	closed bool
}

// Connect opens a connection. uri is "qemu:///system" (also when empty); "?socket=PATH" names another
// socket. Remote URIs are refused for now, naming what works. Failures are ErrUnavailable or
// ErrPermission with a remedy.
func Connect(ctx context.Context, uri string) (*Conn, error) {
	return connect(ctx, uri, usualLimits)
}

func connect(ctx context.Context, uri string, lim limits) (*Conn, error) {
	d, daemonURI, err := target(uri)
	if err != nil {
		return nil, err
	}
	if uri == "" {
		uri = systemURI
	}
	c := &Conn{uri: uri, target: daemonURI, dialer: d, limits: lim, lock: make(chan struct{}, 1)}
	if _, err := c.link(ctx); err != nil {
		return nil, err
	}
	return c, nil
}

// URI is what the connection was opened with.
func (c *Conn) URI() string { return c.uri }

// Close ends it. Consoles, watches and transfers have connections of their own.
func (c *Conn) Close() error {
	c.lock <- struct{}{}
	defer func() { <-c.lock }()
	c.closed = true
	if c.cur != nil {
		c.cur.close()
		c.cur = nil
	}
	return nil
}

// link gives the connection for calls, a new one if the last was lost.
func (c *Conn) link(ctx context.Context) (*link, error) {
	select {
	case c.lock <- struct{}{}:
		defer func() { <-c.lock }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if c.closed {
		return nil, &Error{Op: "use", Object: c.uri, Message: "the connection was closed", Kind: ErrDisconnected}
	}
	if c.cur != nil && c.cur.alive() {
		return c.cur, nil
	}
	l, err := c.fresh(ctx)
	if err != nil {
		return nil, err
	}
	c.cur = l
	return l, nil
}

// fresh opens a connection that the caller owns: one stream or one subscription.
func (c *Conn) fresh(ctx context.Context) (*link, error) {
	return openLink(ctx, c.dialer, c.target, c.limits.open)
}

// errLimit is why a call's context ended when libvirt, not the caller, took too long.
var errLimit = errors.New("limit reached")

// ask makes a call that may be repeated: a question, or something that is done already when it is done
// twice. It ends when ctx does, and is tried once more when the connection was lost.
func ask[T any](ctx context.Context, c *Conn, op, object string, f func(*golibvirt.Libvirt) (T, error)) (T, error) {
	v, err := once(ctx, c, op, object, c.limits.ask, f)
	if errors.Is(err, ErrDisconnected) && ctx.Err() == nil {
		v, err = once(ctx, c, op, object, c.limits.ask, f)
	}
	return v, err
}

// act makes a call that changes something, once. It is not cut short by ctx: a guest or volume that
// appears after its maker has gone is a leak. Only what was not sent yet is given up.
func act[T any](ctx context.Context, c *Conn, op, object string, f func(*golibvirt.Libvirt) (T, error)) (T, error) {
	if err := ctx.Err(); err != nil {
		var zero T
		return zero, err
	}
	return once(context.WithoutCancel(ctx), c, op, object, c.limits.act, f)
}

func once[T any](ctx context.Context, c *Conn, op, object string, limit time.Duration, f func(*golibvirt.Libvirt) (T, error)) (T, error) {
	l, err := c.link(ctx)
	if err != nil {
		var zero T
		return zero, err
	}
	return on(ctx, l, op, object, limit, f)
}

// on runs f on a link. When the limit passes, the link is cut: what hangs there would hang every later call.
// When ctx ends first, the answer is left to come in by itself.
func on[T any](ctx context.Context, l *link, op, object string, limit time.Duration, f func(*golibvirt.Libvirt) (T, error)) (T, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, limit, errLimit)
	defer cancel()
	type answer struct {
		v   T
		err error
	}
	done := make(chan answer, 1)
	go func() {
		v, err := f(l.rpc)
		done <- answer{v, err}
	}()
	var zero T
	select {
	case a := <-done:
		err := callError(op, object, a.err)
		if errors.Is(err, ErrDisconnected) {
			l.cut() // the next call must not take it for alive: its reader may not have noticed yet
		}
		if err != nil {
			return zero, err
		}
		return a.v, nil
	case <-ctx.Done():
		if !errors.Is(context.Cause(ctx), errLimit) {
			return zero, ctx.Err()
		}
		l.cut()
		return zero, &Error{
			Op: op, Object: object, Kind: ErrTimeout,
			Message: "no answer within " + limit.String(),
			Remedy:  "look at the daemon's journal (journalctl -u libvirtd -u virtqemud)",
		}
	}
}
