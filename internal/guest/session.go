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
	runner Runner
}

// NewSession makes a session; it does not connect.
func NewSession(r Runner) *Session { return &Session{runner: r} }

// Error is an operation that answered that it failed.
type Error struct {
	Operation string
	Failure
}

func (e *Error) Error() string {
	s := fmt.Sprintf("%s: %s (%s)", e.Operation, e.Message, e.Code)
	if d := strings.TrimSpace(e.Detail); d != "" {
		s += "\n" + d
	}
	return s
}

// DeadlineError is an operation that did not end in time. Whether it still
// runs in the guest is not known.
type DeadlineError struct {
	Operation string
	Deadline  time.Duration
	LastSeen  string // what was last known of the guest
}

func (e *DeadlineError) Error() string {
	s := fmt.Sprintf("%s did not end within %s", e.Operation, e.Deadline)
	if e.LastSeen != "" {
		s += "; " + e.LastSeen
	}
	return s
}

// Reboot tells whether the operation asks for a restart.
type RebootWish bool

// Do runs the operation and waits for its answer.
func (c Call[P, R]) Do(ctx context.Context, s *Session, parameters P) (R, RebootWish, error) {
	var result R
	p, err := json.Marshal(parameters)
	if err != nil {
		return result, false, fmt.Errorf("%s: parameters: %w", c.Name, err)
	}
	e, err := s.do(ctx, c.Operation, p)
	if err != nil {
		return result, false, err
	}
	if err := json.Unmarshal(e.Result, &result); err != nil {
		return result, false, fmt.Errorf("%s: result: %w", c.Name, err)
	}
	return result, RebootWish(e.Reboot), nil
}

func (s *Session) do(ctx context.Context, o Operation, parameters json.RawMessage) (Envelope, error) {
	ctx, cancel := context.WithTimeout(ctx, o.Deadline)
	defer cancel()
	var stdout, stderr bytes.Buffer
	request := EncodeRequest(Request{Operation: o.Name, Parameters: parameters, Script: o.Script})
	exit, err := s.runner.Run(ctx, Launcher(), bytes.NewReader(request), &stdout, &stderr)
	if err != nil {
		return Envelope{}, fmt.Errorf("%s: %w", o.Name, err)
	}
	e, err := DecodeResult(stdout.Bytes())
	if errors.Is(err, ErrNoResult) {
		return Envelope{}, fmt.Errorf("%s: powershell.exe ended with code %d and no result: %s", o.Name, exit, strings.TrimSpace(stderr.String()))
	}
	if err != nil {
		return Envelope{}, fmt.Errorf("%s: %w", o.Name, err)
	}
	if !e.OK {
		return Envelope{}, &Error{Operation: o.Name, Failure: *e.Error}
	}
	return e, nil
}
