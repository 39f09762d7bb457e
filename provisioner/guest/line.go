package guest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/delivery"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/guest"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/winrm"
)

// courier brings a file of this machine into the guest, by the fastest way
// that it has. The operation that uses the file checks its digest once more.
type courier interface {
	send(ctx context.Context, local string, f delivery.File, remote string, say func(string)) error
}

// line is a connection to the guest.
type line interface {
	guest.Runner
	courier
	// transient says which errors a waiting caller may look past.
	transient(error) bool
}

// wire is our own WinRM client.
type wire struct {
	*winrm.Client
	say func(string)

	mu   sync.Mutex
	told time.Time // the end of the pause that was told last
}

func newWire(e winrm.Endpoint, say func(string), options ...winrm.Option) *wire {
	return &wire{Client: winrm.New(e, options...), say: say}
}

func (w *wire) send(ctx context.Context, _ string, f delivery.File, remote string, say func(string)) error {
	server, err := delivery.Serve(ctx, w.Endpoint().Address())
	if err != nil {
		say(fmt.Sprintf("The guest cannot pull files from here (%v)", err))
		server = nil
	} else {
		defer func() { _ = server.Close() }()
	}
	report, err := delivery.Deliver(ctx, w, server, f, remote, quarters(f, say))
	if err != nil {
		return err
	}
	if report.HTTPErr != nil {
		say(fmt.Sprintf("It went over WinRM, since the guest could not pull it: %v", report.HTTPErr))
	}
	return nil
}

// quarters says how far a file is, at each quarter of it.
func quarters(f delivery.File, say func(string)) func(delivery.Way, int64) {
	var way delivery.Way
	var said int64
	return func(w delivery.Way, done int64) {
		if w != way {
			way, said = w, 0
		}
		if q := done * 4 / max(f.Size, 1); q > said {
			said = q
			say(fmt.Sprintf("%s: %d %% over %s", f.Name, q*25, w))
		}
	}
}

// refused tells a refused logon from other errors.
func refused(err error) bool { return errors.Is(err, winrm.ErrUnauthorized) }

// transient: right after a restart Windows may refuse a good password for a
// moment, and an account that is locked opens again. The client itself sees to
// it that no account gets locked: after three refusals it tries none for eleven
// minutes (KB5020282), so a waiting caller may go on asking it.
func (w *wire) transient(err error) bool {
	var refusal *winrm.UnauthorizedError
	if errors.As(err, &refusal) {
		w.explain(refusal)
		return true
	}
	if errors.Is(err, guest.ErrNoResult) {
		return true
	}
	return winrm.IsTransient(err)
}

// explain tells each pause once: eleven silent minutes would look like a build
// that hangs, and a wrong password is better mended than waited for.
func (w *wire) explain(refusal *winrm.UnauthorizedError) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if refusal.PausedTo.IsZero() || refusal.PausedTo.Equal(w.told) {
		return
	}
	w.told = refusal.PausedTo
	w.say(fmt.Sprintf("Still waiting: %v", refusal))
}
