package libvirttest

import (
	"encoding/binary"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

// daemonSockets are where the real daemon listens.
var daemonSockets = []string{"/run/libvirt/virtqemud-sock", "/run/libvirt/libvirt-sock"}

// Proxy stands between the plugin and the real libvirt, and breaks the connection in the ways that networks and
// restarted daemons do.
type Proxy struct {
	URI    string // for libvirtapi.Connect
	Socket string

	listener net.Listener
	mu       sync.Mutex
	conns    []net.Conn
	stalled  chan struct{} // closed while bytes flow
	refusing bool
	hasty    bool
	accepted int
}

// NewProxy starts one in front of the daemon; it ends with the test.
func NewProxy(t testing.TB) *Proxy {
	t.Helper()
	URI(t)
	p := &Proxy{Socket: filepath.Join(Dir(t), "sock"), stalled: make(chan struct{})}
	close(p.stalled)
	p.URI = "qemu:///system?socket=" + p.Socket
	var err error
	if p.listener, err = net.Listen("unix", p.Socket); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(p.Socket, 0o666); err != nil { //nolint:gosec // for a test that connects as another user
		t.Fatal(err)
	}
	go p.serve()
	t.Cleanup(func() {
		_ = p.listener.Close()
		p.Flow()
		p.Cut()
	})
	return p
}

func (p *Proxy) serve() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.mu.Lock()
		refusing := p.refusing
		p.accepted++
		p.mu.Unlock()
		daemon, err := dialDaemon()
		if refusing || err != nil {
			_ = client.Close()
			if daemon != nil {
				_ = daemon.Close()
			}
			continue
		}
		p.mu.Lock()
		p.conns = append(p.conns, client, daemon)
		p.mu.Unlock()
		go p.copy(daemon, client)
		if p.isHasty() {
			go copyHastily(client, daemon)
			continue
		}
		go p.copy(client, daemon)
	}
}

func dialDaemon() (net.Conn, error) {
	var conn net.Conn
	var err error
	for _, s := range daemonSockets {
		if conn, err = net.Dial("unix", s); err == nil {
			return conn, nil
		}
	}
	return nil, err
}

func (p *Proxy) copy(dst, src net.Conn) {
	defer dst.Close()
	defer src.Close()
	buf := make([]byte, 64<<10)
	for {
		n, err := src.Read(buf)
		p.mu.Lock()
		flows := p.stalled
		p.mu.Unlock()
		<-flows
		if n > 0 {
			if _, err := dst.Write(buf[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// Cut breaks every connection that there is; new ones work.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.conns {
		_ = c.Close()
	}
	p.conns = nil
}

// Refuse says whether new connections are closed at once, as by a daemon that restarts.
func (p *Proxy) Refuse(yes bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refusing = yes
}

// Stall lets nothing through any more, on any connection, without closing it: a dead network.
func (p *Proxy) Stall() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stalled = make(chan struct{})
}

// Flow ends Stall.
func (p *Proxy) Flow() {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.stalled:
	default:
		close(p.stalled)
	}
}

// Haste puts the first data of every stream before the reply to its call, on new connections, as the daemon of a busy
// host does.
func (p *Proxy) Haste() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.hasty = true
}

func (p *Proxy) isHasty() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.hasty
}

// Of https://libvirt.org/kbase/internals/rpc.html and the remote protocol.
const (
	typeReply          = 1
	typeStream         = 3
	procScreenshot     = 211 // REMOTE_PROC_DOMAIN_SCREENSHOT
	procVolumeDownload = 209 // REMOTE_PROC_STORAGE_VOL_DOWNLOAD
)

// copyHastily keeps each good reply that opens a stream until a packet of the stream has gone by. Where the daemon was
// as hasty itself, one has gone by already, and none may come after the reply.
func copyHastily(dst, src net.Conn) {
	defer dst.Close()
	defer src.Close()
	var reply []byte
	begun := map[uint32]bool{} // by the serial of the call
	for {
		packet := make([]byte, 28)
		if _, err := io.ReadFull(src, packet); err != nil {
			return
		}
		word := func(i int) uint32 { return binary.BigEndian.Uint32(packet[4*i:]) }
		packet = append(packet, make([]byte, word(0)-28)...)
		if _, err := io.ReadFull(src, packet[28:]); err != nil {
			return
		}
		proc, kind, serial, status := word(3), word(4), word(5), word(6)
		if kind == typeReply && status == 0 && !begun[serial] && (proc == procScreenshot || proc == procVolumeDownload) {
			reply = packet
			continue
		}
		if kind == typeStream {
			begun[serial] = true
			packet, reply = append(packet, reply...), nil
		}
		if _, err := dst.Write(packet); err != nil {
			return
		}
	}
}

// Accepted is how many connections were made so far.
func (p *Proxy) Accepted() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.accepted
}
