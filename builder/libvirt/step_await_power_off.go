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
type stepAwaitPowerOff struct {
	config *Config
	now    func() time.Time
	// patience is how long the seal's first beacon may take.
	patience time.Duration
}

func (s *stepAwaitPowerOff) Title() string {
	return "Waiting for Windows to seal itself and power off"
}

func (s *stepAwaitPowerOff) Run(ctx context.Context, bag multistep.StateBag) multistep.StepAction {
	return stepkit.Run(ctx, bag, s)
}

func (s *stepAwaitPowerOff) Cleanup(bag multistep.StateBag) { stepkit.Cleanup(bag, s) }

func (s *stepAwaitPowerOff) Do(ctx context.Context, bag multistep.StateBag) error {
	return withScreen(ctx, bag, s.config, s.now, s.await(ctx, bag))
}

// await waits for the power-off.
func (s *stepAwaitPowerOff) await(ctx context.Context, bag multistep.StateBag) error {
	caps, capsErr := theCaps.Get(bag)
	log, logErr := theGuestLog.Get(bag)
	plan, planErr := thePlan.Get(bag)
	iso, isoErr := theISO.Get(bag)
	owner, ownerErr := theISOOwner.Get(bag)
	if err := errors.Join(capsErr, logErr, planErr, isoErr, ownerErr); err != nil {
		return err
	}
	if err := log.revive(ctx); err != nil {
		return err
	}
	limit := s.timeout(caps.Accelerator)
	deadline := time.NewTimer(limit)
	defer deadline.Stop()
	unsealed := time.NewTimer(s.patience)
	defer unsealed.Stop()
	alive := time.NewTicker(heartbeat)
	defer alive.Stop()
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
		case <-unsealed.C:
			// A guest that was never heard of may seal itself as silently.
			if len(state.Reached) > 0 && !state.sealing() {
				log.show(fmt.Sprintf(notSealed, limit))
			}
		case <-alive.C:
			now, _ := log.Now()
			log.show("Still waiting for the power-off (" + now.lastHeard() + ")")
		case <-deadline.C:
			now, _ := log.Now()
			return s.late(limit, now)
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

// notSealed is said as soon as the provisioners are through without a seal. The
// build goes on, since a provisioner of the user's own may have started sysprep.
const notSealed = `Warning: no provisioner has sealed Windows. Unless one of yours runs sysprep itself, nothing will power the machine off, and the build fails after %s (shutdown_timeout). Interrupt it, and let this be the last provisioner: provisioner "wintemplate-guest" { sysprep {} }`

// late says what was missing when the machine did not power off.
func (s *stepAwaitPowerOff) late(limit time.Duration, state guestState) error {
	text := fmt.Sprintf("shutdown_timeout: Windows did not power off within %s of the last provisioner (%s)", limit, state.lastHeard())
	if len(state.Reached) > 0 && !state.sealing() {
		return fmt.Errorf(`%s. No seal was heard of: is the last provisioner a "wintemplate-guest" with sysprep {}?`, text)
	}
	return fmt.Errorf("%s. If the seal was only slow, raise shutdown_timeout", text)
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
