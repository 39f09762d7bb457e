package guest

import (
	"fmt"
	"time"
)

// tellEvery is how often a wait that goes on says what it waits for.
const tellEvery = time.Minute

// waiting tells a person, once a minute, why a wait goes on. Without it a guest
// whose PowerShell gives no answer, or to which nothing leads, looks for a
// quarter of an hour like a build that hangs.
type waiting struct {
	report func(string)
	what   string
	since  time.Time
	told   time.Time
}

func (s *Session) waiting(what string) *waiting {
	now := time.Now()
	return &waiting{report: s.report, what: what, since: now, told: now}
}

// still says that the wait goes on, and why, unless it was said just now.
func (w *waiting) still(why any) {
	if now := time.Now(); now.Sub(w.told) >= tellEvery {
		w.told = now
		w.report(fmt.Sprintf("Still waiting after %s: %s: %v", now.Sub(w.since).Round(time.Second), w.what, why))
	}
}
