package libvirt

import (
	"context"
	"errors"

	"github.com/hashicorp/packer-plugin-sdk/multistep"
	"github.com/hashicorp/packer-plugin-sdk/packerbuilderdata"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/handoff"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/stepkit"
)

// stepHandOff tells the provisioners about the guest: the pin of its
// certificate and the digest of the answer disc's manifest, as one string.
// Packer turns each value into HCL, and one that is no string would make every
// provisioner fail.
type stepHandOff struct{ config *Config }

func (s *stepHandOff) Title() string { return "" }

func (s *stepHandOff) Run(ctx context.Context, bag multistep.StateBag) multistep.StepAction {
	return stepkit.Run(ctx, bag, s)
}

func (s *stepHandOff) Cleanup(bag multistep.StateBag) { stepkit.Cleanup(bag, s) }

func (s *stepHandOff) Do(_ context.Context, bag multistep.StateBag) error {
	plan, planErr := thePlan.Get(bag)
	cert, certErr := theCertificate.Get(bag)
	disc, discErr := theAnswerDisc.Get(bag)
	if err := errors.Join(planErr, certErr, discErr); err != nil {
		return err
	}
	guest := handoff.Guest{
		CertificateSHA256:  cert.Hex(),
		DiscManifestSHA256: disc.ManifestSHA256,
		Build:              plan.Image.Build,
		Server:             plan.Product.Server,
		Edition:            plan.Image.EditionID,
		Language:           plan.Language,
		TimeZone:           plan.Zone.Windows,
		Firmware:           string(plan.Firmware),
		Account:            plan.Account,
		BuildProxy:         s.config.Proxy.buildOnly(),
	}
	(&packerbuilderdata.GeneratedData{State: bag}).Put(handoff.GuestKey, guest.String())
	return nil
}
