package guest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// Runner runs one command line in the guest, with a standard input.
// *winrm.Client is one.
type Runner interface {
	Run(ctx context.Context, commandLine string, stdin io.Reader, stdout, stderr io.Writer) (exit int, err error)
}

// Session runs operations through a Runner.
type Session struct {
	runner    Runner
	transient func(error) bool
	refused   func(error) bool
	report    func(string)
	pause     func(context.Context, time.Duration) error
	silence   time.Duration // WithSilence
	sight     sight
	// grace is how long a Runner whose context has ended may take to return.
	grace time.Duration
}

// Option changes a Session.
type Option func(*Session)

// WithTransient says which of the Runner's errors a repeatable operation may
// look past, by trying again until its deadline. Without it there are none.
func WithTransient(transient func(error) bool) Option {
	return func(s *Session) { s.transient = transient }
}

// WithRefused says which of the Runner's errors mean that the guest refused the
// logon. Generalizing a server resets the built-in Administrator
// (windows-imaging-tools#308), so from then on the seal cannot be watched.
func WithRefused(refused func(error) bool) Option {
	return func(s *Session) { s.refused = refused }
}

// WithReport is told, in one line each, what a person may want to read while
// an operation takes long.
func WithReport(report func(line string)) Option {
	return func(s *Session) { s.report = report }
}

// WithSilence says how long the guest may be silent while it is sealed before
// it is left to itself: the seal is detached, so a network that is lost does not
// stop it. 3 minutes.
func WithSilence(d time.Duration) Option {
	return func(s *Session) { s.silence = d }
}

// NewSession makes a session; it does not connect.
func NewSession(r Runner, options ...Option) *Session {
	s := &Session{
		runner:    r,
		transient: func(error) bool { return false },
		refused:   func(error) bool { return false },
		report:    func(string) {},
		pause:     sleep,
		silence:   3 * time.Minute,
		grace:     15 * time.Second,
	}
	for _, o := range options {
		o(s)
	}
	return s
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// RebootWish is true when the operation asks for a restart before anything
// else is done (Session.Restart).
type RebootWish bool

// Do runs the operation and waits for its answer, no longer than its deadline.
//
// Errors: *Error when the operation says that it failed, *DeadlineError, the
// context's error, or the Runner's own.
func (c Call[P, R]) Do(ctx context.Context, s *Session, parameters P) (R, RebootWish, error) {
	var result R
	p, err := marshal(parameters)
	if err != nil {
		return result, false, fmt.Errorf("%s: parameters: %w", c.Name, err)
	}
	e, err := s.do(ctx, c.Operation, p)
	if err != nil {
		return result, false, err
	}
	return decodeResult[R](c.Operation, e)
}

func decodeResult[R any](o Operation, e Envelope) (R, RebootWish, error) {
	var result R
	if !e.OK {
		return result, false, &Error{Operation: o.Name, Failure: *e.Error}
	}
	if err := json.Unmarshal(e.Result, &result); err != nil {
		return result, false, fmt.Errorf("%s: result: %w", o.Name, err)
	}
	return result, RebootWish(e.Reboot), nil
}

func (s *Session) do(parent context.Context, o Operation, parameters json.RawMessage) (Envelope, error) {
	ctx, cancel := context.WithTimeout(parent, o.Deadline)
	defer cancel()
	request := EncodeRequest(Request{Operation: o.Name, Parameters: parameters, Script: o.Script})
	wait, last := backoff(), error(nil)
	long := s.waiting(o.Name)
	for {
		e, err := s.attempt(ctx, request)
		switch {
		case err == nil:
			s.sight.set(o.Name, time.Now())
			return e, nil
		case parent.Err() != nil:
			return Envelope{}, fmt.Errorf("%s: %w", o.Name, parent.Err())
		case ctx.Err() != nil:
			return Envelope{}, s.late(o.Name, o.Deadline, "", last)
		case !o.Repeatable || !s.transient(err):
			return Envelope{}, fmt.Errorf("%s: %w", o.Name, err)
		}
		last = err
		long.still(err)
		if s.pause(ctx, s.rest(err, wait())) != nil {
			continue // the context has ended: the next attempt says how
		}
	}
}

// refusalRest is the pause after a refused logon. Only few may be tried in a
// row, so they are spread over the time in which a restarted Windows may still
// refuse a good password.
const refusalRest = 15 * time.Second

// rest is how long to wait after an error.
func (s *Session) rest(err error, otherwise time.Duration) time.Duration {
	if err != nil && s.refused(err) {
		return max(refusalRest, otherwise)
	}
	return otherwise
}

// backoff gives 1 s, 2 s, 4 s, then 5 s for ever.
func backoff() func() time.Duration {
	d := 500 * time.Millisecond
	return func() time.Duration {
		d = min(2*d, 5*time.Second)
		return d
	}
}

type outcome struct {
	stdout, stderr bytes.Buffer
	exit           int
	err            error
}

// attempt runs the launcher once. The deadline holds in this goroutine: a
// Runner that does not heed its context is left behind.
func (s *Session) attempt(ctx context.Context, request []byte) (Envelope, error) {
	if ctx.Err() != nil {
		return Envelope{}, ctx.Err()
	}
	done := make(chan *outcome, 1)
	go func() {
		out := &outcome{}
		out.exit, out.err = s.runner.Run(ctx, Launcher(), bytes.NewReader(request), &out.stdout, &out.stderr)
		done <- out
	}()
	var out *outcome
	select {
	case out = <-done:
	case <-ctx.Done():
		t := time.NewTimer(s.grace)
		defer t.Stop()
		select {
		case out = <-done:
		case <-t.C:
			return Envelope{}, ctx.Err()
		}
	}
	if out.err != nil {
		return Envelope{}, out.err
	}
	e, err := DecodeResult(out.stdout.Bytes())
	if errors.Is(err, ErrNoResult) {
		return Envelope{}, &NoResultError{Exit: out.exit, Stderr: strings.TrimSpace(out.stderr.String())}
	}
	if err != nil {
		return Envelope{}, err
	}
	return e, nil
}
