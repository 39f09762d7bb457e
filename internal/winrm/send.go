package winrm

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
)

// sendBytesMax is the most raw stdin in one Send: one line of 250,000 bytes in
// base64 (333,338 with its CRLF) fits, and the whole, encoded once more, stays
// below Windows' 500 KB envelope: 340,000 x 4/3 + header.
const sendBytesMax = 340_000

// feed is where a command's standard input comes from.
type feed interface {
	// next returns the next bytes, at most sendBytesMax, valid until the call
	// after the next. io.EOF, with or without bytes, ends it. sent (may be
	// nil) is called when the guest has them.
	next() (data []byte, sent func(), err error)
}

// send carries the feed to the command, one Send after the other: the order of
// two that are under way at once is not defined. The next envelope is built
// while one is under way.
func (s *shell) send(ctx context.Context, f feed) error {
	type parcel struct {
		envelope []byte
		sent     func()
		err      error
	}
	parcels := make(chan parcel, 1)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		defer close(parcels)
		for {
			data, sent, err := f.next()
			p := parcel{sent: sent}
			switch {
			case errors.Is(err, io.EOF):
				p.envelope = s.sendEnvelope(data, true)
			case err != nil:
				p.err = fmt.Errorf("reading what goes to the command's standard input: %w", err)
			default:
				p.envelope = s.sendEnvelope(data, false)
			}
			select {
			case parcels <- p:
			case <-ctx.Done():
				return
			}
			if err != nil {
				return
			}
		}
	}()
	for {
		select {
		case p, open := <-parcels:
			if !open {
				return nil
			}
			if p.err != nil {
				return p.err
			}
			if _, err := s.client.exchange.post(ctx, opSend, p.envelope); err != nil {
				return err
			}
			if p.sent != nil {
				p.sent()
			}
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func (s *shell) sendEnvelope(data []byte, end bool) []byte {
	return sendBytes(s.client.addressed(message{op: opSend, shell: s.id}), s.command, data, end)
}

// readerFeed cuts a reader into Sends, after a line's end where one is in
// reach.
type readerFeed struct {
	r    io.Reader
	rest []byte
	err  error
}

func (f *readerFeed) next() ([]byte, func(), error) {
	buf := make([]byte, sendBytesMax)
	n := copy(buf, f.rest)
	f.rest = nil
	for n == 0 && f.err == nil { // a Read may return nothing and no error
		n, f.err = f.r.Read(buf)
	}
	for n < len(buf) && f.err == nil && !bytes.HasSuffix(buf[:n], []byte("\n")) {
		var m int
		m, f.err = f.r.Read(buf[n:])
		n += m
	}
	if n == 0 {
		return nil, nil, f.err
	}
	if cut := bytes.LastIndexByte(buf[:n], '\n') + 1; n == len(buf) && cut > 0 {
		f.rest = append([]byte(nil), buf[cut:n]...)
		n = cut
	}
	return buf[:n], nil, nil
}
