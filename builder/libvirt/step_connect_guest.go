package libvirt

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/packer-plugin-sdk/communicator"
	"github.com/hashicorp/packer-plugin-sdk/multistep"
	packersdk "github.com/hashicorp/packer-plugin-sdk/packer"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/stepkit"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/winrm"
)

// stepConnectGuest opens Packer's own WinRM communicator over our pinned
// transport, racing against the machine's end: the SDK's step alone would wait
// winrm_timeout for a machine that is off.
type stepConnectGuest struct {
	config *Config
	// connector makes the SDK's step; tests put a fake in its place.
	connector func(*communicator.Config) multistep.Step
	now       func() time.Time
}

func (s *stepConnectGuest) Title() string { return "Connecting to Windows" }

func (s *stepConnectGuest) Run(ctx context.Context, bag multistep.StateBag) multistep.StepAction {
	return stepkit.Run(ctx, bag, s)
}

func (s *stepConnectGuest) Cleanup(bag multistep.StateBag) { stepkit.Cleanup(bag, s) }

// theCommunicator is where the SDK's steps keep the connection.
var theCommunicator = stepkit.NewKey[packersdk.Communicator]("communicator", "stepConnectGuest")

func (s *stepConnectGuest) Do(ctx context.Context, bag multistep.StateBag) error {
	return withScreen(ctx, bag, s.config, s.now, s.open(ctx, bag))
}

// open makes the connection.
func (s *stepConnectGuest) open(ctx context.Context, bag multistep.StateBag) error {
	plan, planErr := thePlan.Get(bag)
	cert, certErr := theCertificate.Get(bag)
	address, addressErr := theAddress.Get(bag)
	log, logErr := theGuestLog.Get(bag)
	in, inErr := theInputs.Get(bag)
	if err := errors.Join(planErr, certErr, addressErr, logErr, inErr); err != nil {
		return err
	}
	if err := log.revive(ctx); err != nil {
		return err
	}

	comm := s.config.communicator(plan.Account, in.Password, address, cert.Pin, winrm.WithAdmission(log.admit))
	racing, lost := context.WithCancelCause(ctx)
	defer lost(nil)
	go func() {
		for {
			state, changed := log.Now()
			if err := log.trouble(state); err != nil {
				lost(err)
				return
			}
			select {
			case <-changed:
			case <-racing.Done():
				return
			}
		}
	}()

	inner := stepkit.Quiet(bag)
	action := s.connector(comm).Run(racing, inner)
	if action == multistep.ActionContinue {
		plain, err := theCommunicator.Get(bag)
		if err != nil {
			return err
		}
		theCommunicator.Put(bag, redacting{plain})
		return nil
	}
	if err := context.Cause(racing); err != nil && ctx.Err() == nil {
		return err
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	err := orError(inner.Failure(), errors.New("the connection could not be made"))
	return fmt.Errorf("WinRM at %s: %w; winrm_timeout is %s", address, err, comm.WinRMTimeout)
}

// communicator is Packer's configuration for this guest: a copy, for the
// Config is not written to after Prepare.
func (c *Config) communicator(user, password, address string, pin winrm.Pin, opts ...winrm.Option) *communicator.Config {
	comm := c.Comm
	comm.WinRMUser, comm.WinRMPassword, comm.WinRMHost = user, password, address
	comm.WinRMTransportDecorator = winrm.Decorator(func() winrm.Credentials {
		return winrm.Credentials{User: comm.WinRMUser, Password: comm.WinRMPassword}
	}, pin, opts...)
	return &comm
}

// sdkConnector is the SDK's connect step for comm.
func sdkConnector(comm *communicator.Config) multistep.Step {
	return &communicator.StepConnect{
		Config:    comm,
		Host:      func(multistep.StateBag) (string, error) { return comm.WinRMHost, nil },
		WinRMPort: func(multistep.StateBag) (int, error) { return winRMPort, nil },
	}
}

func orError(err, otherwise error) error {
	if err != nil {
		return err
	}
	return otherwise
}
