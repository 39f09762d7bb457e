package libvirtapi

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	golibvirt "github.com/digitalocean/go-libvirt"
	"libvirt.org/go/libvirtxml"
)

// DefaultPool is the pool that is used when the user names none.
const DefaultPool = "default"

// DefaultPoolPath is where a pool is made when the host has none.
const DefaultPoolPath = "/var/lib/libvirt/images"

// filePools are the pool types that hold files, which alone can carry a qcow2 with a backing file.
var filePools = []string{"dir", "fs", "netfs"}

// Pool is a storage pool that holds files: of type dir, fs or netfs.
type Pool struct {
	Name       string
	Type       string
	Path       string // directory on libvirt's host
	Capacity   uint64 // bytes
	Available  uint64 // bytes, as read when the pool was last refreshed
	Persistent bool
	// Created is true when FindPool made it (transient). It is left there for other builds; it
	// vanishes with the daemon, its files stay.
	Created bool
}

// FindPool gives the pool that the user named, or for "" the default one: "default"; else another pool over
// DefaultPoolPath; else a transient pool that it makes there, since a fresh Debian or Ubuntu server has none. A
// stopped pool is started. Pools of types other than dir, fs and netfs are refused by name.
func (c *Conn) FindPool(ctx context.Context, name string) (Pool, error) {
	if name != "" {
		p, err := c.usePool(ctx, name)
		if errors.Is(err, ErrNotFound) {
			return Pool{}, c.withPoolNames(ctx, err)
		}
		return p, err
	}
	// More than once, since another build may make the same pool at the same time.
	var err error
	for range 3 {
		var p Pool
		if p, err = c.usePool(ctx, DefaultPool); !errors.Is(err, ErrNotFound) {
			return p, err
		}
		if p, err = c.poolOver(ctx, DefaultPoolPath); !errors.Is(err, ErrNotFound) {
			return p, err
		}
		if p, err = c.createPool(ctx, DefaultPool, DefaultPoolPath); err == nil {
			return p, nil
		}
		select {
		case <-ctx.Done():
			return Pool{}, ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
	}
	return Pool{}, err
}

// usePool reads a pool, starts it when it is stopped, and refreshes it.
func (c *Conn) usePool(ctx context.Context, name string) (Pool, error) {
	const op = "use storage pool"
	h, err := ask(ctx, c, op, name, func(l *golibvirt.Libvirt) (golibvirt.StoragePool, error) {
		return l.StoragePoolLookupByName(name)
	})
	if err != nil {
		return Pool{}, err
	}
	p, err := c.readPool(ctx, h)
	if err != nil {
		return Pool{}, err
	}
	if !slices.Contains(filePools, p.Type) {
		return Pool{}, &Error{
			Op: op, Object: name, Kind: ErrUnsupported,
			Message: fmt.Sprintf("its type is %q, and only pools that hold files work (%s)", p.Type, strings.Join(filePools, ", ")),
			Remedy:  "set storage_pool to another one",
		}
	}
	active, err := ask(ctx, c, op, name, func(l *golibvirt.Libvirt) (int32, error) { return l.StoragePoolIsActive(h) })
	if err != nil {
		return Pool{}, err
	}
	if active == 0 {
		_, err = act(ctx, c, "start storage pool", name, only(func(l *golibvirt.Libvirt) error { return l.StoragePoolCreate(h, 0) }))
		// Started meanwhile by another build: fine.
		if err != nil && !errors.Is(err, ErrState) {
			return Pool{}, withRemedy(err, "is its directory "+p.Path+" there?")
		}
	}
	return c.RefreshPool(ctx, name)
}

// RefreshPool lets the pool notice files that were made beside libvirt, and gives its numbers anew.
func (c *Conn) RefreshPool(ctx context.Context, pool string) (Pool, error) {
	const op = "refresh storage pool"
	h, err := ask(ctx, c, op, pool, func(l *golibvirt.Libvirt) (golibvirt.StoragePool, error) {
		return l.StoragePoolLookupByName(pool)
	})
	if err != nil {
		return Pool{}, err
	}
	_, err = act(ctx, c, op, pool, only(func(l *golibvirt.Libvirt) error { return l.StoragePoolRefresh(h, 0) }))
	// While a volume is being made in it, a pool can't be refreshed; its numbers are then a little old.
	if err != nil && !code(err, golibvirt.ErrInternalError) && !errors.Is(err, ErrState) {
		return Pool{}, err
	}
	return c.readPool(ctx, h)
}

func (c *Conn) readPool(ctx context.Context, h golibvirt.StoragePool) (Pool, error) {
	const op = "read storage pool"
	doc, err := ask(ctx, c, op, h.Name, func(l *golibvirt.Libvirt) (string, error) { return l.StoragePoolGetXMLDesc(h, 0) })
	if err != nil {
		return Pool{}, err
	}
	persistent, err := ask(ctx, c, op, h.Name, func(l *golibvirt.Libvirt) (int32, error) { return l.StoragePoolIsPersistent(h) })
	if err != nil {
		return Pool{}, err
	}
	p, err := parsePool(doc)
	p.Persistent = persistent != 0
	return p, err
}

func parsePool(doc string) (Pool, error) {
	var x libvirtxml.StoragePool
	if err := x.Unmarshal(doc); err != nil {
		return Pool{}, fmt.Errorf("the storage pool's XML can't be read: %w", err)
	}
	p := Pool{Name: x.Name, Type: x.Type}
	if x.Target != nil {
		p.Path = x.Target.Path
	}
	if x.Capacity != nil {
		p.Capacity = x.Capacity.Value
	}
	if x.Available != nil {
		p.Available = x.Available.Value
	}
	return p, nil
}

// poolOver finds a pool of files whose directory is dir, whatever its name: libvirt allows only one.
func (c *Conn) poolOver(ctx context.Context, dir string) (Pool, error) {
	pools, err := c.pools(ctx)
	if err != nil {
		return Pool{}, err
	}
	for _, h := range pools {
		p, err := c.readPool(ctx, h)
		if err == nil && path.Clean(p.Path) == dir && slices.Contains(filePools, p.Type) {
			return c.usePool(ctx, p.Name)
		}
	}
	return Pool{}, &Error{Op: "find a storage pool over", Object: dir, Message: "there is none", Kind: ErrNotFound}
}

func (c *Conn) pools(ctx context.Context) ([]golibvirt.StoragePool, error) {
	return ask(ctx, c, "list the storage pools of", c.uri, func(l *golibvirt.Libvirt) ([]golibvirt.StoragePool, error) {
		all, _, err := l.ConnectListAllStoragePools(1, 0)
		return all, err
	})
}

func (c *Conn) withPoolNames(ctx context.Context, err error) error {
	pools, listErr := c.pools(ctx)
	if listErr != nil {
		return err
	}
	if len(pools) == 0 {
		return withRemedy(err, "the host has no pool at all: leave storage_pool unset, and one is made over "+DefaultPoolPath)
	}
	names := make([]string, 0, len(pools))
	for _, p := range pools {
		names = append(names, p.Name)
	}
	slices.Sort(names)
	return withRemedy(err, "the host has: "+strings.Join(names, ", "))
}

// createPool makes a transient pool over a directory, and the directory when it is not there.
func (c *Conn) createPool(ctx context.Context, name, dir string) (Pool, error) {
	x := libvirtxml.StoragePool{Type: "dir", Name: name, Target: &libvirtxml.StoragePoolTarget{Path: dir}}
	doc, err := x.Marshal()
	if err != nil {
		return Pool{}, err
	}
	h, err := act(ctx, c, "make storage pool", name, func(l *golibvirt.Libvirt) (golibvirt.StoragePool, error) {
		return l.StoragePoolCreateXML(doc, golibvirt.StoragePoolCreateWithBuild)
	})
	if err != nil {
		return Pool{}, err
	}
	p, err := c.readPool(ctx, h)
	p.Created = true
	return p, err
}
