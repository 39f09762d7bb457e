package libvirt

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/packer-plugin-sdk/multistep"
	packersdk "github.com/hashicorp/packer-plugin-sdk/packer"
)

// provisionHook runs Packer's provisioners, and ends them with the reason when
// the guest can't answer them any more: Packer's own would try again until
// their time-outs, of which nobody learns that Windows is sealed, crashed or
// off.
type provisionHook struct {
	packersdk.Hook
	bag   multistep.StateBag
	grace time.Duration // for a provisioner to see itself that the machine is off
}

// errSealed answers a provisioner that speaks to Windows after the seal.
var errSealed = errors.New(`Windows seals itself and powers off, and a later provisioner asked something of it: provisioners must stand before the "wintemplate-guest" with sysprep {}, which is the last`)

// Run is Packer's Hook.
func (h *provisionHook) Run(ctx context.Context, name string, ui packersdk.Ui, comm packersdk.Communicator, data any) error {
	if name != packersdk.HookProvision {
		return h.Hook.Run(ctx, name, ui, comm, data)
	}
	log, err := theGuestLog.Get(h.bag)
	if err != nil {
		return err
	}
	if err := log.revive(ctx); err != nil {
		return err
	}
	watched, end := context.WithCancelCause(ctx)
	defer end(nil)
	ended := make(chan error, 1)
	go func() { ended <- h.Hook.Run(watched, name, ui, comm, data) }()
	go h.watch(watched, log, end)
	select {
	case err = <-ended:
	case <-watched.Done():
		select {
		case err = <-ended:
		case <-time.After(h.grace): // a provisioner that does not let itself be ended
			err = context.Cause(watched)
		}
	}
	if err != nil && ctx.Err() == nil && watched.Err() != nil {
		return context.Cause(watched)
	}
	return err
}

// watch calls end when the guest is lost for provisioners. One that powers off
// after the seal is not: the provisioner that sealed it sees so itself.
func (h *provisionHook) watch(ctx context.Context, log *guestLog, end context.CancelCauseFunc) {
	var off <-chan time.Time
	for {
		state, changed := log.Now()
		switch {
		case state.Disturbed:
			end(errSealed)
		case state.Ended && state.EndErr != nil:
			end(state.trouble())
		case state.Ended && off == nil:
			timer := time.NewTimer(h.grace)
			defer timer.Stop()
			off = timer.C
		}
		select {
		case <-changed:
		case <-off:
			end(fmt.Errorf(`Windows has powered the machine off, and a provisioner still runs (%s): is there one behind the "wintemplate-guest" with sysprep {}, which must be the last?`, state.lastHeard()))
		case <-ctx.Done():
			return
		}
	}
}
