package libvirtapi

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"slices"
)

// Packets that say how a call went; the second kind hands over a file descriptor too.
const typeReplyWithFDs = 5

// heldMax bounds what is kept of streams whose calls have no reply yet. The daemon waits until a packet is sent
// before it reads the next, so that a few of its 256 KiB come at most.
const heldMax = 16 << 20

var errNoReply = errors.New("libvirt sends a stream's data and no reply to the call that has opened it")

// replyFirst reads packets and gives them on with each stream behind the reply to the call that has opened it.
//
// The daemon's worker starts the stream before it queues the reply, and on a busy host the daemon's main loop sends
// the first data in between (seen with libvirt 9.0.0: every 20th download on a host with ten times more to do than
// processors). libvirt's own client tells the two apart by their type. go-libvirt does not: it takes the data for the
// reply and the reply for the stream's end, and stands still for ever if more comes.
type replyFirst struct {
	r       io.Reader
	replied serials
	held    map[int32][]byte
	kept    int // bytes in held

	out  bytes.Buffer // to be given on first
	left int          // then so many bytes of a packet that is passed through
	then []byte       // and then these
}

func newReplyFirst(r io.Reader) *replyFirst { return &replyFirst{r: r, held: map[int32][]byte{}} }

func (o *replyFirst) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for {
		switch {
		case o.out.Len() > 0:
			return o.out.Read(p)
		case o.left > 0:
			n, err := o.r.Read(p[:min(len(p), o.left)])
			o.left -= n
			return n, err
		case o.then != nil:
			o.out.Write(o.then)
			o.then = nil
		default:
			if err := o.next(); err != nil {
				return 0, err
			}
		}
	}
}

// next reads a header, and the whole packet when it is kept.
func (o *replyFirst) next() error {
	var header [packetHeader]byte
	if n, err := io.ReadFull(o.r, header[:]); err != nil {
		o.out.Write(header[:n])
		if n > 0 {
			return nil // the error comes once more
		}
		return err
	}
	word := func(i int) uint32 { return binary.BigEndian.Uint32(header[4*i:]) }
	kind, serial := word(4), int32(word(5))
	left := max(int(word(0))-packetHeader, 0)
	if word(1) == programRemote && kind == typeStream && !o.replied.has(serial) {
		if o.kept += packetHeader + left; o.kept > heldMax {
			return errNoReply
		}
		o.held[serial] = slices.Concat(o.held[serial], header[:], make([]byte, left))
		_, err := io.ReadFull(o.r, o.held[serial][len(o.held[serial])-left:])
		return err
	}
	o.out.Write(header[:])
	o.left = left
	if word(1) == programRemote && (kind == typeReply || kind == typeReplyWithFDs) {
		o.replied.add(serial)
		o.then = o.held[serial]
		o.kept -= len(o.then)
		delete(o.held, serial)
	}
	return nil
}

// serials is a set of a connection's call numbers, which rise by one from 1.
type serials struct {
	upTo   int32 // all up to this one
	beyond map[int32]bool
}

func (s *serials) add(n int32) {
	if n > s.upTo {
		if s.beyond == nil {
			s.beyond = map[int32]bool{}
		}
		s.beyond[n] = true
	}
	for s.beyond[s.upTo+1] {
		s.upTo++
		delete(s.beyond, s.upTo)
	}
}

func (s *serials) has(n int32) bool { return n <= s.upTo || s.beyond[n] }
