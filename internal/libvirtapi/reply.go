package libvirtapi

import (
	"encoding/binary"
	"sync"
)

// The parts of libvirt's RPC header that replyWatch reads: six big-endian words after the packet's
// length (https://libvirt.org/kbase/internals/rpc.html).
const (
	packetHeader  = 4 + 24
	programRemote = 0x20008086
	typeReply     = 1
	statusOK      = 0

	// procOpenConsole is REMOTE_PROC_DOMAIN_OPEN_CONSOLE of the remote protocol, whose numbers never change.
	procOpenConsole = 201
)

// replyWatch reads along with a connection's incoming packets and notices the reply to one procedure.
//
// go-libvirt's stream calls return only when the stream ends, so nothing tells when a console is open;
// and a guest that is resumed before that loses its first lines.
type replyWatch struct {
	mu     sync.Mutex
	proc   uint32
	notify chan bool

	header [packetHeader]byte
	have   int // bytes of header so far
	skip   int // bytes of payload still to come
}

// onReply arms the watch: the channel gives, for the next reply to proc, whether it was a yes.
func (r *replyWatch) onReply(proc uint32) <-chan bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.proc, r.notify = proc, make(chan bool, 1)
	return r.notify
}

// feed takes the next incoming bytes, cut anywhere.
func (r *replyWatch) feed(p []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for len(p) > 0 {
		if r.skip > 0 {
			n := min(r.skip, len(p))
			r.skip -= n
			p = p[n:]
			continue
		}
		n := copy(r.header[r.have:], p)
		r.have += n
		p = p[n:]
		if r.have < packetHeader {
			return
		}
		r.have = 0
		word := func(i int) uint32 { return binary.BigEndian.Uint32(r.header[4*i:]) }
		r.skip = max(int(word(0))-packetHeader, 0)
		if r.notify != nil && word(1) == programRemote && word(3) == r.proc && word(4) == typeReply {
			r.notify <- word(6) == statusOK
			r.notify = nil
		}
	}
}
