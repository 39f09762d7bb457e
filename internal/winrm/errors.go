package winrm

import (
	"errors"
	"fmt"
	"net/http"
	"time"
)

// ErrUnauthorized matches every *UnauthorizedError.
var ErrUnauthorized = errors.New("WinRM refused the logon (HTTP 401)")

// UnauthorizedError is a refused logon, or one not tried because too many
// were refused before.
type UnauthorizedError struct {
	User     string
	Address  string
	Refused  int       // refused logons in a row
	PausedTo time.Time // no further logon before this time; zero: none set
}

func (e *UnauthorizedError) Error() string {
	text := fmt.Sprintf("%s: WinRM refused the logon of %q (HTTP 401, %d in a row): wrong user or password, or the account is locked out", e.Address, e.User, e.Refused)
	if !e.PausedTo.IsZero() {
		return text + fmt.Sprintf("; no further try before %s, because Windows locks an account for 10 minutes after 10 refused logons (KB5020282) and each try keeps it locked", e.PausedTo.UTC().Format(time.RFC3339))
	}
	return text + "; check the user name (the built-in Administrator has another name in some languages) and whether something in the guest changed its password"
}

// Is matches ErrUnauthorized.
func (e *UnauthorizedError) Is(target error) bool { return target == ErrUnauthorized }

// PinError is a listener that showed another certificate than this build's.
type PinError struct {
	Address string
	Want    Pin
	Got     Pin
	Subject string // of the certificate shown
}

func (e *PinError) Error() string {
	if e.Want == (Pin{}) {
		return fmt.Sprintf("%s: no certificate is pinned for this guest; refusing to send a password to whoever answers (it shows %x, %s)", e.Address, e.Got, e.Subject)
	}
	return fmt.Sprintf("%s shows a certificate that is not this build's: want SHA-256 %x, found %x (%s); is another machine at this address, or has the guest made a listener of its own?", e.Address, e.Want, e.Got, e.Subject)
}

// ConnectionError is an exchange that broke at the level of TCP, TLS or HTTP.
type ConnectionError struct {
	Operation string // "Create", "Receive", …, "Probe"
	Address   string
	Err       error
}

func (e *ConnectionError) Error() string {
	return fmt.Sprintf("%s: the connection failed during WinRM's %s: %v; has the guest restarted, or lost its network?", e.Address, e.Operation, e.Err)
}

func (e *ConnectionError) Unwrap() error { return e.Err }

// SilenceError is a guest that took the connection and then gave no answer.
type SilenceError struct {
	Operation string
	Address   string
	Waited    time.Duration
}

func (e *SilenceError) Error() string {
	return fmt.Sprintf("%s: no answer to WinRM's %s for %s, although an idle guest answers at once or after its operation time-out; is it frozen, or gone without closing its connections?", e.Address, e.Operation, e.Waited.Round(time.Millisecond))
}

// Timeout makes it a net.Error's time-out.
func (e *SilenceError) Timeout() bool { return true }

// ProtocolError is an answer that is not what WS-Management prescribes.
type ProtocolError struct {
	Operation string
	Address   string
	Status    int    // HTTP status
	Found     string // what was found instead, shortened
}

func (e *ProtocolError) Error() string {
	return fmt.Sprintf("%s: the answer to WinRM's %s (HTTP %d) is not WS-Management: %s; is port and address that of a Windows guest's HTTPS listener?", e.Address, e.Operation, e.Status, e.Found)
}

// DigestError is a file that arrived in the guest other than it was sent.
type DigestError struct {
	Path string
	Want string // SHA-256 of the bytes sent
	Got  string // SHA-256 that the guest computed
}

func (e *DigestError) Error() string {
	return fmt.Sprintf("%s arrived damaged: sent SHA-256 %s, the guest has %s; nothing was left there", e.Path, e.Want, e.Got)
}

// IsTransient reports whether err is one that a guest which is starting,
// restarting or busy gives, so that a caller who waits for it may try again
// later: no connection, no answer, "device not ready", "shutdown in progress".
// A refused logon, a wrong certificate and an ended context are not transient.
func IsTransient(err error) bool {
	var (
		pin      *PinError
		conn     *ConnectionError
		silence  *SilenceError
		protocol *ProtocolError
		fault    *Fault
	)
	switch {
	case errors.As(err, &pin):
		return false
	case errors.As(err, &conn), errors.As(err, &silence):
		return true
	case errors.As(err, &protocol):
		// http.sys answers so while the WinRM service behind it is not there.
		return protocol.Status == http.StatusServiceUnavailable || protocol.Status == http.StatusNotFound
	case errors.As(err, &fault):
		return faults[fault.Code].transient
	}
	return false
}
