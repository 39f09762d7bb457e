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

// starter is what this step asks of libvirt.
type starter interface {
	StartPaused(ctx context.Context, d libvirtapi.Domain) error
	Listen(ctx context.Context, d libvirtapi.Domain) (<-chan libvirtapi.ConsoleLine, func(), error)
	AwaitOff(ctx context.Context, d libvirtapi.Domain) error
	Resume(ctx context.Context, d libvirtapi.Domain) error
}

var _ starter = libvirtHost{}

// stepBoot starts the machine. It is created with its CPUs stopped, the
// console is opened, and only then it runs: a console opened a few seconds
// later has lost the boot.
type stepBoot struct {
	config *Config
	now    func() time.Time

	hangUp func()
	stop   context.CancelFunc
}

func (s *stepBoot) Title() string { return "Starting the machine" }

func (s *stepBoot) Run(ctx context.Context, bag multistep.StateBag) multistep.StepAction {
	return stepkit.Run(ctx, bag, s)
}

func (s *stepBoot) Cleanup(bag multistep.StateBag) { stepkit.Cleanup(bag, s) }

func (s *stepBoot) Do(ctx context.Context, bag multistep.StateBag) error {
	host, err := hostAs[starter](bag)
	if err != nil {
		return err
	}
	domain, domainErr := theDomain.Get(bag)
	ui, uiErr := stepkit.UI.Get(bag)
	iso, isoErr := theISO.Get(bag)
	if err := errors.Join(domainErr, uiErr, isoErr); err != nil {
		return err
	}
	// The overlay stands for blocks of exactly this ISO.
	if err := iso.Check(); err != nil {
		return err
	}
	if _, err := stepkit.Record(bag, s, machineEntry(s.config.LibvirtURI, domain)); err != nil {
		return err
	}
	if err := host.StartPaused(ctx, domain); err != nil {
		return err
	}
	// The watch outlives this step; Undo ends it.
	watch, stop := context.WithCancel(context.WithoutCancel(ctx))
	s.stop = stop
	lines, hangUp, err := host.Listen(watch, domain)
	if err != nil {
		return err
	}
	s.hangUp = hangUp
	log := newGuestLog(ui.Say, s.now)
	go log.follow(lines)
	log.attend(watch, machine{
		off:    func(ctx context.Context) error { return s.full(bag, host.AwaitOff(ctx, domain)) },
		resume: func(ctx context.Context) error { return host.Resume(ctx, domain) },
	})
	theGuestLog.Put(bag, log)
	return host.Resume(ctx, domain)
}

// full names the pool whose lack of space stopped the machine.
func (s *stepBoot) full(bag multistep.StateBag, err error) error {
	if !errors.Is(err, libvirtapi.ErrNoSpace) {
		return err
	}
	pool, poolErr := thePool.Get(bag)
	plan, planErr := thePlan.Get(bag)
	if poolErr != nil || planErr != nil {
		return err
	}
	return fmt.Errorf("storage_pool: %q (%s) has run full: %w. With -on-error=ask, free some space there and answer r: the machine goes on where it was stopped. Otherwise free it, or choose another pool, and build again; this build needs about %s there",
		pool.Name, pool.Path, err, gib(plan.poolNeeds(0)))
}

// Undo hangs up the console; the machine itself is in the journal.
func (s *stepBoot) Undo(context.Context, multistep.StateBag) error {
	if s.stop != nil {
		s.stop()
		s.stop = nil
	}
	if s.hangUp != nil {
		s.hangUp()
		s.hangUp = nil
	}
	return nil
}
