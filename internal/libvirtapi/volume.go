package libvirtapi

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	golibvirt "github.com/digitalocean/go-libvirt"
	"libvirt.org/go/libvirtxml"
)

// compactLimit bounds a copy that the host makes; a full disk at 20 MB/s is within it.
const compactLimit = 4 * time.Hour

// Volume is a file in a pool.
type Volume struct {
	Pool       string
	Name       string
	Path       string // on libvirt's host
	Format     string // "qcow2", "raw", "iso" …
	Capacity   uint64 // bytes, as the guest sees it
	Allocation uint64 // bytes on disk
	Physical   uint64 // bytes of the file: what a download gives
	// Modified is when the file was last written to; zero when libvirt does not tell.
	Modified time.Time
}

func (v Volume) handle() golibvirt.StorageVol {
	return golibvirt.StorageVol{Pool: v.Pool, Name: v.Name, Key: v.Path}
}

// VolumeSpec is a volume to be made.
type VolumeSpec struct {
	Name     string
	Format   string // "qcow2" or "raw"
	Capacity uint64 // bytes, as the guest sees it; for raw, and for a file that will be uploaded, the file's size
	Mode     string // octal permissions, "0600" when empty; an overlay that QEMU only reads: "0644"
}

// volumeXML renders a spec. Pure.
func volumeXML(s VolumeSpec) (string, error) {
	var errs []error
	if s.Name == "" {
		errs = append(errs, errors.New("volume: Name is empty"))
	}
	if s.Format != "qcow2" && s.Format != "raw" {
		errs = append(errs, fmt.Errorf("volume: Format: %q is neither qcow2 nor raw", s.Format))
	}
	if err := errors.Join(errs...); err != nil {
		return "", err
	}
	x := libvirtxml.StorageVolume{
		Type:     "file",
		Name:     s.Name,
		Capacity: &libvirtxml.StorageVolumeSize{Unit: "bytes", Value: s.Capacity},
		// Nothing is allocated in advance; libvirt's default for raw is everything.
		Allocation: &libvirtxml.StorageVolumeSize{Unit: "bytes", Value: 0},
		Target: &libvirtxml.StorageVolumeTarget{
			Format:      &libvirtxml.StorageVolumeTargetFormat{Type: s.Format},
			Permissions: &libvirtxml.StorageVolumeTargetPermissions{Mode: cmp.Or(s.Mode, "0600")},
		},
	}
	if s.Format == "qcow2" {
		// Version 3, which libvirt's default (compat 0.10) is not: that one has no discard.
		x.Target.Compat = "1.1"
	}
	return x.Marshal()
}

// CreateVolume makes an empty volume; ErrExists when the name or the file is there.
func (c *Conn) CreateVolume(ctx context.Context, pool string, spec VolumeSpec) (Volume, error) {
	return c.makeVolume(ctx, "make volume", pool, spec, c.limits.act, func(l *golibvirt.Libvirt, p golibvirt.StoragePool, doc string) (golibvirt.StorageVol, error) {
		return l.StorageVolCreateXML(p, doc, 0)
	})
}

// CompactVolume makes spec as a copy of src in the same or another pool, run by the host (qemu-img convert): backing
// chain flattened, holes dropped. It takes as long as the disk needs. When ctx ends first, the host goes on: the
// half-made volume then can't be deleted until it has finished, which DeleteVolume waits for.
func (c *Conn) CompactVolume(ctx context.Context, src Volume, pool string, spec VolumeSpec) (Volume, error) {
	// A connection of its own: the daemon serves only a few calls of one connection at a time.
	l, err := c.fresh(ctx)
	if err != nil {
		return Volume{}, err
	}
	defer l.close()
	spec.Capacity = cmp.Or(spec.Capacity, src.Capacity)
	return c.makeVolumeOn(ctx, l, "compact to volume", pool, spec, compactLimit, func(r *golibvirt.Libvirt, p golibvirt.StoragePool, doc string) (golibvirt.StorageVol, error) {
		return r.StorageVolCreateXMLFrom(p, doc, src.handle(), 0)
	})
}

type volumeMaker func(l *golibvirt.Libvirt, p golibvirt.StoragePool, doc string) (golibvirt.StorageVol, error)

func (c *Conn) makeVolume(ctx context.Context, op, pool string, spec VolumeSpec, limit time.Duration, f volumeMaker) (Volume, error) {
	if err := ctx.Err(); err != nil {
		return Volume{}, err
	}
	l, err := c.link(ctx)
	if err != nil {
		return Volume{}, err
	}
	return c.makeVolumeOn(context.WithoutCancel(ctx), l, op, pool, spec, limit, f)
}

func (c *Conn) makeVolumeOn(ctx context.Context, l *link, op, pool string, spec VolumeSpec, limit time.Duration, f volumeMaker) (Volume, error) {
	doc, err := volumeXML(spec)
	if err != nil {
		return Volume{}, err
	}
	p, err := c.poolHandle(ctx, pool)
	if err != nil {
		return Volume{}, err
	}
	v, err := on(ctx, l, op, spec.Name, limit, func(r *golibvirt.Libvirt) (golibvirt.StorageVol, error) { return f(r, p, doc) })
	if err != nil {
		return Volume{}, c.explainSpace(ctx, err, pool)
	}
	return c.readVolume(ctx, v)
}

func (c *Conn) poolHandle(ctx context.Context, pool string) (golibvirt.StoragePool, error) {
	return ask(ctx, c, "find storage pool", pool, func(l *golibvirt.Libvirt) (golibvirt.StoragePool, error) {
		return l.StoragePoolLookupByName(pool)
	})
}

// spaceFloor is what counts as full.
const spaceFloor = 1 << 20

// noSpace is what qemu-img says, which libvirt runs with LC_ALL=C.
const noSpace = "No space left on device"

// explainSpace makes a general failure ErrNoSpace when the pool is full, or was until a copy that did not fit was
// removed again: libvirt has no number for it, and its texts are translated.
func (c *Conn) explainSpace(ctx context.Context, err error, pool string) error {
	var e *Error
	if !errors.As(err, &e) || e.Kind != nil || e.Code == 0 {
		return err
	}
	p, poolErr := c.RefreshPool(ctx, pool)
	if poolErr != nil || p.Available >= spaceFloor && !strings.Contains(e.Message, noSpace) {
		return err
	}
	return amended(err, func(e *Error) {
		e.Kind = ErrNoSpace
		e.Remedy = fmt.Sprintf("pool %q (%s) is full; make room or set storage_pool", p.Name, p.Path)
	})
}

// LookupVolume finds a volume by pool and name; ErrNotFound.
func (c *Conn) LookupVolume(ctx context.Context, pool, name string) (Volume, error) {
	p, err := c.poolHandle(ctx, pool)
	if err != nil {
		return Volume{}, err
	}
	h, err := ask(ctx, c, "find volume", name, func(l *golibvirt.Libvirt) (golibvirt.StorageVol, error) {
		return l.StorageVolLookupByName(p, name)
	})
	if err != nil {
		return Volume{}, err
	}
	return c.readVolume(ctx, h)
}

// LookupVolumePath finds the volume that is this file; ErrNotFound when no active pool has it.
func (c *Conn) LookupVolumePath(ctx context.Context, path string) (Volume, error) {
	h, err := ask(ctx, c, "find volume", path, func(l *golibvirt.Libvirt) (golibvirt.StorageVol, error) {
		return l.StorageVolLookupByPath(path)
	})
	if err != nil {
		return Volume{}, err
	}
	return c.readVolume(ctx, h)
}

// VolumeNames lists a pool's volumes, sorted.
func (c *Conn) VolumeNames(ctx context.Context, pool string) ([]string, error) {
	p, err := c.poolHandle(ctx, pool)
	if err != nil {
		return nil, err
	}
	return ask(ctx, c, "list the volumes of storage pool", pool, func(l *golibvirt.Libvirt) ([]string, error) {
		all, _, err := l.StoragePoolListAllVolumes(p, 1, 0)
		names := make([]string, 0, len(all))
		for _, v := range all {
			names = append(names, v.Name)
		}
		slices.Sort(names)
		return names, err
	})
}

// readVolume reads the file's numbers as they are now.
func (c *Conn) readVolume(ctx context.Context, h golibvirt.StorageVol) (Volume, error) {
	doc, err := ask(ctx, c, "read volume", h.Name, func(l *golibvirt.Libvirt) (string, error) { return l.StorageVolGetXMLDesc(h, 0) })
	if err != nil {
		return Volume{}, err
	}
	v, err := parseVolume(doc)
	v.Pool = h.Pool
	return v, err
}

func parseVolume(doc string) (Volume, error) {
	var x libvirtxml.StorageVolume
	if err := x.Unmarshal(doc); err != nil {
		return Volume{}, fmt.Errorf("the volume's XML can't be read: %w", err)
	}
	size := func(s *libvirtxml.StorageVolumeSize) uint64 {
		if s == nil {
			return 0
		}
		return s.Value
	}
	v := Volume{Name: x.Name, Capacity: size(x.Capacity), Allocation: size(x.Allocation), Physical: size(x.Physical)}
	if x.Target != nil {
		v.Path = x.Target.Path
		if x.Target.Format != nil {
			v.Format = x.Target.Format.Type
		}
		if t := x.Target.Timestamps; t != nil {
			// "1764067200.123456789"; whole seconds will do
			seconds, _, _ := strings.Cut(t.Mtime, ".")
			if n, err := strconv.ParseInt(seconds, 10, 64); err == nil {
				v.Modified = time.Unix(n, 0)
			}
		}
	}
	return v, nil
}

// DeleteVolume removes the file. One that is gone is no error. One that the host is still writing (a cancelled
// CompactVolume) is waited for until ctx ends.
func (c *Conn) DeleteVolume(ctx context.Context, v Volume) error {
	for {
		_, err := ask(ctx, c, "delete volume", v.Name, only(func(l *golibvirt.Libvirt) error {
			return l.StorageVolDelete(v.handle(), 0)
		}))
		switch {
		case errors.Is(err, ErrNotFound):
			return nil
		case !errors.Is(err, ErrState):
			return err
		}
		select {
		case <-ctx.Done():
			return errors.Join(err, ctx.Err())
		case <-time.After(retryPause):
		}
	}
}
