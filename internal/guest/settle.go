package guest

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// Settle bounds the wait for a Windows that has settled.
type Settle struct {
	// Manifest is the disc manifest's SHA-256, which the bootstrap's marker
	// must hold; empty: no marker is asked for.
	Manifest string
	// Successes in a row, Interval apart. A guest whose bootstrap left its
	// marker needs fewer than one of which nothing is known: Windows answers
	// during its mini-setup, and then restarts.
	Successes int
	Interval  time.Duration
	// Deadline bounds it all.
	Deadline time.Duration
}

// DefaultSettle is right for a guest with that marker, or with none ("").
func DefaultSettle(manifest string) Settle {
	if manifest != "" {
		return Settle{Manifest: manifest, Successes: 2, Interval: 2 * time.Second, Deadline: 15 * time.Minute}
	}
	return Settle{Successes: 3, Interval: 10 * time.Second, Deadline: 15 * time.Minute}
}

// WaitReady returns once Windows has settled, with its last answer. A restart
// in between begins the count anew.
func (s *Session) WaitReady(ctx context.Context, settle Settle) (ReadyResult, error) {
	return s.waitReady(ctx, settle, "")
}

func (s *Session) waitReady(parent context.Context, settle Settle, notBoot string) (ReadyResult, error) {
	const name = "wait-ready"
	ctx, cancel := context.WithTimeout(parent, settle.Deadline)
	defer cancel()
	var (
		last     error
		sight    string
		good     int
		previous string
		wait     = s.waiting(name)
	)
	for {
		r, _, err := WaitReady.once().Do(ctx, s, ReadyParameters{ManifestSHA256: settle.Manifest})
		switch {
		case parent.Err() != nil:
			return ReadyResult{}, fmt.Errorf("%s: %w", name, parent.Err())
		case ctx.Err() != nil:
			return ReadyResult{}, s.late(name, settle.Deadline, sight, last)
		case err != nil:
			if !s.passes(err) {
				return ReadyResult{}, err
			}
			good, last = 0, err
		case r.BootID == notBoot:
			good, last, sight = 0, nil, "Windows answers, but has not restarted yet"
		case !r.Ready:
			good, last, sight = 0, nil, "Windows is not ready: "+strings.Join(r.WaitingFor, ", ")
		default:
			if r.BootID != previous {
				good = 0
			}
			last, previous = nil, r.BootID
			if good++; good >= settle.Successes {
				return r, nil
			}
			sight = fmt.Sprintf("Windows was ready %d of %d times in a row", good, settle.Successes)
		}
		if last != nil {
			wait.still(last)
		} else {
			wait.still(sight)
		}
		_ = s.pause(ctx, s.rest(err, settle.Interval)) // when the context ends, the next look says how
	}
}

// Restart restarts Windows and returns once it is back: with another boot id,
// and settled. cloudbaseInit asserts that cloudbase-init's service is disabled
// before the machine goes down.
func (s *Session) Restart(ctx context.Context, reason string, cloudbaseInit bool, settle Settle) (ReadyResult, error) {
	before, _, err := Reboot.Do(ctx, s, RebootParameters{Reason: reason, CloudbaseInit: cloudbaseInit})
	if err != nil {
		return ReadyResult{}, err
	}
	if before.BootID == "" {
		return ReadyResult{}, fmt.Errorf("%s: the answer holds no boot id", Reboot.Name)
	}
	r, err := s.waitReady(ctx, settle, before.BootID)
	if err != nil {
		return ReadyResult{}, fmt.Errorf("after the restart (%s): %w", reason, err)
	}
	return r, nil
}
