package winrm

import (
	"context"
	"errors"
	"io"
)

// Client runs commands in one guest. It is safe for concurrent use; each Run
// has a shell of its own (Windows allows 30 per user).
type Client struct {
	endpoint Endpoint
	settings settings
}

// New returns a client of the guest at e. Nothing is dialled yet.
func New(e Endpoint, opts ...Option) *Client {
	return &Client{endpoint: e, settings: newSettings(opts)}
}

// Endpoint returns where this client connects.
func (c *Client) Endpoint() Endpoint { return c.endpoint }

// Run starts commandLine under cmd.exe in a shell of its own, feeds it stdin
// (nil: none), copies what it writes, and returns its exit code. A non-zero
// exit code is no error. The command line may be 8,191 characters long, cmd.exe's
// limit. When ctx ends, the process is told to end, the shell is deleted, and
// the error is ctx's, within Limits.CleanUp.
//
// Errors: *Fault, *UnauthorizedError, *PinError, *ConnectionError,
// *SilenceError, *ProtocolError, or stdin's, stdout's and stderr's own.
func (c *Client) Run(ctx context.Context, commandLine string, stdin io.Reader, stdout, stderr io.Writer) (exit int, err error) {
	return -1, errors.New("not yet")
}

// Upload writes size bytes of src to remotePath in the guest, creating its
// folder, and returns the SHA-256 (lower-case hexadecimal) that the guest
// computed of the bytes on its disk; a digest other than that of the bytes
// sent is a *DigestError and leaves no file behind. The file appears under its
// name only when it is complete. progress (may be nil) is called with the
// number of bytes the guest has taken, from one goroutine.
func (c *Client) Upload(ctx context.Context, remotePath string, src io.Reader, size int64, progress func(done int64)) (sha256hex string, err error) {
	return "", errors.New("not yet")
}

// Probe connects, checks the pinned certificate and hangs up; nobody logs on,
// so it never counts towards an account lock-out. Errors: *ConnectionError,
// *PinError.
func (c *Client) Probe(ctx context.Context) error { return errors.New("not yet") }
