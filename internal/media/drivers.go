package media

import (
	"errors"
	"io"
)

// Drivers is an opened virtio-win ISO: ISO 9660 with Rock Ridge names.
type Drivers struct{}

// OpenDrivers opens the virtio-win ISO at path.
func OpenDrivers(path string) (*Drivers, io.Closer, error) { return nil, nil, errors.New("not yet") }

// Version is the ISO's version, from its label (virtio-win-0.1.285: "0.1.285");
// empty when the label tells none.
func (d *Drivers) Version() string { return "" }

// DriverFolder is one driver's folder of the ISO, for one product and
// architecture.
type DriverFolder struct {
	// Driver is its name as on the ISO, e.g. viostor, NetKVM.
	Driver string
	// OSDir is the folder that was found, e.g. 2k22.
	OSDir string
	// Path is the folder on the ISO, e.g. viostor/2k22/amd64.
	Path string
	// Version is DriverVer's version in its INF, e.g. 100.101.104.28500.
	Version string
	// Files are all files of the folder; Path holds their base names.
	Files []DiscFile
}

// Folder finds driver's folder for the first of osDirs that the ISO has, and
// checks that every file that its INFs name is there. arch is amd64, x86 or
// arm64. The error names what is missing and what the ISO has.
func (d *Drivers) Folder(driver string, osDirs []string, arch string) (DriverFolder, error) {
	return DriverFolder{}, errors.New("not yet")
}

// File gives the file at path of the ISO, whatever the case of its name. An
// absent file is fs.ErrNotExist.
func (d *Drivers) File(path string) (DiscFile, error) { return DiscFile{}, errors.New("not yet") }

// Certificates are the .cer files of the ISO's cert folder; Path holds their
// base names.
func (d *Drivers) Certificates() []DiscFile { return nil }
