package libvirt

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/packer-plugin-sdk/multistep"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/libvirtapi"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/stepkit"
)

// stepAwaitPowerOff waits until Windows has sealed itself and powered the
// machine off. The seal runs detached in the guest, so nothing but the power
// state and its beacons tells of it; and off is all that it tells: what state
// the disk is in, stepCheckDisk reads.
type stepAwaitPowerOff struct{ config *Config }

func (s *stepAwaitPowerOff) Title() string {
	return "Waiting for Windows to seal itself and power off"
}

func (s *stepAwaitPowerOff) Run(ctx context.Context, bag multistep.StateBag) multistep.StepAction {
	return stepkit.Run(ctx, bag, s)
}

func (s *stepAwaitPowerOff) Cleanup(bag multistep.StateBag) { stepkit.Cleanup(bag, s) }

func (s *stepAwaitPowerOff) Do(ctx context.Context, bag multistep.StateBag) error {
	caps, capsErr := theCaps.Get(bag)
	log, logErr := theGuestLog.Get(bag)
	plan, planErr := thePlan.Get(bag)
	iso, isoErr := theISO.Get(bag)
	owner, ownerErr := theISOOwner.Get(bag)
	if err := errors.Join(capsErr, logErr, planErr, isoErr, ownerErr); err != nil {
		return err
	}
	limit := s.timeout(caps.Accelerator)
	deadline := time.NewTimer(limit)
	defer deadline.Stop()
	for {
		state, changed := log.Now()
		if state.Ended && state.EndErr == nil && state.Failed == nil {
			log.show("Windows has powered the machine off")
			break
		}
		if err := log.trouble(state); err != nil {
			return err
		}
		select {
		case <-changed:
		case <-deadline.C:
			return fmt.Errorf(`shutdown_timeout: Windows did not power off within %s of the last provisioner (%s). Sealing does that: is the last provisioner "wintemplate-guest" with a sysprep block? If it was only slow, raise shutdown_timeout`, limit, state.lastHeard())
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	// Windows was installed from this ISO through the overlay: had it changed
	// meanwhile, blocks of two discs would be mixed.
	if err := iso.Check(); err != nil {
		return err
	}
	return owner.check(plan.Files.ISO)
}

func (s *stepAwaitPowerOff) timeout(acc libvirtapi.Accelerator) time.Duration {
	switch {
	case s.config.ShutdownTimeout > 0:
		return s.config.ShutdownTimeout
	case acc == libvirtapi.KVM:
		return 30 * time.Minute
	default:
		return 3 * time.Hour
	}
}
