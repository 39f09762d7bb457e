package libvirtapi

import (
	"context"
	"errors"
	"fmt"

	"libvirt.org/go/libvirtxml"
)

// FilesInUse gives every file that a domain's drives name, with those that lie under an overlay, and the name of one
// domain that does. A domain need not run.
func (c *Conn) FilesInUse(ctx context.Context) (map[string]string, error) {
	names, err := c.DomainNames(ctx)
	if err != nil {
		return nil, err
	}
	used := map[string]string{}
	for _, name := range names {
		d, err := c.LookupDomain(ctx, name)
		if err == nil {
			var doc string
			if doc, err = c.DomainXML(ctx, d); err == nil {
				err = driveFiles(doc, func(path string) { used[path] = name })
			}
		}
		if err != nil && !errors.Is(err, ErrNotFound) { // gone since it was listed
			return nil, err
		}
	}
	return used, nil
}

// driveFiles names the files of a domain's drives.
func driveFiles(doc string, add func(path string)) error {
	var d libvirtxml.Domain
	if err := d.Unmarshal(doc); err != nil {
		return fmt.Errorf("the domain's XML can't be read: %w", err)
	}
	if d.Devices == nil {
		return nil
	}
	source := func(s *libvirtxml.DomainDiskSource) {
		if s != nil && s.File != nil && s.File.File != "" { // empty in an empty drive
			add(s.File.File)
		}
	}
	for _, disk := range d.Devices.Disks {
		source(disk.Source)
		for b := disk.BackingStore; b != nil; b = b.BackingStore {
			source(b.Source)
		}
	}
	return nil
}
