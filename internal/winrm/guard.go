package winrm

import (
	"sync"
	"time"
)

// Guard counts refused logons, so that waiting for a guest does not lock its
// account: Windows media of October 2022 and later lock the built-in
// Administrator too, after 10 refused network logons, for 10 minutes
// (KB5020282), and each further try keeps it locked.
//
// Three refusals in a row are let through; then nobody logs on for eleven
// minutes, and after that three more may try. Builder and provisioner are two
// processes with a Guard each, so together they stay below ten.
type Guard struct {
	mu       sync.Mutex
	failures int
	until    time.Time
	now      func() time.Time
}

const (
	guardFailures = 3
	guardPause    = 11 * time.Minute
)

// NewGuard returns a Guard that has seen no refused logon.
func NewGuard() *Guard { return &Guard{now: time.Now} }

// admit returns nil when a logon may be tried now.
func (g *Guard) admit(user, address string) *UnauthorizedError {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.failures < guardFailures {
		return nil
	}
	if !g.now().Before(g.until) {
		g.failures = 0
		return nil
	}
	return &UnauthorizedError{User: user, Address: address, Refused: g.failures, PausedTo: g.until}
}

func (g *Guard) refused(user, address string) *UnauthorizedError {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.failures++
	e := &UnauthorizedError{User: user, Address: address, Refused: g.failures}
	if g.failures >= guardFailures {
		g.until = g.now().Add(guardPause)
		e.PausedTo = g.until
	}
	return e
}

func (g *Guard) accepted() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.failures = 0
}
