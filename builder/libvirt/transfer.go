package libvirt

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/hashicorp/packer-plugin-sdk/multistep"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/libvirtapi"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/stepkit"
)

// transferBuffer is large because Packer's progress bar costs one call across
// the plugin's RPC for each Read.
const transferBuffer = 1 << 20

// volumeMaker makes and fills a volume.
type volumeMaker interface {
	CreateVolume(ctx context.Context, pool string, spec libvirtapi.VolumeSpec) (libvirtapi.Volume, error)
	UploadVolume(ctx context.Context, v libvirtapi.Volume, r io.Reader, size int64, progress libvirtapi.Progress) (libvirtapi.Volume, error)
}

var _ volumeMaker = (*libvirtapi.Conn)(nil)

// createVolume makes a volume, journalled for step first.
func createVolume(ctx context.Context, bag multistep.StateBag, step any, uri, pool string, spec libvirtapi.VolumeSpec) (libvirtapi.Volume, stepkit.Mark, error) {
	host, err := hostAs[volumeMaker](bag)
	if err != nil {
		return libvirtapi.Volume{}, 0, err
	}
	mark, err := stepkit.Record(bag, step, volumeEntry(uri, pool, spec.Name))
	if err != nil {
		return libvirtapi.Volume{}, 0, err
	}
	v, err := host.CreateVolume(ctx, pool, spec)
	if errors.Is(err, libvirtapi.ErrExists) {
		// It is not ours: clean-up must leave it alone.
		return v, 0, errors.Join(err, stepkit.Forget(bag, mark))
	}
	return v, mark, err
}

// upload makes a volume out of a file of this machine, with a progress bar.
func upload(ctx context.Context, bag multistep.StateBag, step any, uri, pool, name, mode, path string) (libvirtapi.Volume, stepkit.Mark, error) {
	var none libvirtapi.Volume
	ui, err := stepkit.UI.Get(bag)
	if err != nil {
		return none, 0, err
	}
	host, err := hostAs[volumeMaker](bag)
	if err != nil {
		return none, 0, err
	}
	f, err := os.Open(path)
	if err != nil {
		return none, 0, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return none, 0, err
	}
	// Raw while it is filled, whatever it holds: libvirt then makes an empty
	// file of that size. Never a sparse stream: go-libvirt writes the packets
	// that stand for holes as data.
	v, mark, err := createVolume(ctx, bag, step, uri, pool, libvirtapi.VolumeSpec{
		Name: name, Format: "raw", Capacity: uint64(info.Size()), Mode: mode,
	})
	if err != nil {
		return none, 0, err
	}
	bar := ui.TrackProgress(filepath.Base(path), 0, info.Size(), f)
	defer bar.Close()
	v, err = host.UploadVolume(ctx, v, bufio.NewReaderSize(bar, transferBuffer), info.Size(), nil)
	if err != nil {
		return none, mark, fmt.Errorf("upload of %s: %w", filepath.Base(path), err)
	}
	return v, mark, nil
}
