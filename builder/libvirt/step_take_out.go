package libvirt

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/hashicorp/packer-plugin-sdk/multistep"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/libvirtapi"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/stepkit"
)

// exporter is what this step asks of libvirt.
type exporter interface {
	LookupVolume(ctx context.Context, pool, name string) (libvirtapi.Volume, error)
	CompactVolume(ctx context.Context, src libvirtapi.Volume, pool string, spec libvirtapi.VolumeSpec) (libvirtapi.Volume, error)
	DownloadVolume(ctx context.Context, v libvirtapi.Volume, w io.Writer, progress libvirtapi.Progress) (int64, error)
}

var _ exporter = (*libvirtapi.Conn)(nil)

// result is the disk in output_directory.
type result struct {
	Dir    string // absolute
	Path   string // of the disk, absolute
	Size   int64
	SHA256 string
}

// stepTakeOut compacts the disk and brings it into output_directory. The host
// compacts, by the daemon's own qemu-img; then it is downloaded through
// libvirt: after power-off the volume is root's alone, and the user who builds
// need not be root, nor have qemu-img.
type stepTakeOut struct{ config *Config }

func (s *stepTakeOut) Title() string { return "Compacting the disk" }

func (s *stepTakeOut) Run(ctx context.Context, bag multistep.StateBag) multistep.StepAction {
	return stepkit.Run(ctx, bag, s)
}

func (s *stepTakeOut) Cleanup(bag multistep.StateBag) { stepkit.Cleanup(bag, s) }

// CleanupTimeout is long enough to delete a large disk from a slow file system.
func (s *stepTakeOut) CleanupTimeout() time.Duration { return 5 * time.Minute }

func (s *stepTakeOut) Do(ctx context.Context, bag multistep.StateBag) error {
	host, hostErr := hostAs[exporter](bag)
	plan, planErr := thePlan.Get(bag)
	pool, poolErr := thePool.Get(bag)
	disk, diskErr := theMainDisk.Get(bag)
	ui, uiErr := stepkit.UI.Get(bag)
	if err := errors.Join(hostErr, planErr, poolErr, diskErr, uiErr); err != nil {
		return err
	}
	// What it has become since it was made.
	disk, err := host.LookupVolume(ctx, disk.Pool, disk.Name)
	if err != nil {
		return err
	}
	name := volumeName(s.config, plan.ID, "-template.qcow2")
	compactEntry, err := stepkit.Record(bag, s, volumeEntry(s.config.LibvirtURI, pool.Name, name))
	if err != nil {
		return err
	}
	compact, err := host.CompactVolume(ctx, disk, pool.Name, libvirtapi.VolumeSpec{
		Name: name, Format: "qcow2", Capacity: uint64(plan.DiskBytes),
	})
	if errors.Is(err, libvirtapi.ErrExists) {
		return errors.Join(err, stepkit.Forget(bag, compactEntry))
	}
	if errors.Is(err, libvirtapi.ErrNoSpace) {
		return fmt.Errorf("storage_pool: %w. Windows is installed and sealed by now: with -on-error=ask you can make room and try only this step again", err)
	}
	if err != nil {
		return err
	}
	ui.Say(fmt.Sprintf("Compacted from %s to %s; taking it out of the pool", gib(int64(disk.Physical)), gib(int64(compact.Physical))))

	dir, err := s.makeOutput(bag, plan.ID.Build)
	if err != nil {
		return err
	}
	out := result{Dir: dir, Path: filepath.Join(dir, s.config.VMName+".qcow2")}
	if out.Size, out.SHA256, err = download(ctx, ui.TrackProgress, host, compact, out.Path); err != nil {
		return err
	}
	theResult.Put(bag, out)
	return nil
}

// makeOutput makes output_directory, as the user who builds. With -force an
// old one is replaced, but not before there is a new disk to put there.
func (s *stepTakeOut) makeOutput(bag multistep.StateBag, build string) (string, error) {
	dir, err := filepath.Abs(s.config.OutputDir)
	if err != nil {
		return "", fmt.Errorf("output_directory: %w", err)
	}
	if err := checkOutput(dir, s.config.VMName, s.config.PackerForce); err != nil {
		return "", err
	}
	if err := removeEarlierOutput(dir, s.config.VMName); err != nil {
		return "", err
	}
	if _, err := stepkit.Record(bag, s, outputEntry(dir, s.config.VMName, build)); err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("output_directory: %w", err)
	}
	mark := filepath.Join(dir, buildMark)
	if err := os.WriteFile(mark, []byte(build), 0o644); err != nil {
		// Clean-up goes by the mark.
		_, _ = os.Remove(mark), os.Remove(dir)
		return "", fmt.Errorf("output_directory: %w", err)
	}
	return dir, nil
}

// tracker is Packer's progress bar.
type tracker func(name string, done, size int64, r io.ReadCloser) io.ReadCloser

// download fetches a volume into the file path, with its digest.
func download(ctx context.Context, track tracker, host exporter, v libvirtapi.Volume, path string) (int64, string, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return 0, "", fmt.Errorf("output_directory: %w", err)
	}
	digest := sha256.New()
	reader, writer := io.Pipe()
	bar := track(filepath.Base(path), 0, int64(v.Physical), reader)
	fetched := make(chan error, 1)
	go func() {
		_, err := host.DownloadVolume(ctx, v, writer, nil)
		_ = writer.CloseWithError(err) // always nil; a nil err is EOF
		fetched <- err
	}()
	n, err := io.CopyBuffer(io.MultiWriter(f, digest), onlyReader{bar}, make([]byte, transferBuffer))
	_ = reader.CloseWithError(orError(err, io.ErrClosedPipe)) // frees a writer that still waits
	_ = bar.Close()
	if fetchErr := <-fetched; fetchErr != nil {
		err = fetchErr
	}
	err = errors.Join(err, f.Close())
	var file *fs.PathError
	switch {
	case errors.As(err, &file): // the file could not be written, whatever the download says of it
		return 0, "", fmt.Errorf("output_directory: %w", file)
	case err != nil:
		return 0, "", fmt.Errorf("download of %s: %w", v.Name, err)
	}
	return n, hex.EncodeToString(digest.Sum(nil)), nil
}

// onlyReader hides WriteTo, with which io.CopyBuffer would ignore its buffer.
type onlyReader struct{ io.Reader }
