package winrmtest

import (
	"context"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/winrm"
)

// Pipe is a listener without a network, so that a test's clock can be that of
// its synctest bubble.
type Pipe struct {
	conns chan net.Conn
	once  sync.Once
	done  chan struct{}
}

// NewPipe makes one; in a bubble it is the bubble's.
func NewPipe() *Pipe { return &Pipe{conns: make(chan net.Conn), done: make(chan struct{})} }

// Dial connects to whoever accepts, whatever the address is.
func (p *Pipe) Dial(ctx context.Context, _, _ string) (net.Conn, error) {
	near, far := net.Pipe()
	select {
	case p.conns <- far:
		return near, nil
	case <-p.done:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Accept gives the guest the next connection, as a net.Listener.
func (p *Pipe) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

// Close ends Accept and Dial; connections go on.
func (p *Pipe) Close() error { p.once.Do(func() { close(p.done) }); return nil }

// Addr is where WinRM would listen.
func (p *Pipe) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 5986} }

// StartPiped is Start without a network, for a synctest bubble: there a time-out
// of milliseconds ends a silence, and never what a busy host is slow at.
func StartPiped(t testing.TB, cfg winrm.Config) *Guest {
	t.Helper()
	p := NewPipe()
	// After the server's end: whoever still waits in the bubble comes to its own.
	t.Cleanup(func() { time.Sleep(time.Hour) })
	return serve(t, cfg, p, 5986, p.Dial)
}
