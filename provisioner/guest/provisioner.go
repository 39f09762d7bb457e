// Package guest is the provisioner wintemplate-guest: drivers, cloudbase-init
// and the seal of a Windows template.
package guest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/hcl/v2/hcldec"
	packersdk "github.com/hashicorp/packer-plugin-sdk/packer"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/guest"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/redact"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/redact/packerui"
)

// Provisioner is wintemplate-guest.
type Provisioner struct{ config Config }

// ConfigSpec tells Packer the fields of the provisioner block.
func (p *Provisioner) ConfigSpec() hcldec.ObjectSpec { return p.config.FlatMapstructure().HCL2Spec() }

// Prepare decodes and checks the template. Packer's core zeroes a provisioner
// and prepares it again just before Provision, so nothing random or stateful
// happens here.
func (p *Provisioner) Prepare(raws ...any) error { return p.config.prepare(raws...) }

// Provision runs the blocks that are there, in their fixed order.
func (p *Provisioner) Provision(ctx context.Context, ui packersdk.Ui, comm packersdk.Communicator, generated map[string]any) error {
	ui = packerui.Wrap(ui)
	return redact.Error(p.provision(ctx, ui, comm, generated))
}

func (p *Provisioner) provision(ctx context.Context, ui packersdk.Ui, comm packersdk.Communicator, generated map[string]any) error {
	seat, err := readSeat(generated)
	if err != nil {
		return err
	}
	seat.Build = p.config.PackerBuilderType + "." + p.config.PackerBuildName
	mark := sealMark(seat)
	if mark.exists() {
		return errSealed
	}
	run, err := p.connect(ctx, ui, comm, seat)
	if err != nil {
		return err
	}
	for _, block := range p.config.blocks() {
		ui.Say(block.title())
		if err := block.run(ctx, run); err != nil {
			return fmt.Errorf("%s: %w", block.name(), err)
		}
	}
	if p.config.Sysprep != nil {
		// A later provisioner would otherwise wait for its own time-out.
		return mark.make()
	}
	return nil
}

// errSealed answers every provisioner of this kind that follows the seal.
var errSealed = errors.New("the guest is sealed and is powering off: sysprep must stand in the last provisioner of the build")

// run is what the blocks work with.
type run struct {
	ui      packersdk.Ui
	session *guest.Session
	seat    seat
	facts   guest.FactsResult
	settle  guest.Settle
	deliver courier
}

func (p *Provisioner) connect(ctx context.Context, ui packersdk.Ui, comm packersdk.Communicator, s seat) (*run, error) {
	r := &run{ui: ui, seat: s}
	line := s.line(comm, ui.Say)
	r.deliver = line
	r.session = guest.NewSession(line, guest.WithTransient(line.transient), guest.WithRefused(refused), guest.WithReport(ui.Say))
	r.settle = guest.DefaultSettle(s.manifest())
	r.settle.Deadline = p.config.ReadyTimeout

	ui.Say("Waiting for Windows to settle")
	ready, err := r.session.WaitReady(ctx, r.settle)
	if err != nil {
		return nil, err
	}
	if ready.ImageState == "IMAGE_STATE_GENERALIZE_RESEAL_TO_OOBE" {
		return nil, errSealed
	}
	r.facts, _, err = guest.Facts.Do(ctx, r.session, guest.None{})
	if err != nil {
		return nil, err
	}
	if !r.facts.Is64Bit {
		return nil, errors.New("the guest's shell starts a 32-bit PowerShell, which sees another registry and another System32; start the 64-bit one")
	}
	if !r.facts.Elevated {
		return nil, fmt.Errorf("the account %q has no administrator's rights over this connection; use the built-in Administrator, or set HKLM\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Policies\\System!LocalAccountTokenFilterPolicy=1 for the build", s.User)
	}
	if s.Guest == nil {
		// What the bootstrap does for this plugin's own builders.
		if _, _, err := guest.Power.Do(ctx, r.session, guest.None{}); err != nil {
			return nil, err
		}
		if _, _, err := guest.UpdatesPause.Do(ctx, r.session, guest.None{}); err != nil {
			return nil, err
		}
	}
	ui.Say(fmt.Sprintf("%s, build %d.%d, %s, firmware %s", r.facts.ProductName, r.facts.Build, r.facts.Revision, r.facts.Edition, r.facts.Firmware))
	return r, nil
}

// restart restarts Windows because reason asked for it.
func (r *run) restart(ctx context.Context, reason string) error {
	r.ui.Say("Restarting Windows: " + reason)
	began := time.Now()
	if _, err := r.session.Restart(ctx, reason, true, r.settle); err != nil {
		return err
	}
	r.ui.Say(fmt.Sprintf("Windows is back after %s", time.Since(began).Round(time.Second)))
	return nil
}
