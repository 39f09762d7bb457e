package libvirt

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/packer-plugin-sdk/multistep"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/libvirtapi"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/stepkit"
	"github.com/wintemplate/packer-plugin-wintemplate/version"
)

// definer is what this step asks of libvirt.
type definer interface {
	DefineDomain(ctx context.Context, xml string) (libvirtapi.Domain, error)
}

var _ definer = (*libvirtapi.Conn)(nil)

// stepDefine defines the virtual machine; nothing runs yet.
type stepDefine struct {
	config *Config
	now    func() time.Time
}

func (s *stepDefine) Title() string { return "Defining the domain " + s.config.VMName }

func (s *stepDefine) Run(ctx context.Context, bag multistep.StateBag) multistep.StepAction {
	return stepkit.Run(ctx, bag, s)
}

func (s *stepDefine) Cleanup(bag multistep.StateBag) { stepkit.Cleanup(bag, s) }

func (s *stepDefine) Do(ctx context.Context, bag multistep.StateBag) error {
	host, err := hostAs[definer](bag)
	if err != nil {
		return err
	}
	spec, err := s.spec(bag)
	if err != nil {
		return err
	}
	xml, err := libvirtapi.DomainXML(spec)
	if err != nil {
		return err
	}
	d := libvirtapi.Domain{Name: spec.Name, UUID: spec.UUID}
	mark, err := stepkit.Record(bag, s, domainEntry(s.config.LibvirtURI, d))
	if err != nil {
		return err
	}
	d, err = host.DefineDomain(ctx, xml)
	if errors.Is(err, libvirtapi.ErrExists) {
		return errors.Join(fmt.Errorf("vm_name: %w", err), stepkit.Forget(bag, mark))
	}
	if err != nil {
		return err
	}
	theDomain.Put(bag, d)
	// Packer's StepProvision makes build.ID of it. The UUID and not the name: a
	// namesake that somebody defines later does not take it over.
	bag.Put("instance_id", d.UUID)
	return nil
}

// spec gathers the machine from what the earlier steps made. The disk is tried
// first and the installation disc second: a blank disk falls through to the
// disc, an installed one boots, so Setup never starts twice.
func (s *stepDefine) spec(bag multistep.StateBag) (libvirtapi.DomainSpec, error) {
	plan, planErr := thePlan.Get(bag)
	caps, capsErr := theCaps.Get(bag)
	disk, diskErr := theMainDisk.Get(bag)
	install, installErr := theInstallDisc.Get(bag)
	answers, answersErr := theAnswerDisc.Get(bag)
	if err := errors.Join(planErr, capsErr, diskErr, installErr, answersErr); err != nil {
		return libvirtapi.DomainSpec{}, err
	}
	install.BootOrder = 2
	return libvirtapi.DomainSpec{
		Name:        s.config.VMName,
		UUID:        plan.ID.UUID,
		Owner:       libvirtapi.Owner{Build: plan.ID.Build, Version: version.Plugin.FormattedVersion()},
		Accelerator: caps.Accelerator,
		Firmware:    plan.Firmware,
		Machine:     caps.Machine,
		CPUs:        s.config.CPUs,
		MemoryMiB:   s.config.Memory,
		ClockOffset: plan.Zone.OffsetAt(s.now()),
		Disks:       []libvirtapi.DiskSpec{{Path: disk.Path, Format: "qcow2", Bus: plan.DiskBus, BootOrder: 1}},
		CDs:         []libvirtapi.CDSpec{install, answers.CD},
		NIC:         libvirtapi.NICSpec{MAC: plan.ID.MAC, Network: s.config.Network},
		HyperV:      caps.HyperV,
		TPM:         plan.Security.TPM,
		SecureBoot:  plan.Security.SecureBoot,
	}, nil
}
