package winrm

import (
	"strings"
	"sync"
	"time"
)

// accounts locks an account after ten refused logons, as new installations do
// whose media hold the October 2022 update or a later one; the built-in
// Administrator too, for logons over the network (KB5020282).
type accounts struct {
	quotas Quotas
	check  func(user, password string) bool
	now    func() time.Time

	mu     sync.Mutex
	states map[string]*accountState
}

type accountState struct {
	failures int
	last     time.Time // last failure
	locked   time.Time // until
}

func (a *accounts) logon(user, password string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	name := strings.ToLower(user)
	name = name[strings.LastIndexByte(name, '\\')+1:]
	now := a.now()
	st := a.states[name]
	if st == nil {
		st = &accountState{}
		if a.states == nil {
			a.states = map[string]*accountState{}
		}
		a.states[name] = st
	}
	if now.Before(st.locked) {
		return false // even with the right password
	}
	if st.failures > 0 && now.Sub(st.last) >= a.quotas.LockoutDuration {
		st.failures = 0
	}
	if a.check(user, password) {
		st.failures = 0
		return true
	}
	st.failures++
	st.last = now
	if st.failures >= a.quotas.LockoutFailures {
		st.failures = 0
		st.locked = now.Add(a.quotas.LockoutDuration)
	}
	return false
}

// Locked reports whether user's account is locked now.
func (s *Server) Locked(user string) bool {
	a := s.accounts
	a.mu.Lock()
	defer a.mu.Unlock()
	st := a.states[strings.ToLower(user)]
	return st != nil && a.now().Before(st.locked)
}
