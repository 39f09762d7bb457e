package libvirtapi

import "sync"

// queue hands values from one goroutine that must not wait to another that may be slow. When it is full the
// oldest value is dropped and overflow gives what stands for the loss.
type queue[T any] struct {
	mu     sync.Mutex
	items  []T
	lost   bool
	closed bool
	wake   chan struct{}
	stop   chan struct{}
	out    chan T

	limit    int
	overflow func() T
}

// newQueue starts the delivery to out. limit is the number of values kept.
func newQueue[T any](limit int, overflow func() T) *queue[T] {
	q := &queue[T]{wake: make(chan struct{}, 1), stop: make(chan struct{}), out: make(chan T), limit: limit, overflow: overflow}
	go q.deliver()
	return q
}

// put never blocks. After finish it does nothing.
func (q *queue[T]) put(v T) {
	q.mu.Lock()
	if !q.closed {
		if len(q.items) >= q.limit {
			q.items = q.items[1:]
			q.lost = true
		}
		q.items = append(q.items, v)
	}
	q.mu.Unlock()
	q.poke()
}

// finish closes out once everything has been taken.
func (q *queue[T]) finish() {
	q.mu.Lock()
	q.closed = true
	q.mu.Unlock()
	q.poke()
}

// discard closes out at once; what was not taken is dropped.
func (q *queue[T]) discard() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	select {
	case <-q.stop:
	default:
		close(q.stop)
	}
}

func (q *queue[T]) poke() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

func (q *queue[T]) next() (v T, ok, closed bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.lost:
		q.lost = false
		return q.overflow(), true, false
	case len(q.items) > 0:
		v, q.items = q.items[0], q.items[1:]
		return v, true, false
	}
	return v, false, q.closed
}

func (q *queue[T]) deliver() {
	defer close(q.out)
	for {
		v, ok, closed := q.next()
		switch {
		case ok:
			select {
			case q.out <- v:
			case <-q.stop:
				return
			}
		case closed:
			return
		default:
			select {
			case <-q.wake:
			case <-q.stop:
				return
			}
		}
	}
}
