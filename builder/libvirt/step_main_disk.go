package libvirt

import (
	"context"

	"github.com/hashicorp/packer-plugin-sdk/multistep"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/libvirtapi"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/stepkit"
)

// stepMainDisk makes the empty disk that Windows is installed on. On a
// virtio-scsi build it makes a second, small virtio-blk disk too: Windows only
// lets those storage drivers start at boot whose devices it has seen, and the
// template must start on either bus.
type stepMainDisk struct{ config *Config }

// otherBusBytes is the size of the disk that is only there to be seen.
const otherBusBytes = 1 << 30

// theOtherDisk is that disk, when there is one.
var theOtherDisk = stepkit.NewKey[libvirtapi.Volume]("wintemplate.disk.other", "stepMainDisk")

func (s *stepMainDisk) Title() string { return "" }

func (s *stepMainDisk) Run(ctx context.Context, bag multistep.StateBag) multistep.StepAction {
	return stepkit.Run(ctx, bag, s)
}

func (s *stepMainDisk) Cleanup(bag multistep.StateBag) { stepkit.Cleanup(bag, s) }

func (s *stepMainDisk) Do(ctx context.Context, bag multistep.StateBag) error {
	plan, err := thePlan.Get(bag)
	if err != nil {
		return err
	}
	pool, err := thePool.Get(bag)
	if err != nil {
		return err
	}
	v, _, err := createVolume(ctx, bag, s, s.config.LibvirtURI, pool.Name, libvirtapi.VolumeSpec{
		Name: volumeName(s.config, plan.ID, ".qcow2"), Format: "qcow2", Capacity: uint64(plan.DiskBytes),
	})
	if err != nil {
		return err
	}
	theMainDisk.Put(bag, v)
	if plan.DiskBus != libvirtapi.VirtioSCSI {
		return nil
	}
	other, _, err := createVolume(ctx, bag, s, s.config.LibvirtURI, pool.Name, libvirtapi.VolumeSpec{
		Name: volumeName(s.config, plan.ID, "-blk.qcow2"), Format: "qcow2", Capacity: otherBusBytes,
	})
	if err != nil {
		return err
	}
	theOtherDisk.Put(bag, other)
	return nil
}
