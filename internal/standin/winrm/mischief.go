package winrm

import (
	"context"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// Mischief is a fault that the server commits on request.
type Mischief struct {
	Operation string        // "Create", "Command", "Send", "Receive", "Signal", "Delete"; "" any
	After     int           // let this many matching requests pass first
	Times     int           // commit it this often; 0: until taken back
	Do        Deed          //
	Delay     time.Duration // for Delay; for Freeze how long, 0 for ever
	Code      uint32        // for FaultCode
}

// Deed is what a Mischief does to a request.
type Deed int

// The deeds. Delay is the only one after which the request goes on as usual.
// Unauthorized is done before the request is read, so Operation must be empty.
const (
	Reset        Deed = iota + 1 // TCP RST instead of an answer
	EOF                          // connection closed without an answer
	Freeze                       // no answer, the connection stays open
	Delay                        // the answer is late
	Unauthorized                 // 401 although the password is right
	NotReady                     // fault 2147942421, "the device is not ready"
	FaultCode                    // a fault with Code
	ResetAfter                   // the operation happens, its answer is lost by RST
	Garbage                      // 200, and a body that is no SOAP
	Unavailable                  // HTTP 503, as http.sys answers while the service behind it is not there
	Truncated                    // the operation happens; half its answer, then the connection ends
	FreezeAfter                  // the operation happens, its answer never comes, the connection stays open
)

type mischiefs struct {
	mu    sync.Mutex
	armed []*armed
}

type armed struct {
	Mischief
	seen, done int
}

// Commit arms m and returns a function that takes it back.
func (s *Server) Commit(m Mischief) (undo func()) {
	a := &armed{Mischief: m}
	s.mischief.mu.Lock()
	defer s.mischief.mu.Unlock()
	s.mischief.armed = append(s.mischief.armed, a)
	return func() {
		s.mischief.mu.Lock()
		defer s.mischief.mu.Unlock()
		for i, x := range s.mischief.armed {
			if x == a {
				s.mischief.armed = append(s.mischief.armed[:i:i], s.mischief.armed[i+1:]...)
				return
			}
		}
	}
}

// due returns the mischiefs that this request meets.
func (ms *mischiefs) due(operation string, pick func(Deed) bool) []Mischief {
	ms.mu.Lock()
	defer ms.mu.Unlock()
	var due []Mischief
	for _, a := range ms.armed {
		if !pick(a.Do) || (a.Operation != "" && a.Operation != operation) {
			continue
		}
		a.seen++
		if a.seen <= a.After || (a.Times > 0 && a.done >= a.Times) {
			continue
		}
		a.done++
		due = append(due, a.Mischief)
	}
	return due
}

func (ms *mischiefs) unauthorized() bool {
	return len(ms.due("", func(d Deed) bool { return d == Unauthorized })) > 0
}

// before commits what is due before an operation. after is not nil when there
// is something to do once it has happened; it reports whether it answered.
func (ms *mischiefs) before(s *Server, w http.ResponseWriter, r *http.Request, operation string) (after func(http.ResponseWriter, *message, *reply) bool, f *fault, answered bool) {
	for _, m := range ms.due(operation, func(d Deed) bool { return d != Unauthorized }) {
		switch m.Do {
		case Delay:
			sleep(r.Context(), s.ctx, m.Delay)
		case Freeze:
			d := m.Delay
			if d == 0 {
				d = 24 * time.Hour
			}
			sleep(r.Context(), s.ctx, d)
			panic(http.ErrAbortHandler)
		case Reset:
			hangUp(w, true)
			return nil, nil, true
		case EOF:
			hangUp(w, false)
			return nil, nil, true
		case NotReady:
			return nil, faultNotReady(), false
		case FaultCode:
			return nil, &fault{code: m.Code, subcode: "w:InternalError", reason: "a fault on request"}, false
		case Unavailable:
			w.Header().Set("Server", "Microsoft-HTTPAPI/2.0")
			http.Error(w, "Service Unavailable", http.StatusServiceUnavailable)
			return nil, nil, true
		case Garbage:
			w.Header().Set("Content-Type", "application/soap+xml;charset=UTF-8")
			_, _ = w.Write([]byte("<html><body>It works!</body></html>"))
			return nil, nil, true
		case ResetAfter:
			after = func(w http.ResponseWriter, _ *message, _ *reply) bool {
				hangUp(w, true)
				return true
			}
		case FreezeAfter:
			after = func(http.ResponseWriter, *message, *reply) bool {
				sleep(r.Context(), s.ctx, 24*time.Hour)
				panic(http.ErrAbortHandler)
			}
		case Truncated:
			after = func(w http.ResponseWriter, m *message, rep *reply) bool {
				if rep == nil {
					return false
				}
				body := rep.envelope(m)
				w.Header().Set("Content-Type", "application/soap+xml;charset=UTF-8")
				w.Header().Set("Content-Length", strconv.Itoa(len(body)))
				_, _ = w.Write(body[:len(body)/2])
				panic(http.ErrAbortHandler)
			}
		}
	}
	return after, nil, false
}

func sleep(a, b context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-a.Done():
	case <-b.Done():
	}
}

// hangUp ends the connection without an answer, by RST or FIN.
func hangUp(w http.ResponseWriter, reset bool) {
	h, ok := w.(http.Hijacker)
	if !ok {
		panic(http.ErrAbortHandler)
	}
	conn, _, err := h.Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if t, ok := conn.(interface{ NetConn() net.Conn }); ok {
		conn = t.NetConn()
	}
	if tcp, ok := conn.(*net.TCPConn); ok && reset {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}
