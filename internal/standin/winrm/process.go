package winrm

import (
	"context"
	"errors"
	"io"
	"sync"
)

// process is one command of a shell, its output waiting to be received.
type process struct {
	id      string
	console bool
	stdin   *pipe
	cancel  context.CancelFunc

	mu        sync.Mutex
	changed   chan struct{} // closed and replaced at each change
	pending   []chunk
	waiting   int // bytes in pending
	ended     bool
	exit      int
	signalled bool
	reported  bool // the end was told to the client
}

type chunk struct {
	name string
	data []byte
}

// outputWindow is how much output waits for a Receive before the process
// blocks in its write, as on a full pipe.
const outputWindow = 1 << 20

var errSignalled = errors.New("the process was told to end")

func (s *Server) startProcess(sh *shell, p *process, line string, skipCmd bool) error {
	ctx, cancel := context.WithCancel(s.ctx)
	p.cancel = cancel
	p.changed = make(chan struct{})
	p.stdin = newPipe()
	if p.console {
		p.stdin.close() // nobody types
	}
	if err := sh.add(p, s.quotas.ProcessesPerShell); err != nil {
		cancel()
		return err
	}
	s.done.Add(1)
	go func() {
		defer s.done.Done()
		defer cancel()
		exit := s.cfg.Start(ctx, Process{
			User: sh.user, ShellID: sh.id, CommandLine: line,
			Directory: sh.directory, Environment: sh.environment, CodePage: sh.codePage,
			SkipCmd: skipCmd, ConsoleMode: p.console,
			Stdin:  p.stdin,
			Stdout: outputStream{p, "stdout"},
			Stderr: outputStream{p, "stderr"},
		})
		p.stdin.close()
		p.finish(exit)
	}()
	return nil
}

// end tells the process to end; what it has written can still be received.
func (p *process) end() {
	p.cancel()
	p.stdin.close()
	p.mu.Lock()
	p.signalled = true
	p.change()
	p.mu.Unlock()
}

func (p *process) finish(exit int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ended, p.exit = true, exit
	p.change()
}

// change wakes everyone who waits; p.mu is held.
func (p *process) change() {
	close(p.changed)
	p.changed = make(chan struct{})
}

type outputStream struct {
	p    *process
	name string
}

var _ io.Writer = outputStream{}

// Write blocks while the window is full; it fails once the process was
// signalled.
func (o outputStream) Write(data []byte) (int, error) {
	p := o.p
	for {
		p.mu.Lock()
		if p.signalled || p.ended {
			p.mu.Unlock()
			return 0, errSignalled
		}
		if p.waiting < outputWindow || len(data) == 0 {
			break
		}
		changed := p.changed
		p.mu.Unlock()
		<-changed
	}
	defer p.mu.Unlock()
	if len(data) == 0 {
		return 0, nil
	}
	if n := len(p.pending); n > 0 && p.pending[n-1].name == o.name {
		p.pending[n-1].data = append(p.pending[n-1].data, data...)
	} else {
		p.pending = append(p.pending, chunk{o.name, append([]byte(nil), data...)})
	}
	p.waiting += len(data)
	p.change()
	return len(data), nil
}

type received struct {
	chunks []chunk
	done   bool
	exit   int
}

// take waits for output of the wanted streams or the process's end, at most
// until ctx ends, and removes at most limit bytes. It fails with faultTimedOut
// when there is nothing to say.
//
// After the end was told, Windows' answer to a further Receive is documented
// nowhere; the stand-in is strict and knows the command no more.
func (p *process) take(ctx context.Context, want map[string]bool, limit int) (received, error) {
	for {
		p.mu.Lock()
		got, rest, left := received{}, []chunk(nil), false
		for _, c := range p.pending {
			switch {
			case !want[c.name]:
				rest = append(rest, c)
			case limit <= 0:
				rest, left = append(rest, c), true
			case len(c.data) > limit:
				got.chunks = append(got.chunks, chunk{c.name, c.data[:limit:limit]})
				rest = append(rest, chunk{c.name, c.data[limit:]})
				p.waiting -= limit
				limit, left = 0, true
			default:
				got.chunks = append(got.chunks, c)
				p.waiting -= len(c.data)
				limit -= len(c.data)
			}
		}
		p.pending = rest
		switch {
		case p.reported:
			p.mu.Unlock()
			return received{}, faultNoCommand(p.id)
		case p.ended && !left:
			got.done, got.exit = true, p.exit
			p.reported = true
		}
		changed := p.changed
		if len(got.chunks) > 0 || got.done {
			p.change()
			p.mu.Unlock()
			return got, nil
		}
		p.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.DeadlineExceeded) {
				return received{}, faultTimedOut()
			}
			return received{}, errGone
		}
	}
}
