package libvirt

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/hashicorp/packer-plugin-sdk/multistep"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/libvirtapi"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/media"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/stepkit"
)

// stepInstallDisc puts the installation disc where QEMU can read it: a small
// qcow2 overlay in the pool over the user's ISO, which is neither changed nor
// copied. Under UEFI the overlay replaces the boot image that asks for a key;
// under BIOS it is empty. Only where QEMU's user can't read the ISO, a copy in
// the pool stands in for it, and is kept for the next build.
type stepInstallDisc struct {
	config *Config
	stat   libvirtapi.Stat
	now    func() time.Time
}

func (s *stepInstallDisc) Title() string { return "Preparing the installation disc" }

func (s *stepInstallDisc) Run(ctx context.Context, bag multistep.StateBag) multistep.StepAction {
	return stepkit.Run(ctx, bag, s)
}

func (s *stepInstallDisc) Cleanup(bag multistep.StateBag) { stepkit.Cleanup(bag, s) }

func (s *stepInstallDisc) Do(ctx context.Context, bag multistep.StateBag) error {
	plan, err := thePlan.Get(bag)
	if err != nil {
		return err
	}
	pool, err := thePool.Get(bag)
	if err != nil {
		return err
	}
	dir, err := theTempDir.Get(bag)
	if err != nil {
		return err
	}
	identity, err := theISO.Get(bag)
	if err != nil {
		return err
	}
	// The plan was made from exactly this file.
	if err := identity.Check(); err != nil {
		return fmt.Errorf("iso_url: %w", err)
	}
	theISOOwner.Put(bag, ownershipOf(plan.Files.ISO))

	backing, err := s.backing(ctx, bag, plan, pool, identity)
	if err != nil {
		return err
	}
	overlay := filepath.Join(dir, "install.qcow2")
	if err := writeOverlay(plan, backing.Path, overlay); err != nil {
		return fmt.Errorf("iso_url: %s: %w", plan.Files.ISO, err)
	}
	name := volumeName(s.config, plan.ID, "-install.qcow2")
	v, _, err := upload(ctx, bag, s, s.config.LibvirtURI, pool.Name, name, "0644", overlay)
	if err != nil {
		return err
	}
	if err := os.Remove(overlay); err != nil {
		return err
	}
	theInstallDisc.Put(bag, libvirtapi.CDSpec{Path: v.Path, Format: "qcow2", Backing: &backing})
	return nil
}

// backing is the ISO as QEMU reads it.
func (s *stepInstallDisc) backing(ctx context.Context, bag multistep.StateBag, plan *Plan, pool libvirtapi.Pool, id media.Identity) (libvirtapi.Backing, error) {
	var none libvirtapi.Backing
	facts, err := theHostFacts.Get(bag)
	if err != nil {
		return none, err
	}
	ui, err := stepkit.UI.Get(bag)
	if err != nil {
		return none, err
	}
	host, err := hostAs[copyKeeper](bag)
	if err != nil {
		return none, err
	}
	sweepCopies(ctx, host, pool.Name, copyName(id), s.config.ISOCopyMaxAge, s.now(), ui.Say)
	reason := libvirtapi.CheckAccess(facts, plan.Files.ISO, s.stat)
	if reason == nil {
		return libvirtapi.Backing{Path: plan.Files.ISO, Format: "raw", KeepOwner: true}, nil
	}
	v, how, err := s.poolCopy(ctx, bag, plan, pool, id)
	if err != nil {
		return none, err
	}
	ui.Say(reason.Error() + ".")
	ui.Say(how)
	return libvirtapi.Backing{Path: v.Path, Format: "raw"}, nil
}

// writeOverlay writes what the machine boots, as an overlay over the ISO at
// backing, a path on libvirt's host.
func writeOverlay(plan *Plan, backing, path string) error {
	image, closer, err := media.OpenFile(plan.Files.ISO)
	if err != nil {
		return err
	}
	defer closer.Close()
	boot, err := bootPlan(image, string(plan.Firmware))
	if err != nil {
		return err
	}
	if err := boot.Verify(); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	if err := boot.WriteQcow2(f, backing); err != nil {
		return errors.Join(err, f.Close())
	}
	return f.Close()
}
