package winrm

import (
	"context"
	"errors"
	"io"
	"sync"
)

// stdinWindow is how much stdin waits for the process before Send waits for
// it. Windows' pipe is smaller; its plug-in queues what the pipe will not take.
const stdinWindow = 1 << 20

// pipe carries stdin from Sends to a process.
type pipe struct {
	mu      sync.Mutex
	changed chan struct{}
	queue   [][]byte
	waiting int
	eof     bool // the client said End
	closed  bool // the process is gone
}

func newPipe() *pipe { return &pipe{changed: make(chan struct{})} }

func (p *pipe) change() {
	close(p.changed)
	p.changed = make(chan struct{})
}

// put queues data, waiting for room until ctx ends.
func (p *pipe) put(ctx context.Context, data []byte, end bool) error {
	for {
		p.mu.Lock()
		if p.closed || p.eof {
			p.mu.Unlock()
			return faultPipe()
		}
		if p.waiting < stdinWindow {
			break
		}
		changed := p.changed
		p.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.DeadlineExceeded) {
				return faultTimedOut()
			}
			return errGone
		}
	}
	defer p.mu.Unlock()
	if len(data) > 0 {
		p.queue = append(p.queue, data)
		p.waiting += len(data)
	}
	p.eof = end
	p.change()
	return nil
}

// Read is the process's side.
func (p *pipe) Read(buf []byte) (int, error) {
	if len(buf) == 0 {
		return 0, nil
	}
	for {
		p.mu.Lock()
		if p.closed {
			p.mu.Unlock()
			return 0, io.EOF
		}
		if len(p.queue) > 0 {
			n := copy(buf, p.queue[0])
			if p.queue[0] = p.queue[0][n:]; len(p.queue[0]) == 0 {
				p.queue = p.queue[1:]
			}
			p.waiting -= n
			p.change()
			p.mu.Unlock()
			return n, nil
		}
		if p.eof {
			p.mu.Unlock()
			return 0, io.EOF
		}
		changed := p.changed
		p.mu.Unlock()
		<-changed
	}
}

// close is the process's end, or a signal's.
func (p *pipe) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.closed {
		p.closed = true
		p.change()
	}
}
