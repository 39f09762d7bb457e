package guest

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"strings"
	"time"
)

// Detachment says how an operation is run as a task.
type Detachment struct {
	// Stage is told each stage that the operation enters; a true answer ends
	// the wait, with no error and no result.
	Stage func(id, stage string) (leave bool)
	// Ends says which errors of the connection end the wait, with no error and
	// no result; nil: none.
	Ends func(error) bool
	// Silence is how long the guest may be silent before the wait ends, with no
	// error and no result; 0: until the operation's deadline.
	Silence time.Duration
}

// Detached runs the operation as a task of LocalSystem that outlives the
// connection, and waits for its answer. While the guest cannot be reached it goes on asking,
// until the operation's deadline: the virtio MSI takes the network adapter
// away for a while (virtio-win-pkg-scripts#48).
//
// Errors: those of Do, and *LostError.
func (c Call[P, R]) Detached(ctx context.Context, s *Session, parameters P, how Detachment) (R, RebootWish, error) {
	var result R
	p, err := marshal(parameters)
	if err != nil {
		return result, false, fmt.Errorf("%s: parameters: %w", c.Name, err)
	}
	id := taskID(c.Name)
	_, _, err = TaskStart.Do(ctx, s, TaskStartParameters{
		ID: id, Operation: c.Name, Parameters: string(p), Script: c.Script, Launcher: launcher,
		TimeoutSeconds: int(c.Deadline.Seconds()),
	})
	if err != nil {
		return result, false, err
	}
	e, left, err := s.await(ctx, c.Operation, id, how)
	if err != nil || left {
		return result, false, err
	}
	if _, _, err := TaskRemove.Do(ctx, s, TaskParameters{ID: id}); err != nil {
		s.report(fmt.Sprintf("the finished task %s could not be removed: %v", id, err))
	}
	return decodeResult[R](c.Operation, e)
}

// taskID is new for each start: a task of an earlier try must not answer.
func taskID(operation string) string {
	var b [4]byte
	_, _ = rand.Read(b[:]) // never fails since Go 1.24
	return strings.ReplaceAll(operation, ".", "-") + "-" + hex.EncodeToString(b[:])
}

// lostLooks is how often in a row a task must look lost: between its start
// and its first instruction the scheduler calls it ready.
const lostLooks = 4

func (s *Session) await(parent context.Context, o Operation, id string, how Detachment) (e Envelope, left bool, err error) {
	ctx, cancel := context.WithTimeout(parent, o.Deadline)
	defer cancel()
	var (
		wait  = 500 * time.Millisecond
		last  error
		boot  string
		stage string
		lost  int
		since time.Time // when the guest fell silent
	)
	for {
		status, _, err := TaskStatus.once().Do(ctx, s, TaskParameters{ID: id})
		switch {
		case parent.Err() != nil:
			return Envelope{}, false, fmt.Errorf("%s: %w", o.Name, parent.Err())
		case ctx.Err() != nil:
			return Envelope{}, false, s.late(o.Name, o.Deadline, seen(stage), last)
		case err != nil && how.Ends != nil && how.Ends(err):
			return Envelope{}, true, nil
		case err != nil:
			if !s.passes(err) {
				return Envelope{}, false, err
			}
			if last == nil {
				since = time.Now()
				s.report(fmt.Sprintf("%s: the guest does not answer; still waiting (%v)", o.Name, err))
			}
			last = err
			if how.Silence > 0 && time.Since(since) >= how.Silence {
				s.report(fmt.Sprintf("%s: the guest has been silent for %s%s; it goes on by itself, and its power-off and its disk will tell how it ended", o.Name, how.Silence, comma(seen(stage))))
				return Envelope{}, true, nil
			}
		default:
			if last != nil {
				s.report(o.Name + ": the guest answers again")
				last = nil
			}
			if boot == "" {
				boot = status.BootID
			}
			// An empty one was read while the task wrote it.
			if status.Stage != stage && status.Stage != "" {
				stage = status.Stage
				if how.Stage != nil && how.Stage(id, stage) {
					return Envelope{}, true, nil
				}
			}
			switch status.State {
			case TaskDone:
				e, err := decodeEnvelope([]byte(status.Envelope))
				return e, false, err
			case TaskRunning:
				lost = 0
			default:
				if lost++; lost >= lostLooks {
					return Envelope{}, false, &LostError{Operation: o.Name, Stage: stage, Restarted: status.BootID != boot, Code: status.LastResult}
				}
			}
		}
		if s.pause(ctx, s.rest(err, wait)) == nil {
			wait = min(wait*3/2, 5*time.Second)
		}
	}
}

func seen(stage string) string {
	if stage == "" {
		return ""
	}
	return "its stage " + stage
}

func comma(s string) string {
	if s == "" {
		return ""
	}
	return ", last seen: " + s
}
