package guest

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

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
	refusals atomic.Int32
}

func newWire(e winrm.Endpoint) *wire { return &wire{Client: winrm.New(e)} }

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

// maxRefusals is how often a refused logon is looked past. Right after a
// restart Windows may refuse a good password for a moment; more would lock the
// account, the built-in Administrator's too, at ten (KB5020282).
const maxRefusals = 3

// refused tells a refused logon from other errors.
func refused(err error) bool { return errors.Is(err, winrm.ErrUnauthorized) }

func (w *wire) transient(err error) bool {
	if refused(err) {
		return w.refusals.Add(1) <= maxRefusals
	}
	if errors.Is(err, guest.ErrNoResult) {
		return true
	}
	return winrm.IsTransient(err)
}
