package guest

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"

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
	if err := r.comm.Upload(path, stdin, nil); err != nil {
		return 0, &uploadError{err}
	}
	cmd := &packersdk.RemoteCmd{Command: guest.LauncherFor(path), Stdout: stdout, Stderr: stderr}
	if err := r.comm.Start(ctx, cmd); err != nil {
		return 0, fmt.Errorf("start the launcher: %w", err)
	}
	return cmd.Wait(), nil
}

func (r *relay) send(_ context.Context, local string, _ delivery.File, remote string, _ func(string)) error {
	src, err := os.Open(local)
	if err != nil {
		return err
	}
	defer func() { _ = src.Close() }()
	return r.comm.Upload(remote, src, nil)
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
