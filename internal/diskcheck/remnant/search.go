package remnant

import (
	"context"
	"fmt"
	"io"
	"slices"
	"sync"
)

// Extent is a run of bytes that is really there.
type Extent struct{ Start, Length int64 }

// Hit is a place where a secret lies.
type Hit struct {
	At   int64  // bytes from the start of the disk
	Form string // "UTF-16LE"
}

const (
	piece = 4 << 20
	// MaxHits bounds what one search keeps.
	MaxHits = 1000
)

// Search looks through the extents, with one goroutine for each reader (which
// need not be safe for concurrent use). Memory is bounded by some 4 MiB a
// reader. It stops at MaxHits. progress, which may be nil, is called with the
// bytes that are done, by one goroutine at a time.
func Search(ctx context.Context, m *Matcher, readers []io.ReaderAt, extents []Extent, progress func(done int64)) ([]Hit, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	jobs := make(chan Extent)
	s := &search{matcher: m, progress: progress, cancel: cancel}
	var running sync.WaitGroup
	for _, r := range readers {
		running.Go(func() {
			buffer := make([]byte, piece+m.Overlap())
			for e := range jobs {
				if err := s.look(r, e, buffer); err != nil {
					cancel(err)
				}
			}
		})
	}
	for _, e := range cut(extents, m.Overlap()) {
		select {
		case jobs <- e:
			continue
		case <-ctx.Done():
		}
		break
	}
	close(jobs)
	running.Wait()
	slices.SortFunc(s.hits, func(a, b Hit) int { return int(min(max(a.At-b.At, -1), 1)) })
	if err := context.Cause(ctx); err != nil && len(s.hits) < MaxHits {
		return nil, err
	}
	return s.hits, nil
}

// cut makes pieces of extents, each with what a hit that begins in it may need
// of what follows.
func cut(extents []Extent, overlap int) []Extent {
	var list []Extent
	for _, e := range extents {
		end := e.Start + e.Length
		for at := e.Start; at < end; at += piece {
			list = append(list, Extent{at, min(piece+int64(overlap), end-at)})
		}
	}
	return list
}

type search struct {
	matcher  *Matcher
	progress func(done int64)
	cancel   context.CancelCauseFunc

	mu   sync.Mutex
	hits []Hit
	done int64
}

func (s *search) look(r io.ReaderAt, e Extent, buffer []byte) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("the disk image cannot be read at %d: %v", e.Start, r)
		}
	}()
	b := buffer[:e.Length]
	if n, err := r.ReadAt(b, e.Start); n < len(b) {
		return fmt.Errorf("read the disk at %d: %w", e.Start+int64(n), err)
	}
	var found []Hit
	s.matcher.Find(b, func(at int, form string) {
		if at < piece { // what begins later is the next piece's
			found = append(found, Hit{e.Start + int64(at), form})
		}
	})
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hits = append(s.hits, found...)
	if len(s.hits) >= MaxHits {
		s.hits = s.hits[:MaxHits]
		s.cancel(nil)
	}
	s.done += min(e.Length, piece)
	if s.progress != nil {
		s.progress(s.done)
	}
	return nil
}
