package winrm

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"
)

// ServeHTTP answers one WS-Management request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if s.ctx.Err() != nil {
		panic(http.ErrAbortHandler)
	}
	if r.URL.Path != "/wsman" {
		http.NotFound(w, r)
		return
	}
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		http.Error(w, "WS-Management is POST only", http.StatusMethodNotAllowed)
		return
	}
	user, ok := s.logon(r)
	if !ok {
		refuse(w, r)
		return
	}
	kind, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "application/soap+xml" {
		http.Error(w, "WS-Management over HTTP is application/soap+xml", http.StatusUnsupportedMediaType)
		return
	}
	if cs := params["charset"]; cs != "" && !strings.EqualFold(cs, "utf-8") {
		http.Error(w, "this stand-in reads UTF-8 only; Windows reads UTF-16 too", http.StatusUnsupportedMediaType)
		return
	}
	buf := bytes.NewBuffer(make([]byte, 0, min(max(r.ContentLength, 0), int64(s.quotas.EnvelopeBytes))+bytes.MinRead))
	if _, err := buf.ReadFrom(io.LimitReader(r.Body, int64(s.quotas.EnvelopeBytes)+1)); err != nil {
		return // the client went away
	}
	body := buf.Bytes()
	if len(body) > s.quotas.EnvelopeBytes {
		_, _ = io.Copy(io.Discard, io.LimitReader(r.Body, 16<<20)) // so that the client can read the answer
		s.answer(w, nil, nil, faultEnvelopeQuota(s.quotas.EnvelopeBytes))
		return
	}
	m, err := parseMessage(body)
	if err != nil {
		s.answer(w, nil, nil, asFault(err))
		return
	}
	s.count(m.operation)
	reply, fault := s.perform(w, r, user, m)
	if reply == nil && fault == nil {
		return // a mischief has answered, or the client went away
	}
	s.answer(w, m, reply, fault)
}

// perform does one operation, with the mischief that is due before and after.
func (s *Server) perform(w http.ResponseWriter, r *http.Request, user string, m *message) (*reply, *fault) {
	after, fault, answered := s.mischief.before(s, w, r, m.operation)
	if answered || fault != nil {
		return nil, fault
	}
	if fault := s.enter(user); fault != nil {
		return nil, fault
	}
	defer s.leave(user)
	reply, err := s.dispatch(r.Context(), user, m)
	if after != nil && after(w, m, reply) {
		return nil, nil
	}
	if err != nil {
		if errors.Is(err, errGone) {
			return nil, nil
		}
		return nil, asFault(err)
	}
	return reply, nil
}

func (s *Server) logon(r *http.Request) (string, bool) {
	user, password, ok := r.BasicAuth()
	if !ok || s.mischief.unauthorized() {
		return "", false
	}
	return user, s.accounts.logon(user, password)
}

func refuse(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, io.LimitReader(r.Body, 16<<20))
	w.Header().Add("WWW-Authenticate", "Negotiate")
	w.Header().Add("WWW-Authenticate", `Basic realm="WSMAN"`)
	w.Header().Set("Server", "Microsoft-HTTPAPI/2.0")
	w.WriteHeader(http.StatusUnauthorized)
}

func (s *Server) count(operation string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts[operation]++
	s.counts[""]++
}

// enter counts an operation in flight against MaxConcurrentOperationsPerUser.
func (s *Server) enter(user string) *fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.operations[user] >= s.quotas.OperationsPerUser {
		return faultOperationsQuota(s.quotas.OperationsPerUser)
	}
	s.operations[user]++
	return nil
}

func (s *Server) leave(user string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.operations[user]--
}

func (s *Server) answer(w http.ResponseWriter, m *message, rep *reply, f *fault) {
	status := http.StatusOK
	var body []byte
	if f != nil {
		status = http.StatusInternalServerError
		body = f.envelope(m)
		s.cfg.Log("fault %d to %s: %s", f.code, m.name(), f.reason)
	} else {
		body = rep.envelope(m)
	}
	w.Header().Set("Content-Type", "application/soap+xml;charset=UTF-8")
	w.Header().Set("Server", "Microsoft-HTTPAPI/2.0")
	w.WriteHeader(status)
	_, _ = w.Write(body)
}
