package libvirt

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/hashicorp/packer-plugin-sdk/multistep"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/media"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/stepkit"
)

// discReader opens the two discs of a build.
type discReader interface {
	// Facts reads a Windows installation disc, and refuses one that can't be
	// booted without a key press under UEFI. The identity is that of the file
	// that was read.
	Facts(iso string, firmware string) (*media.Facts, media.Identity, error)
	// Drivers opens the drivers ISO.
	Drivers(iso string) (driverSource, io.Closer, error)
}

// stepOpenMedia reads local media before anything is hashed or downloaded, so
// that a wrong ISO or edition is an answer in the first second. Remote media
// are read by stepPlan, once they are here.
type stepOpenMedia struct {
	config *Config
	discs  discReader
}

func (s *stepOpenMedia) Title() string { return "Reading the installation media" }

func (s *stepOpenMedia) Run(ctx context.Context, bag multistep.StateBag) multistep.StepAction {
	return stepkit.Run(ctx, bag, s)
}

func (s *stepOpenMedia) Cleanup(bag multistep.StateBag) { stepkit.Cleanup(bag, s) }

func (s *stepOpenMedia) Do(ctx context.Context, bag multistep.StateBag) error {
	in, err := theInputs.Get(bag)
	if err != nil {
		return err
	}
	if err := s.config.known(); err != nil {
		return err
	}
	found, complete, err := s.config.localFiles()
	if err != nil {
		return err
	}
	if complete {
		plan, iso, err := resolve(s.config, in, found, s.discs)
		if err != nil {
			return err
		}
		theDraft.Put(bag, plan)
		theISO.Put(bag, iso)
		return nil
	}
	if found.ISO == "" {
		return nil
	}
	facts, iso, err := s.discs.Facts(found.ISO, s.config.Firmware)
	if err != nil {
		return fmt.Errorf("iso_url: %w", err)
	}
	theISO.Put(bag, iso)
	_, err = facts.Resolve(media.Wish{Edition: s.config.Edition, ImageName: s.config.ImageName, ImageIndex: s.config.ImageIndex})
	return err
}

// resolve opens the media and makes the plan, for the ISO of the identity.
func resolve(c *Config, in *inputs, from files, discs discReader) (*Plan, media.Identity, error) {
	facts, iso, isoErr := discs.Facts(from.ISO, c.Firmware)
	if isoErr != nil {
		isoErr = fmt.Errorf("iso_url: %w", isoErr)
	}
	drivers, closer, driversErr := discs.Drivers(from.Drivers)
	if driversErr != nil {
		driversErr = fmt.Errorf("drivers_iso_url: %w", driversErr)
	} else {
		defer closer.Close()
	}
	if err := errors.Join(isoErr, driversErr); err != nil {
		return nil, iso, err
	}
	plan, err := newPlan(c, in.ID, from, facts, drivers, in.Password)
	return plan, iso, err
}

// localFiles finds the inputs that are on this machine already. complete is
// true when all of them are. A local file that is absent is an error.
func (c *Config) localFiles() (found files, complete bool, err error) {
	complete = true
	var problems []error
	local := func(field, source string) string {
		if isRemote(source) {
			complete = false
			return ""
		}
		path, err := realFile(localPath(source))
		if err != nil {
			problems = append(problems, fmt.Errorf("%s: %w", field, err))
			return ""
		}
		return path
	}
	found.ISO = c.localISO(local)
	found.Drivers = local("drivers_iso_url", c.DriversISOURL)
	for _, source := range c.Payload {
		if path := local("payload", source); path != "" {
			found.Payload = append(found.Payload, payloadFile{Name: payloadName(source), Path: path})
		}
	}
	return found, complete && len(problems) == 0, errors.Join(problems...)
}

// localISO takes the first of several ISO URLs that is a file here; only when
// there is but one is its absence an error, for the others may be elsewhere.
func (c *Config) localISO(local func(field, source string) string) string {
	if len(c.ISOUrls) == 1 {
		return local("iso_url", c.ISOUrls[0])
	}
	for _, source := range c.ISOUrls {
		if !isRemote(source) && checkRegular(localPath(source)) == nil {
			return local("iso_urls", source)
		}
	}
	return local("iso_urls", "http://")
}

// realFile is the absolute path of a file, with its symbolic links followed:
// QEMU's user must be able to enter the folders behind them, and AppArmor knows
// no others.
func realFile(path string) (string, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	if err := checkRegular(abs); err != nil {
		return abs, err
	}
	return filepath.EvalSymlinks(abs)
}

func checkRegular(path string) error {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s is not a file", path)
	}
	return nil
}

// discs is discReader on files.
type discs struct{}

func (discs) Facts(iso, firmware string) (*media.Facts, media.Identity, error) {
	image, id, closer, err := media.OpenIdentified(iso)
	if err != nil {
		return nil, id, err
	}
	defer closer.Close()
	facts, err := image.Inspect()
	if err != nil {
		return nil, id, fmt.Errorf("%s: %w", iso, err)
	}
	if facts.UEFI || firmware != "uefi" {
		if _, err := bootPlan(image, firmware); err != nil {
			return nil, id, fmt.Errorf("%s: %w", iso, err)
		}
	}
	return facts, id, nil
}

func (discs) Drivers(iso string) (driverSource, io.Closer, error) {
	d, closer, err := media.OpenDrivers(iso)
	if err != nil {
		return nil, nil, err // d as an interface would be a typed nil
	}
	return d, closer, nil
}

// bootPlan is what the machine boots: under UEFI the ISO with the boot image
// that asks for no key, under BIOS the ISO as it is.
func bootPlan(image *media.Image, firmware string) (*media.Plan, error) {
	edit := image.Edit()
	if firmware == "uefi" {
		if err := edit.NoPromptUEFI(); err != nil {
			return nil, err
		}
	}
	return edit.Plan(media.Options{})
}
