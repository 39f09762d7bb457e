package winrm

import (
	"sync"
	"time"
)

// Guard counts refused logons, so that waiting for a guest does not lock its
// account: Windows media of October 2022 and later lock the built-in
// Administrator too, after 10 refused network logons, for 10 minutes
// (KB5020282), and each further try keeps it locked.
type Guard struct {
	mu       sync.Mutex
	failures int
	until    time.Time
	now      func() time.Time
}

// NewGuard returns a Guard that lets three refused logons pass and then none
// for eleven minutes.
func NewGuard() *Guard { return &Guard{now: time.Now} }
