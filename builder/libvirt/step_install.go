package libvirt

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/packer-plugin-sdk/multistep"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/beacon"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/libvirtapi"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/stepkit"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/winrm"
)

// attendant is what this step asks of libvirt.
type attendant interface {
	SetLink(ctx context.Context, d libvirtapi.Domain, mac string, up bool) error
	AttachDisk(ctx context.Context, d libvirtapi.Domain, target string, disk libvirtapi.DiskSpec) error
	Lease(ctx context.Context, network, mac string) (libvirtapi.Lease, error)
}

var _ attendant = (*libvirtapi.Conn)(nil)

// stepInstall watches Setup until WinRM answers with this build's certificate.
//
// The network card's link is down until the first logon: with a live network
// Windows installs updates in the out-of-box experience and reboots under us
// (unattend-generator#54, #190). The bootstrap's first beacon raises it. A
// guest whose beacons do not come through gets it after half of
// install_timeout, for a missing beacon proves nothing.
//
// The port is probed by TLS alone, without a logon: Windows locks an account
// after ten refused logons (KB5020282), which a polling client reaches soon.
type stepInstall struct {
	config *Config
	probe  func(ctx context.Context, address string, pin winrm.Pin) error
	poll   time.Duration
	now    func() time.Time
}

func (s *stepInstall) Title() string {
	return "Installing Windows; the stages are shown as the guest reports them"
}

func (s *stepInstall) Run(ctx context.Context, bag multistep.StateBag) multistep.StepAction {
	return stepkit.Run(ctx, bag, s)
}

func (s *stepInstall) Cleanup(bag multistep.StateBag) { stepkit.Cleanup(bag, s) }

// heartbeat is how often a silent installation says that it goes on.
const heartbeat = 10 * time.Minute

func (s *stepInstall) Do(ctx context.Context, bag multistep.StateBag) error {
	return withScreen(ctx, bag, s.config, s.now, s.watch(ctx, bag))
}

// watch follows the installation to its end.
func (s *stepInstall) watch(ctx context.Context, bag multistep.StateBag) error {
	caps, err := theCaps.Get(bag)
	if err != nil {
		return err
	}
	log, err := theGuestLog.Get(bag)
	if err != nil {
		return err
	}
	if err := log.revive(ctx); err != nil {
		return err
	}
	limit := s.timeout(caps.Accelerator)
	timed, cancel := context.WithTimeout(ctx, limit)
	defer cancel()

	if err := s.awaitFirstLogon(timed, log, limit/2); err != nil {
		return s.explain(ctx, timed, log, limit, err)
	}
	if err := s.openNetwork(timed, bag); err != nil {
		return s.explain(ctx, timed, log, limit, err)
	}
	address, err := s.awaitWinRM(timed, bag, log)
	if err != nil {
		return s.explain(ctx, timed, log, limit, err)
	}
	theAddress.Put(bag, address)
	return nil
}

func (s *stepInstall) timeout(acc libvirtapi.Accelerator) time.Duration {
	switch {
	case s.config.InstallTimeout > 0:
		return s.config.InstallTimeout
	case acc == libvirtapi.KVM:
		return 2 * time.Hour
	default:
		return 12 * time.Hour
	}
}

// explain turns "deadline exceeded" into what the user can act on.
func (s *stepInstall) explain(ctx, timed context.Context, log *guestLog, limit time.Duration, err error) error {
	if timed.Err() == nil || ctx.Err() != nil {
		return err
	}
	state, _ := log.Now()
	return fmt.Errorf("install_timeout: Windows was not ready after %s (%s). If it was only slow, raise install_timeout; to look at its screen, build with -on-error=ask and run: virt-viewer -c %s %s",
		limit, state.lastHeard(), s.config.LibvirtURI, s.config.VMName)
}

// awaitFirstLogon waits for the bootstrap's first beacon, or for the time at
// which it is no longer waited for.
func (s *stepInstall) awaitFirstLogon(ctx context.Context, log *guestLog, patience time.Duration) error {
	fallback := time.NewTimer(patience)
	defer fallback.Stop()
	alive := time.NewTicker(heartbeat)
	defer alive.Stop()
	for {
		state, changed := log.Now()
		if err := log.trouble(state); err != nil {
			return err
		}
		if firstLogonReached(state) {
			return nil
		}
		select {
		case <-changed:
		case <-alive.C:
			now, _ := log.Now()
			log.show("Setup goes on (" + now.lastHeard() + ")")
		case <-fallback.C:
			log.show("No word from the first logon so far; raising the network link all the same")
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func firstLogonReached(state guestState) bool {
	for _, stage := range []string{
		beacon.Bootstrap, beacon.BootstrapDrivers, beacon.BootstrapAgent,
		beacon.BootstrapNetwork, beacon.BootstrapWinRM, beacon.BootstrapReady,
	} {
		if state.Reached[stage] {
			return true
		}
	}
	return false
}

// openNetwork raises the link and, on a virtio-scsi build, plugs in the disk
// that lets Windows see the other storage driver. Not earlier: Setup installs
// on the first disk it finds.
func (s *stepInstall) openNetwork(ctx context.Context, bag multistep.StateBag) error {
	host, err := hostAs[attendant](bag)
	if err != nil {
		return err
	}
	plan, planErr := thePlan.Get(bag)
	domain, domainErr := theDomain.Get(bag)
	if err := errors.Join(planErr, domainErr); err != nil {
		return err
	}
	if other, ok := theOtherDisk.Lookup(bag); ok {
		err := host.AttachDisk(ctx, domain, "vda", libvirtapi.DiskSpec{Path: other.Path, Format: "qcow2", Bus: libvirtapi.VirtioBlk})
		if err != nil && !errors.Is(err, libvirtapi.ErrExists) {
			return err
		}
	}
	return host.SetLink(ctx, domain, plan.ID.MAC, true)
}

// awaitWinRM waits for the machine's address and then for its WinRM.
func (s *stepInstall) awaitWinRM(ctx context.Context, bag multistep.StateBag, log *guestLog) (string, error) {
	host, err := hostAs[attendant](bag)
	if err != nil {
		return "", err
	}
	plan, planErr := thePlan.Get(bag)
	cert, certErr := theCertificate.Get(bag)
	if err := errors.Join(planErr, certErr); err != nil {
		return "", err
	}
	tick := time.NewTicker(s.poll)
	defer tick.Stop()
	known := ""
	for {
		state, changed := log.Now()
		if err := log.trouble(state); err != nil {
			return "", err
		}
		lease, err := host.Lease(ctx, s.config.Network, plan.ID.MAC)
		switch {
		case errors.Is(err, libvirtapi.ErrNotFound):
		case err != nil:
			return "", err
		default:
			if address := lease.Address.String(); address != known {
				log.show("The guest has the address " + address)
				known = address
			}
			err := s.probe(ctx, known, cert.Pin)
			if err == nil {
				return known, nil
			}
			if !winrm.IsTransient(err) {
				return "", err
			}
		}
		select {
		case <-changed:
		case <-tick.C:
		case <-ctx.Done():
			return "", ctx.Err()
		}
	}
}

// probeWinRM connects, compares the certificate and hangs up.
func probeWinRM(ctx context.Context, address string, pin winrm.Pin) error {
	return winrm.New(winrm.Endpoint{Host: address, Port: winRMPort, Pin: pin}).Probe(ctx)
}
