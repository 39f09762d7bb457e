package libvirtapi

import (
	"context"
	"errors"
	"io"
)

var errNotYet = errors.New("not yet")

// ProbeKVM runs a tiny guest under KVM and demands output from it within a few seconds, because a
// /dev/kvm that can be opened proves nothing. It needs a pool for a disk of one sector. It leaves nothing
// behind. err is for a libvirt that failed, not for a missing KVM.
func (c *Conn) ProbeKVM(ctx context.Context, pool string) (Probe, error) { return Probe{}, errNotYet }

// DetachDisk asks the running guest to release a disk, and waits until it has.
func (c *Conn) DetachDisk(ctx context.Context, d Domain, target string) error { return errNotYet }

// Watch is a subscription to one domain's events.
type Watch struct{}

// Watch subscribes; subscribe before the domain starts. The first event is an EventState. It reconnects
// by itself until ctx ends or Close.
func (c *Conn) Watch(ctx context.Context, d Domain) (*Watch, error) { return nil, errNotYet }

// Events gives what happens, in order, unbounded (a slow reader loses nothing); closed after Close, after
// ctx ended, and when libvirt could not be reached again (Err says so).
func (w *Watch) Events() <-chan Event { return nil }

// Err is why Events was closed; nil after Close.
func (w *Watch) Err() error { return errNotYet }

// Close ends the subscription.
func (w *Watch) Close() { _ = w }

// AwaitOff waits until the guest has powered itself off: nil. *OffError when it crashed, went to sleep, was
// stopped by force or removed. It asks libvirt anew after a lost connection and from time to time, and
// needs no Watch of the caller's.
func (c *Conn) AwaitOff(ctx context.Context, d Domain) error { return errNotYet }

// Console is the guest's first serial port.
type Console struct{}

// Console opens COM1. Open it between StartPaused and Resume and nothing is lost. It reconnects (by force,
// since libvirt may not have noticed that the old one is gone) until ctx ends, Close, or the domain stops.
func (c *Conn) Console(ctx context.Context, d Domain) (*Console, error) { return nil, errNotYet }

// Lines gives what the guest wrote, line by line; closed when the console is. A slow reader never blocks libvirt.
func (c *Console) Lines() <-chan ConsoleLine { return nil }

// Err is why Lines was closed; nil when the domain stopped or Close was called.
func (c *Console) Err() error { return errNotYet }

// Close ends it.
func (c *Console) Close() { _ = c }

// ConsoleLine is a line from the guest, without its end and without terminal escape sequences.
type ConsoleLine struct {
	Text string
	// Gap is true for the empty line that stands where a lost connection may have lost output.
	Gap bool
}

// FindPool gives the pool that the user named, or for "" the default one: "default"; else another active file
// pool over DefaultPoolPath; else a transient pool that it makes over DefaultPoolPath. A stopped pool is
// started. Pools of types other than dir, fs and netfs are refused by name.
func (c *Conn) FindPool(ctx context.Context, name string) (Pool, error) { return Pool{}, errNotYet }

// RefreshPool lets the pool notice files that were made beside libvirt, and gives its numbers anew.
func (c *Conn) RefreshPool(ctx context.Context, pool string) (Pool, error) { return Pool{}, errNotYet }

// CreateVolume makes an empty volume; ErrExists, ErrNoSpace.
func (c *Conn) CreateVolume(ctx context.Context, pool string, spec VolumeSpec) (Volume, error) {
	return Volume{}, errNotYet
}

// CompactVolume makes spec as a copy of src in the same or another pool, run by the host (qemu-img convert):
// backing chain flattened, holes dropped. It takes as long as the disk needs; ctx bounds it.
func (c *Conn) CompactVolume(ctx context.Context, src Volume, pool string, spec VolumeSpec) (Volume, error) {
	return Volume{}, errNotYet
}

// LookupVolume finds a volume by pool and name; ErrNotFound.
func (c *Conn) LookupVolume(ctx context.Context, pool, name string) (Volume, error) {
	return Volume{}, errNotYet
}

// LookupVolumePath finds the volume that is this file; ErrNotFound when no active pool has it.
func (c *Conn) LookupVolumePath(ctx context.Context, path string) (Volume, error) {
	return Volume{}, errNotYet
}

// Volumes lists a pool.
func (c *Conn) Volumes(ctx context.Context, pool string) ([]Volume, error) { return nil, errNotYet }

// UploadVolume writes exactly size bytes from r over the volume's file and gives it anew, as the pool now
// sees it (an uploaded qcow2 has its own capacity).
func (c *Conn) UploadVolume(ctx context.Context, v Volume, r io.Reader, size int64, progress Progress) (Volume, error) {
	return Volume{}, errNotYet
}

// DownloadVolume reads the volume's file. The number of bytes is checked against the volume's physical size.
func (c *Conn) DownloadVolume(ctx context.Context, v Volume, w io.Writer, progress Progress) (int64, error) {
	return 0, errNotYet
}

// DeleteVolume removes the file. One that is gone is no error.
func (c *Conn) DeleteVolume(ctx context.Context, v Volume) error { return errNotYet }

// Network finds a network by name; ErrNotFound lists what there is.
func (c *Conn) Network(ctx context.Context, name string) (Network, error) {
	return Network{}, errNotYet
}

// StartNetwork starts it when it is stopped, and says whether it did. It is left running.
func (c *Conn) StartNetwork(ctx context.Context, name string) (started bool, err error) {
	return false, errNotYet
}

// Lease gives the newest IPv4 lease of the card; ErrNotFound while there is none.
func (c *Conn) Lease(ctx context.Context, network, mac string) (Lease, error) {
	return Lease{}, errNotYet
}

// CheckAccess says whether QEMU's user can read the file at path; nil when it can. Else an error that names the
// folder or file, what was found and what to try. Pure but for stat.
func CheckAccess(h Host, path string, stat Stat) error { return errNotYet }

// LocalStat is Stat of this machine; on Windows always an error.
func LocalStat(path string) (PathInfo, error) { return PathInfo{}, errNotYet }
