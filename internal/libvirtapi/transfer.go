package libvirtapi

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	golibvirt "github.com/digitalocean/go-libvirt"
)

// stallLimit is how long a transfer may stand still, longer than a disk that flushes its cache.
const stallLimit = 90 * time.Second

// progressEvery is how often Progress is told.
const progressEvery = 250 * time.Millisecond

// returnGrace is how long go-libvirt has to return by itself from a stream that has failed.
const returnGrace = time.Second

// Progress is told how many bytes are done. It is called from one goroutine, a few times a second at most, and
// once more at the end.
type Progress func(done int64)

// UploadVolume writes exactly size bytes from r over the volume's file and gives it anew, as the pool now
// sees it (an uploaded qcow2 has its own capacity). When it fails or ctx ends, r may be read from once more.
//
// The bytes go as they are: go-libvirt knows no holes, so what is large and empty must be qcow2.
func (c *Conn) UploadVolume(ctx context.Context, v Volume, r io.Reader, size int64, progress Progress) (Volume, error) {
	const op = "upload to volume"
	src := &source{r: r, left: size}
	err := c.transfer(ctx, op, v, &src.meter, progress, src.stop, func(l *golibvirt.Libvirt) error {
		return l.StorageVolUpload(v.handle(), src, 0, uint64(size), 0)
	})
	if srcErr := src.failure(); srcErr != nil && ctx.Err() == nil {
		return Volume{}, fmt.Errorf("volume %q: reading what is uploaded: %w", v.Name, srcErr)
	}
	if err != nil {
		return Volume{}, c.explainSpace(ctx, err, v.Pool)
	}
	if n := src.done.Load(); n != size {
		return Volume{}, &Error{Op: op, Object: v.Name, Message: fmt.Sprintf("libvirt ended the transfer after %d of %d bytes", n, size)}
	}
	return c.readVolume(ctx, v.handle())
}

// DownloadVolume reads the volume's file into w and gives its size, which is checked against the volume's physical
// size: go-libvirt takes any empty packet for the end.
func (c *Conn) DownloadVolume(ctx context.Context, v Volume, w io.Writer, progress Progress) (int64, error) {
	const op = "download volume"
	before, err := c.readVolume(ctx, v.handle())
	if err != nil {
		return 0, err
	}
	dst := &sink{w: w, failed: make(chan struct{})}
	err = c.transfer(ctx, op, v, &dst.meter, progress, dst.fail, func(l *golibvirt.Libvirt) error {
		return l.StorageVolDownload(v.handle(), dst, 0, 0, 0)
	}, dst.failed)
	n := dst.done.Load()
	if dstErr := dst.failure(); dstErr != nil && ctx.Err() == nil {
		return n, fmt.Errorf("volume %q: writing what is downloaded: %w", v.Name, dstErr)
	}
	if err != nil {
		return n, err
	}
	if uint64(n) != before.Physical {
		return n, &Error{Op: op, Object: v.Name, Message: fmt.Sprintf("%d bytes came, and the file has %d", n, before.Physical)}
	}
	return n, nil
}

// transfer runs a stream on a connection of its own until it is done, ctx ends, nothing moves any more, or abort is
// closed. Cutting the connection is the only way to end a stream (digitalocean/go-libvirt#241); stop tells the other
// end of the stream that nobody waits for it any longer.
func (c *Conn) transfer(ctx context.Context, op string, v Volume, m *meter, progress Progress, stop func(error), f func(*golibvirt.Libvirt) error, abort ...<-chan struct{}) error {
	l, err := c.fresh(ctx)
	if err != nil {
		return err
	}
	done := make(chan error, 1)
	go func() { done <- f(l.rpc) }()
	give := func(err error) error {
		stop(err)
		l.cut()
		return err
	}
	var aborted <-chan struct{}
	if len(abort) > 0 {
		aborted = abort[0]
	}
	failed, gone := l.wire.packets.failed, l.wire.gone
	var hung <-chan time.Time
	var why error
	tick := time.NewTicker(progressEvery)
	defer tick.Stop()
	last, moved := int64(0), time.Now()
	for {
		select {
		case err := <-done:
			if progress != nil && err == nil {
				progress(m.done.Load())
			}
			if err != nil {
				return give(callError(op, v.Name, err))
			}
			l.close()
			return nil
		// What went wrong is known here before go-libvirt returns, which it may never do.
		case e := <-failed:
			why, hung, failed = e, time.After(returnGrace), nil
		case <-gone:
			if why == nil {
				why = golibvirt.ErrInterrupted
			}
			hung, gone = time.After(returnGrace), nil
		case <-hung:
			return give(callError(op, v.Name, why))
		case <-aborted:
			return give(&Error{Op: op, Object: v.Name, Message: "given up"})
		case <-ctx.Done():
			return give(ctx.Err())
		case <-tick.C:
			n := m.done.Load()
			if n != last {
				last, moved = n, time.Now()
				if progress != nil {
					progress(n)
				}
			}
			if time.Since(moved) > stallLimit && !m.busy.Load() {
				return give(&Error{
					Op: op, Object: v.Name, Kind: ErrTimeout,
					Message: fmt.Sprintf("nothing has moved for %s, after %d bytes", stallLimit, n),
					Remedy:  "look at the host's disks and at the daemon's journal",
				})
			}
		}
	}
}

// meter counts a transfer's bytes. busy is true while the caller's own reader or writer is at work: then a
// standstill is not libvirt's.
type meter struct {
	done atomic.Int64
	busy atomic.Bool

	mu  sync.Mutex
	err error
}

func (m *meter) failure() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.err
}

func (m *meter) setFailure(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err == nil {
		m.err = err
	}
}

// errStopped ends a reader whose transfer is over.
var errStopped = errors.New("the transfer has ended")

// source is an upload's reader: exactly left bytes, and none after stop.
type source struct {
	meter
	r       io.Reader
	left    int64
	stopped atomic.Bool
}

func (s *source) Read(p []byte) (int, error) {
	switch {
	case s.stopped.Load():
		return 0, errStopped
	case s.left == 0:
		return 0, io.EOF
	}
	if int64(len(p)) > s.left {
		p = p[:s.left]
	}
	s.busy.Store(true)
	n, err := s.r.Read(p)
	s.busy.Store(false)
	s.left -= int64(n)
	s.done.Add(int64(n))
	if errors.Is(err, io.EOF) && s.left > 0 {
		err = fmt.Errorf("%w: %d bytes are missing", io.ErrUnexpectedEOF, s.left)
	}
	if err != nil && !errors.Is(err, io.EOF) {
		s.setFailure(err)
	}
	return n, err
}

func (s *source) stop(error) { s.stopped.Store(true) }

// sink is a download's writer. It never returns an error, with which go-libvirt would block its connection; it
// remembers it, and whoever waits cuts the connection.
type sink struct {
	meter
	w      io.Writer
	failed chan struct{}
	once   sync.Once
	over   atomic.Bool
}

func (s *sink) Write(p []byte) (int, error) {
	if s.over.Load() {
		return len(p), nil
	}
	s.busy.Store(true)
	n, err := s.w.Write(p)
	s.busy.Store(false)
	s.done.Add(int64(n))
	if err == nil && n < len(p) {
		err = io.ErrShortWrite
	}
	if err != nil {
		s.over.Store(true)
		s.setFailure(err)
		s.once.Do(func() { close(s.failed) })
	}
	return len(p), nil
}

func (s *sink) fail(error) { s.over.Store(true) }
