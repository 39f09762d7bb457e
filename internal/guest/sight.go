package guest

import (
	"errors"
	"sync"
	"time"
)

// sight is what was last heard of the guest.
type sight struct {
	mu        sync.Mutex
	operation string
	at        time.Time
}

func (l *sight) set(operation string, at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.operation, l.at = operation, at
}

// late is the error of an operation that did not end in time, with what was
// last heard of the guest.
func (s *Session) late(operation string, deadline time.Duration, seen string, last error) *DeadlineError {
	s.sight.mu.Lock()
	defer s.sight.mu.Unlock()
	e := &DeadlineError{Operation: operation, Deadline: deadline, Seen: seen, Last: last}
	if s.sight.operation != "" {
		e.Answered, e.AnsweredAt, e.Ago = s.sight.operation, s.sight.at, time.Since(s.sight.at)
	}
	return e
}

// passes says whether a wait of many looks goes on after the error of one: a
// look that hung until its own deadline is one that the next may follow.
func (s *Session) passes(err error) bool {
	var late *DeadlineError
	return errors.As(err, &late) || s.transient(err)
}
