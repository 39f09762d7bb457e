// Package discs makes the stand-in's media: a Windows-like installation
// disc, a virtio-win-like driver disc and a cloudbase-init installer.
package discs

import (
	"context"
	"errors"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/windows"
)

// Product is a Windows release that the maker can imitate.
type Product string

// The products whose media can be made.
const (
	Server2022 Product = "2022"
	Server2025 Product = "2025"
)

// Options choose the media. The zero value is Server 2022 in English.
type Options struct {
	Product  Product        // Server2022 when empty
	Language string         // "en-US" when empty, or "ko-KR"
	Faults   windows.Faults // defects the guest is to show
	// OmitDrivers leaves driver folders out of the driver disc, for example
	// "viostor/2k22".
	OmitDrivers []string
	// CacheDir keeps the kernel and finished discs; the user's cache
	// directory when empty.
	CacheDir string
}

// Set names the files that were made. All are absolute paths into the cache:
// copy them before changing one.
type Set struct {
	InstallISO         string
	DriversISO         string
	CloudbaseInstaller string // CloudbaseInitSetup_x64.msi
	// Kernel and Initrd boot the guest directly, without firmware or GRUB.
	Kernel, Initrd string
}

// Make returns the media for the options, from the cache when they are there.
func Make(ctx context.Context, o Options) (*Set, error) {
	return nil, errors.New("discs: not yet")
}
