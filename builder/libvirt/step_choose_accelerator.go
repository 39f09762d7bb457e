package libvirt

import (
	"context"
	"errors"
	"fmt"
	"log"
	"strings"

	"github.com/hashicorp/packer-plugin-sdk/multistep"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/libvirtapi"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/stepkit"
)

// prober is what this step asks of libvirt.
type prober interface {
	ProbeKVM(ctx context.Context, pool string) (libvirtapi.Probe, error)
	DomainCaps(ctx context.Context, acc libvirtapi.Accelerator) (libvirtapi.DomainCaps, error)
}

var _ prober = (*libvirtapi.Conn)(nil)

// stepChooseAccelerator decides between KVM and TCG by running a tiny guest:
// a /dev/kvm that can be opened proves nothing.
type stepChooseAccelerator struct{ config *Config }

func (s *stepChooseAccelerator) Title() string {
	if s.config.Accelerator == "tcg" {
		return ""
	}
	return "Probing KVM with a tiny guest"
}

func (s *stepChooseAccelerator) Run(ctx context.Context, bag multistep.StateBag) multistep.StepAction {
	return stepkit.Run(ctx, bag, s)
}

func (s *stepChooseAccelerator) Cleanup(bag multistep.StateBag) { stepkit.Cleanup(bag, s) }

func (s *stepChooseAccelerator) Do(ctx context.Context, bag multistep.StateBag) error {
	host, err := hostAs[prober](bag)
	if err != nil {
		return err
	}
	pool, err := thePool.Get(bag)
	if err != nil {
		return err
	}
	ui, err := stepkit.UI.Get(bag)
	if err != nil {
		return err
	}
	chosen, err := s.choose(ctx, host, pool.Name, ui.Say)
	if err != nil {
		return err
	}
	caps, err := host.DomainCaps(ctx, chosen)
	if err != nil {
		return err
	}
	var problems []error
	if err := caps.Missing(libvirtapi.Firmware(s.config.Firmware)); err != nil {
		problems = append(problems, fmt.Errorf("firmware: %w", err))
	}
	if caps.MaxCPUs > 0 && s.config.CPUs > caps.MaxCPUs {
		problems = append(problems, fmt.Errorf("cpus: %d, but machine type %s has at most %d", s.config.CPUs, caps.Machine, caps.MaxCPUs))
	}
	if plan, known := theDraft.Lookup(bag); known {
		problems = append(problems, plan.Security.offered(caps)...)
	}
	theCaps.Put(bag, caps)
	return errors.Join(problems...)
}

func (s *stepChooseAccelerator) choose(ctx context.Context, host prober, pool string, say func(string)) (libvirtapi.Accelerator, error) {
	if s.config.Accelerator == "tcg" {
		return libvirtapi.TCG, nil
	}
	probe, err := host.ProbeKVM(ctx, pool)
	if err != nil {
		return "", err
	}
	switch {
	case probe.Accelerator == libvirtapi.KVM:
		return libvirtapi.KVM, nil
	case s.config.Accelerator == "kvm":
		return "", fmt.Errorf(`accelerator: "kvm", but %s; mend that, or use accelerator = "auto"`, probe.Reason)
	default:
		say("Warning: no KVM; QEMU interprets the guest, and Windows takes hours instead of minutes.")
		say("Why: " + shortened(probe.Reason, 160))
		log.Printf("[WARN] no KVM: %s", probe.Reason)
		return libvirtapi.TCG, nil
	}
}

// shortened cuts text at a word's end, for QEMU's errors are long; the whole of
// it is in Packer's log.
func shortened(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	text = text[:limit]
	if end := strings.LastIndexByte(text, ' '); end > 0 {
		text = text[:end]
	}
	return strings.ToValidUTF8(text, "") + " … (PACKER_LOG=1 shows all)"
}
