package guest

import (
	"fmt"
	"strings"
	"time"
)

// Error is an operation that answered that it failed.
type Error struct {
	Operation string
	Failure
}

func (e *Error) Error() string {
	s := fmt.Sprintf("%s: %s (%s)", e.Operation, e.Message, e.Code)
	if d := strings.TrimSpace(e.Detail); d != "" {
		s += "\n" + d
	}
	return s
}

// DeadlineError is an operation that did not end in time. Whether it still
// runs in the guest is not known.
type DeadlineError struct {
	Operation string
	Deadline  time.Duration
	Seen      string // what was last known of the guest
	// Answered is the operation that the guest answered last, AnsweredAt when;
	// empty when it has answered nothing in this session.
	Answered   string
	AnsweredAt time.Time
	Ago        time.Duration // since AnsweredAt
	Last       error         // the last error of the connection
}

func (e *DeadlineError) Error() string {
	s := fmt.Sprintf("%s did not end within %s", e.Operation, e.Deadline)
	if e.Seen != "" {
		s += "; last seen: " + e.Seen
	}
	if e.Answered != "" {
		s += fmt.Sprintf("; the guest last answered %s at %s, %s before", e.Answered, e.AnsweredAt.UTC().Format(time.RFC3339), e.Ago.Round(time.Second))
	} else {
		s += "; the guest has not answered once"
	}
	if e.Last != nil {
		s += fmt.Sprintf("; last error: %v", e.Last)
	}
	return s
}

func (e *DeadlineError) Unwrap() error { return e.Last }

// NoResultError is a powershell.exe that ended without its result line.
type NoResultError struct {
	Exit   int
	Stderr string
}

func (e *NoResultError) Error() string {
	s := fmt.Sprintf("powershell.exe ended with code %d and no result", e.Exit)
	if e.Stderr != "" {
		s += ": " + firstLines(e.Stderr, 12)
	}
	return s
}

// Is makes errors.Is(err, ErrNoResult) true.
func (e *NoResultError) Is(target error) bool { return target == ErrNoResult }

func firstLines(s string, n int) string {
	lines := strings.SplitN(s, "\n", n+1)
	return strings.Join(lines[:min(n, len(lines))], "\n")
}

// LostError is a task that neither runs nor has answered.
type LostError struct {
	Operation string
	Stage     string // the last that it entered; may be empty
	Restarted bool   // the machine has restarted since the task began
	Code      int64  // the task scheduler's code
}

func (e *LostError) Error() string {
	s := e.Operation + " ended without an answer"
	if e.Restarted {
		s = e.Operation + " was cut off: Windows restarted while it ran"
	}
	if e.Stage != "" {
		s += ", in its stage " + e.Stage
	}
	return fmt.Sprintf("%s (task scheduler: 0x%x)", s, uint32(e.Code))
}
