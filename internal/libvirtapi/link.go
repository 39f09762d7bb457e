package libvirtapi

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"time"

	golibvirt "github.com/digitalocean/go-libvirt"
)

// closeLimit is how long a good-bye is waited for.
const closeLimit = time.Second

// dialer makes the raw connection to one libvirt daemon.
type dialer interface {
	Dial(ctx context.Context) (net.Conn, error)
}

// link is one open connection. It is never reopened: who loses one opens another.
type link struct {
	rpc  *golibvirt.Libvirt
	wire *wire
}

// openLink dials, authenticates and opens uri, all within limit.
func openLink(ctx context.Context, d dialer, uri string, limit time.Duration) (*link, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, limit, errLimit)
	defer cancel()
	conn, err := d.Dial(ctx)
	if err != nil {
		return nil, err
	}
	w := &wire{Conn: conn, in: newReplyFirst(bufio.NewReaderSize(conn, 64<<10)), gone: make(chan struct{}), opened: make(chan struct{}), packets: newPacketWatch()}
	l := &link{rpc: golibvirt.NewWithDialer(dialed{w}), wire: w}
	done := make(chan error, 1)
	go func() {
		err := l.rpc.ConnectToURI(golibvirt.ConnectURI(uri))
		close(w.opened)
		done <- err
	}()
	select {
	case err = <-done:
		if err != nil {
			_ = w.Close()
			return nil, connectError(uri, err)
		}
		return l, nil
	case <-ctx.Done():
		_ = w.Close()
		if !errors.Is(context.Cause(ctx), errLimit) {
			return nil, ctx.Err()
		}
		return nil, &Error{
			Op: "connect to", Object: uri, Kind: ErrTimeout,
			Message: "the daemon accepted the connection but did not answer",
			Remedy:  "look at its journal (journalctl -u libvirtd -u virtqemud); restarting it does not stop guests",
		}
	}
}

// alive is false once either side has closed the connection.
func (l *link) alive() bool {
	select {
	case <-l.wire.gone:
		return false
	default:
		return true
	}
}

// close says good-bye, so that the daemon's journal shows no broken connection, but never waits for long.
// go-libvirt's own Disconnect has no limit.
func (l *link) close() {
	if l.alive() {
		done := make(chan struct{})
		go func() {
			defer close(done)
			_ = l.rpc.ConnectClose()
		}()
		select {
		case <-done:
		case <-l.wire.gone:
		case <-time.After(closeLimit):
		}
	}
	l.cut()
}

// cut closes the connection at once: the only way to cancel what runs on it.
func (l *link) cut() { _ = l.wire.Close() }

// dialed hands go-libvirt a connection that exists already.
type dialed struct{ conn net.Conn }

func (d dialed) Dial() (net.Conn, error) { return d.conn, nil }

// wire watches the bytes of one connection: it knows when the connection is gone (go-libvirt's own signal
// can be missed while it connects), and it can tell when a call was answered (see onReply).
type wire struct {
	net.Conn
	in      io.Reader // Conn's bytes, each reply before its stream
	gone    chan struct{}
	opened  chan struct{} // closed when go-libvirt has connected, or failed to
	once    sync.Once
	packets *packetWatch
}

func (w *wire) Read(p []byte) (int, error) {
	n, err := w.in.Read(p)
	if n > 0 {
		w.packets.feed(p[:n])
	}
	if err != nil {
		w.once.Do(func() { close(w.gone) })
		// Orders what go-libvirt wrote when it had connected before what it reads when it is cut off; it has no lock
		// of its own for that.
		select {
		case <-w.opened:
		default:
		}
	}
	return n, err
}

func (w *wire) Close() error {
	err := w.Conn.Close()
	w.once.Do(func() { close(w.gone) })
	return err
}
