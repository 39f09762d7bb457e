package guest

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	packersdk "github.com/hashicorp/packer-plugin-sdk/packer"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/delivery"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/guest"
)

// relay speaks through the communicator of another builder. Packer's WinRM
// communicator has no standard input, so a request is put into a file of the
// guest, which the launcher deletes as soon as it has read it.
type relay struct{ comm packersdk.Communicator }

func newRelay(comm packersdk.Communicator) *relay { return &relay{comm: comm} }

// uploadError is a request that did not arrive: nothing has run, so it may be
// sent again.
type uploadError struct{ err error }

func (e *uploadError) Error() string { return "put the request into the guest: " + e.err.Error() }
func (e *uploadError) Unwrap() error { return e.err }

func (r *relay) Run(ctx context.Context, commandLine string, stdin io.Reader, stdout, stderr io.Writer) (int, error) {
	if commandLine != guest.Launcher() {
		return 0, errors.New("only the launcher runs through Packer's communicator")
	}
	path := `C:\Windows\Temp\wintemplate-` + token() + `.request`
	if err := r.comm.Upload(slashed(path), stdin, nil); err != nil {
		return 0, &uploadError{err}
	}
	cmd := &packersdk.RemoteCmd{Command: guest.LauncherFor(path), Stdout: stdout, Stderr: stderr}
	if err := r.comm.Start(ctx, cmd); err != nil {
		return 0, fmt.Errorf("start the launcher: %w", err)
	}
	return cmd.Wait(), nil
}

// slashed is path as every communicator takes it: the SSH one takes it apart by
// the rules of the machine that runs Packer, and the WinRM one turns it back.
func slashed(path string) string { return strings.ReplaceAll(path, `\`, "/") }

// sendPatience is how long a file may take through Packer's communicator, which
// has no time-out of its own: 10 minutes, and a second for each 32 KB.
func sendPatience(size int64) time.Duration {
	return 10*time.Minute + time.Duration(size>>15)*time.Second
}

func (r *relay) send(ctx context.Context, local string, f delivery.File, remote string, say func(string)) error {
	return r.upload(ctx, sendPatience(f.Size), local, remote, quarters(f, say))
}

// relayed is the way of a file through Packer's communicator.
const relayed delivery.Way = "Packer's communicator"

// counted tells how much of a file was read.
type counted struct {
	io.Reader
	done int64
	told func(delivery.Way, int64)
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.done += int64(n)
	c.told(relayed, c.done)
	return n, err
}

// upload leaves an upload behind that does not end in time: it heeds no context.
func (r *relay) upload(ctx context.Context, patience time.Duration, local, remote string, told func(delivery.Way, int64)) error {
	src, err := os.Open(local)
	if err != nil {
		return err
	}
	done := make(chan error, 1)
	go func() {
		defer func() { _ = src.Close() }()
		done <- r.comm.Upload(slashed(remote), &counted{Reader: src, told: told}, nil)
	}()
	t := time.NewTimer(patience)
	defer t.Stop()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return fmt.Errorf("the upload by Packer's communicator did not end within %s", patience)
	}
}

// transient: the errors of Packer's communicators have no types. Repeatable
// operations are tried again after any of them, until their deadline.
func (r *relay) transient(err error) bool {
	return !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded)
}

func token() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails since Go 1.24
	return hex.EncodeToString(b[:])
}
