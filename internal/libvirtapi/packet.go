package libvirtapi

import (
	"encoding/binary"
	"sync"

	golibvirt "github.com/digitalocean/go-libvirt"
)

// The parts of libvirt's RPC header that packetWatch reads: six big-endian words after the packet's
// length (https://libvirt.org/kbase/internals/rpc.html).
const (
	packetHeader  = 4 + 24
	programRemote = 0x20008086
	typeReply     = 1
	typeStream    = 3
	statusOK      = 0
	statusError   = 1

	// procOpenConsole is REMOTE_PROC_DOMAIN_OPEN_CONSOLE of the remote protocol, whose numbers never change.
	procOpenConsole = 201

	// errorMax is what is kept of an error: its number and message come first.
	errorMax = 4096
)

// packetWatch reads along with a connection's incoming packets and notices two of them.
//
// The reply to a call: go-libvirt's stream calls return only when the stream ends, so nothing else tells when a console
// is open; and a guest that is resumed before that loses its first lines.
//
// A stream that ends in an error: go-libvirt's upload never returns when the error comes after its last byte, which is
// when a full disk is noticed (digitalocean/go-libvirt#241).
type packetWatch struct {
	mu     sync.Mutex
	proc   uint32
	reply  chan bool
	failed chan golibvirt.Error

	header [packetHeader]byte
	have   int    // bytes of header so far
	skip   int    // bytes of payload still to come
	errs   bool   // the payload is a stream's error
	body   []byte // what has come of it
}

func newPacketWatch() *packetWatch { return &packetWatch{failed: make(chan golibvirt.Error, 1)} }

// onReply arms the watch: the channel gives, for the next reply to proc, whether it was a yes.
func (w *packetWatch) onReply(proc uint32) <-chan bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.proc, w.reply = proc, make(chan bool, 1)
	return w.reply
}

// feed takes the next incoming bytes, cut anywhere.
func (w *packetWatch) feed(p []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for len(p) > 0 {
		if w.skip > 0 {
			n := min(w.skip, len(p))
			w.payload(p[:n])
			p = p[n:]
			continue
		}
		n := copy(w.header[w.have:], p)
		w.have += n
		p = p[n:]
		if w.have == packetHeader {
			w.have = 0
			w.begin()
		}
	}
}

func (w *packetWatch) word(i int) uint32 { return binary.BigEndian.Uint32(w.header[4*i:]) }

// begin judges a header.
func (w *packetWatch) begin() {
	w.skip = max(int(w.word(0))-packetHeader, 0)
	program, proc, kind, status := w.word(1), w.word(3), w.word(4), w.word(6)
	if program != programRemote {
		return
	}
	if w.reply != nil && proc == w.proc && kind == typeReply {
		w.reply <- status == statusOK
		w.reply = nil
	}
	w.errs, w.body = kind == typeStream && status == statusError, nil
}

func (w *packetWatch) payload(p []byte) {
	w.skip -= len(p)
	if !w.errs {
		return
	}
	w.body = append(w.body, p[:min(len(p), errorMax-len(w.body))]...)
	if w.skip == 0 {
		w.errs = false
		select {
		case w.failed <- decodeError(w.body):
		default:
		}
	}
}

// decodeError reads the beginning of a remote_error: number, domain, and the message if there is one (XDR).
func decodeError(b []byte) golibvirt.Error {
	e := golibvirt.Error{Code: uint32(golibvirt.ErrInternalError), Message: "the stream ended in an error"}
	word := func(at int) int { return int(binary.BigEndian.Uint32(b[at:])) }
	if len(b) < 16 {
		return e
	}
	e.Code = uint32(word(0))
	if n := word(12); word(8) == 1 && n <= len(b)-16 {
		e.Message = string(b[16 : 16+n])
	}
	return e
}
