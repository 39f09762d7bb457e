package libvirt

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"time"

	"github.com/hashicorp/packer-plugin-sdk/multistep"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/libvirtapi"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/media"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/stepkit"
)

// copyKeeper is what keeping copies of ISOs in a pool asks of libvirt.
type copyKeeper interface {
	LookupVolume(ctx context.Context, pool, name string) (libvirtapi.Volume, error)
	VolumeNames(ctx context.Context, pool string) ([]string, error)
	FilesInUse(ctx context.Context) (map[string]string, error)
	UploadVolume(ctx context.Context, v libvirtapi.Volume, r io.Reader, size int64, progress libvirtapi.Progress) (libvirtapi.Volume, error)
	DeleteVolume(ctx context.Context, v libvirtapi.Volume) error
}

var _ copyKeeper = (*libvirtapi.Conn)(nil)

// copyName is what the pool's copy of an ISO is called: by its content, so that
// one copy serves every template and user of the host.
func copyName(id media.Identity) string { return fmt.Sprintf("wintemplate-%.16s.iso", id.Sample) }

var copyNames = regexp.MustCompile(`^wintemplate-[0-9a-f]{16}\.iso$`)

// sweepCopies removes copies that no build has used for maxAge and no domain
// names, except the one that is wanted now. A build that fails to tidy up is
// not spoiled by it.
func sweepCopies(ctx context.Context, host copyKeeper, pool, except string, maxAge time.Duration, now time.Time, say func(string)) {
	if err := trySweepCopies(ctx, host, pool, except, maxAge, now, say); err != nil && ctx.Err() == nil {
		say(fmt.Sprintf("Warning: old copies of ISOs in the pool %q were not looked for: %s", pool, err))
	}
}

func trySweepCopies(ctx context.Context, host copyKeeper, pool, except string, maxAge time.Duration, now time.Time, say func(string)) error {
	names, err := host.VolumeNames(ctx, pool)
	if err != nil {
		return err
	}
	var old []libvirtapi.Volume
	for _, name := range names {
		if name == except || !copyNames.MatchString(name) {
			continue
		}
		v, err := host.LookupVolume(ctx, pool, name)
		switch {
		case errors.Is(err, libvirtapi.ErrNotFound):
		case err != nil:
			return err
		case !v.Modified.IsZero() && now.Sub(v.Modified) > maxAge:
			old = append(old, v)
		}
	}
	if len(old) == 0 {
		return nil
	}
	used, err := host.FilesInUse(ctx)
	if err != nil {
		return err
	}
	for _, v := range old {
		if used[v.Path] != "" {
			continue
		}
		if err := host.DeleteVolume(ctx, v); err != nil {
			return err
		}
		say(fmt.Sprintf("Removed %s (%s), a copy of an ISO that no build has used since %s", v.Path, gib(int64(v.Allocation)), v.Modified.Format(time.DateOnly)))
	}
	return nil
}

// touchCopy makes a copy's time of change the time of its last use: its first
// sector is written over with itself. The time of the last access would not do,
// since many file systems are mounted without it.
func touchCopy(ctx context.Context, host copyKeeper, v libvirtapi.Volume, iso string) error {
	f, err := os.Open(iso)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = host.UploadVolume(ctx, v, io.LimitReader(f, sector), sector, nil)
	return err
}

const sector = 2048

// poolCopy finds or makes the pool's copy of the ISO. A copy whose upload was
// cut short has fewer bytes on the disk than its size says; it may belong to a
// build that is writing it now, so it is left alone and one is made for this
// build, which goes with it.
func (s *stepInstallDisc) poolCopy(ctx context.Context, bag multistep.StateBag, plan *Plan, pool libvirtapi.Pool, id media.Identity) (v libvirtapi.Volume, how string, err error) {
	host, err := hostAs[copyKeeper](bag)
	if err != nil {
		return v, "", err
	}
	name := copyName(id)
	kept := fmt.Sprintf("It is kept for later builds, until none has used it for %s (iso_copy_max_age); to remove it yourself: virsh -c %s vol-delete --pool %s %s",
		days(s.config.ISOCopyMaxAge), s.config.LibvirtURI, pool.Name, name)
	v, err = host.LookupVolume(ctx, pool.Name, name)
	switch {
	case errors.Is(err, libvirtapi.ErrNotFound):
		v, mark, err := upload(ctx, bag, s, s.config.LibvirtURI, pool.Name, name, "0644", plan.Files.ISO)
		if err == nil {
			return v, "Copied it to " + v.Path + ". " + kept, stepkit.Forget(bag, mark)
		}
		if !errors.Is(err, libvirtapi.ErrExists) {
			return v, "", err
		}
		// Another build has begun to make it since we looked.
	case err != nil:
		return v, "", err
	case v.Physical == uint64(id.Size) && v.Allocation >= v.Physical:
		return v, "Using the copy " + v.Path + ". " + kept, touchCopy(ctx, host, v, plan.Files.ISO)
	}
	v, _, err = upload(ctx, bag, s, s.config.LibvirtURI, pool.Name, volumeName(s.config, plan.ID, ".iso"), "0644", plan.Files.ISO)
	return v, fmt.Sprintf("The copy %s is unfinished, perhaps another build is making it; copied it to %s for this build alone", name, v.Path), err
}

// days shows a long time as people count it.
func days(d time.Duration) string {
	const day = 24 * time.Hour
	if d >= 2*day && d%day == 0 {
		return fmt.Sprintf("%d days", d/day)
	}
	return d.String()
}
