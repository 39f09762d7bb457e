package guest

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"path"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/windows/setup"
)

// storeDrivers copies driver packages where Windows keeps them: the driver
// store, %WINDIR%\INF under an oem name, and the binaries.
func storeDrivers(root string, packages []setup.DriverPackage) error {
	for n, p := range packages {
		entries, err := fs.ReadDir(p.Disc.FS, p.Folder)
		if err != nil {
			return err
		}
		sum := sha256.Sum256([]byte(p.INF))
		folder := fmt.Sprintf("Windows/System32/DriverStore/FileRepository/%s_amd64_%x", p.INF, sum[:8])
		for _, e := range entries {
			if e.IsDir() {
				continue
			}
			data, err := fs.ReadFile(p.Disc.FS, path.Join(p.Folder, e.Name()))
			if err != nil {
				return err
			}
			if err := writeUnder(root, folder+"/"+e.Name(), data); err != nil {
				return err
			}
			if e.Name() == p.INF {
				err = writeUnder(root, fmt.Sprintf("Windows/INF/oem%d.inf", n), data)
			}
			if path.Ext(e.Name()) == ".sys" {
				err = writeUnder(root, "Windows/System32/drivers/"+e.Name(), data)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}
