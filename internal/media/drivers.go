package media

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/media/iso9660"
)

// Drivers is an opened virtio-win ISO: ISO 9660 with Rock Ridge names, its
// drivers in folders <Driver>/<os>/<arch>. Joliet names serve as well. Its files
// can be opened until its closer is closed.
type Drivers struct{ disc *iso9660.Volume }

// OpenDrivers opens the virtio-win ISO at path.
func OpenDrivers(path string) (*Drivers, io.Closer, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	info, err := f.Stat()
	var disc *iso9660.Volume
	if err == nil {
		disc, err = iso9660.Open(f, info.Size())
	}
	var truncated *iso9660.TruncatedError
	switch {
	case errors.Is(err, iso9660.ErrNotISO):
		err = fmt.Errorf("not a drivers ISO: %s; give virtio-win's ISO", describe(f, info.Size(), "ISO 9660"))
	case errors.As(err, &truncated):
		err = &TruncatedError{Size: truncated.Size, Want: truncated.Want}
	}
	if err != nil {
		_ = f.Close()
		return nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	return &Drivers{disc}, f, nil
}

// Label is the ISO's label, e.g. virtio-win-0.1.285.
func (d *Drivers) Label() string { return d.disc.Label() }

var labelVersion = regexp.MustCompile(`(?i)virtio-win-(\d+(?:\.\d+)+)`)

// Version is the ISO's version, from its label (virtio-win-0.1.285: "0.1.285");
// empty when the label tells none.
func (d *Drivers) Version() string {
	if m := labelVersion.FindStringSubmatch(d.Label()); m != nil {
		return m[1]
	}
	return ""
}

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
// checks that every file that its INFs name is there: a package that lacks one
// ends Setup from build 26100 on with 0x80070002. arch is amd64, x86 or arm64.
// The error names what is missing and what the ISO has.
func (d *Drivers) Folder(driver string, osDirs []string, arch string) (DriverFolder, error) {
	top, err := d.disc.Find(driver)
	if errors.Is(err, fs.ErrNotExist) {
		root, _ := d.disc.Find(".")
		return DriverFolder{}, fmt.Errorf("drivers ISO %q has no folder %s; it has %s; is it a virtio-win ISO?", d.Label(), driver, d.names(root))
	}
	if err != nil {
		return DriverFolder{}, err
	}
	for _, dir := range osDirs {
		at, err := d.disc.Find(path.Join(top.Path, dir, arch))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return DriverFolder{}, err
		}
		if !at.Dir {
			continue
		}
		f := DriverFolder{Driver: top.Path, OSDir: path.Base(path.Dir(at.Path)), Path: at.Path}
		err = d.fill(&f, at, arch)
		return f, err
	}
	return DriverFolder{}, fmt.Errorf("drivers ISO %q has no %s driver in %s/{%s}/%s; it has %s for %s; give a newer virtio-win ISO",
		d.Label(), arch, top.Path, strings.Join(osDirs, ","), arch, top.Path, d.names(top))
}

// names lists a directory's folders for an error.
func (d *Drivers) names(dir iso9660.Entry) string {
	entries, err := d.disc.List(dir)
	if err != nil {
		return err.Error()
	}
	var out []string
	for _, e := range entries {
		if e.Dir {
			out = append(out, e.Name())
		}
	}
	if len(out) == 0 {
		return "nothing"
	}
	return strings.Join(out, ", ")
}

// fill reads the folder's files and checks them against its INFs.
func (d *Drivers) fill(f *DriverFolder, at iso9660.Entry, arch string) error {
	entries, err := d.disc.List(at)
	if err != nil {
		return err
	}
	var infs []iso9660.Entry
	for _, e := range entries {
		if e.Dir {
			continue
		}
		f.Files = append(f.Files, d.discFile(e.Name(), e))
		if strings.EqualFold(path.Ext(e.Name()), ".inf") {
			infs = append(infs, e)
		}
	}
	if len(infs) == 0 {
		return fmt.Errorf("drivers ISO %q: %s holds no INF", d.Label(), f.Path)
	}
	for _, e := range infs {
		inf, err := d.readINF(e)
		if err != nil {
			return err
		}
		if f.Version == "" {
			f.Version = inf.driverVersion()
		}
		for _, need := range inf.files(arch) {
			if !slices.ContainsFunc(f.Files, func(x DiscFile) bool { return strings.EqualFold(x.Path, need) }) {
				return fmt.Errorf("drivers ISO %q: %s/%s names %s, which the folder lacks; Setup refuses an incomplete driver; give a complete virtio-win ISO",
					d.Label(), f.Path, e.Name(), need)
			}
		}
	}
	return nil
}

// maxINF bounds an INF; virtio-win's largest has some 60 KB.
const maxINF = 4 << 20

func (d *Drivers) readINF(e iso9660.Entry) (infFile, error) {
	r, err := d.disc.Open(e)
	if err != nil {
		return infFile{}, err
	}
	b, err := io.ReadAll(io.LimitReader(r, maxINF))
	if err != nil {
		return infFile{}, fmt.Errorf("%s: %w", e.Path, err)
	}
	return infFile{parseINI(b)}, nil
}

// discFile is a file of the ISO as one for another disc.
func (d *Drivers) discFile(at string, e iso9660.Entry) DiscFile {
	return DiscFile{Path: at, Size: e.Size, Open: func() (io.ReadCloser, error) {
		r, err := d.disc.Open(e)
		if err != nil {
			return nil, err
		}
		return unowned{r}, nil
	}}
}

// File gives the file at path of the ISO, whatever the case of its name. An
// absent file is fs.ErrNotExist.
func (d *Drivers) File(path string) (DiscFile, error) {
	e, err := d.disc.Find(path)
	if err != nil {
		return DiscFile{}, err
	}
	if e.Dir {
		return DiscFile{}, &fs.PathError{Op: "open", Path: path, Err: errors.New("is a directory")}
	}
	return d.discFile(e.Path, e), nil
}

// Certificates are the .cer files of the ISO's cert folder; Path holds their
// base names. An ISO without them gives none; the error is that of reading.
func (d *Drivers) Certificates() ([]DiscFile, error) {
	dir, err := d.disc.Find("cert")
	if errors.Is(err, fs.ErrNotExist) || err == nil && !dir.Dir {
		return nil, nil
	}
	var entries []iso9660.Entry
	if err == nil {
		entries, err = d.disc.List(dir)
	}
	if err != nil {
		return nil, fmt.Errorf("drivers ISO %q: its folder cert: %w", d.Label(), err)
	}
	var out []DiscFile
	for _, e := range entries {
		if !e.Dir && strings.EqualFold(path.Ext(e.Name()), ".cer") {
			out = append(out, d.discFile(e.Name(), e))
		}
	}
	return out, nil
}
