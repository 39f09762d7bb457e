package guest

import (
	"context"
	"errors"
	"io"
	"sync/atomic"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/guest"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/winrm"
)

// courier brings a file into the guest. The digest that the guest computed is
// empty when the way cannot tell; the installing operation checks it again.
type courier interface {
	send(ctx context.Context, remote string, src io.Reader, size int64) (sha256hex string, err error)
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
	refused atomic.Int32
}

func newWire(e winrm.Endpoint) *wire { return &wire{Client: winrm.New(e)} }

func (w *wire) send(ctx context.Context, remote string, src io.Reader, size int64) (string, error) {
	return w.Upload(ctx, remote, src, size, nil)
}

// refusals are how often a refused logon is looked past. Right after a
// restart Windows may refuse a good password for a moment; more would lock the
// account, the built-in Administrator's too, at ten (KB5020282).
const refusals = 3

func (w *wire) transient(err error) bool {
	if errors.Is(err, winrm.ErrUnauthorized) {
		return w.refused.Add(1) <= refusals
	}
	if errors.Is(err, guest.ErrNoResult) {
		return true
	}
	return winrm.IsTransient(err)
}
