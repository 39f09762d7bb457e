package winrm

import (
	"strings"
	"sync"
)

// shell is one Windows Remote Shell.
type shell struct {
	id          string
	user        string
	directory   string
	environment map[string]string
	codePage    int

	mu        sync.Mutex
	closed    bool
	processes map[string]*process
}

// addShell makes a shell for user, with the client's own id when it names one.
func (s *Server) addShell(user, id string) (*shell, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	mine := 0
	for _, sh := range s.shells {
		if strings.EqualFold(sh.user, user) {
			mine++
		}
	}
	if mine >= s.quotas.ShellsPerUser {
		return nil, faultShellsQuota(s.quotas.ShellsPerUser)
	}
	if id == "" {
		id = newID()
	}
	if _, taken := s.shells[id]; taken || strings.ContainsAny(id, "<>&\"'") {
		return nil, faultSchema("the ShellId " + id + " is taken or malformed")
	}
	sh := &shell{id: id, user: user, processes: map[string]*process{}}
	s.shells[id] = sh
	return sh, nil
}

// shell finds a shell of this user; another user's is not there for him.
func (s *Server) shell(user, id string) (*shell, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sh := s.shells[strings.ToUpper(id)]
	if sh == nil || !strings.EqualFold(sh.user, user) {
		return nil, faultNoShell(id)
	}
	return sh, nil
}

func (sh *shell) process(id string) (*process, error) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	p := sh.processes[strings.ToUpper(strings.TrimSpace(id))]
	if p == nil {
		return nil, faultNoCommand(id)
	}
	return p, nil
}

// add counts p against MaxProcessesPerShell: a process counts until its client
// has signalled it, ended or not.
func (sh *shell) add(p *process, limit int) error {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if sh.closed {
		return faultNoShell(sh.id)
	}
	if len(sh.processes) >= limit {
		return faultProcessesQuota(limit)
	}
	if p.id == "" {
		p.id = newID()
	}
	if _, taken := sh.processes[p.id]; taken || strings.ContainsAny(p.id, "<>&\"'") {
		return faultSchema("the CommandId " + p.id + " is taken or malformed")
	}
	sh.processes[p.id] = p
	return nil
}

func (sh *shell) forget(p *process) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	delete(sh.processes, p.id)
}

func (sh *shell) count() int {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	return len(sh.processes)
}

// close ends the shell's processes.
func (sh *shell) close() {
	sh.mu.Lock()
	sh.closed = true
	all := sh.processes
	sh.processes = map[string]*process{}
	sh.mu.Unlock()
	for _, p := range all {
		p.end()
	}
}
