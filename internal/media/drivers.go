package media

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
)

// Drivers is an opened virtio-win ISO: ISO 9660 with Rock Ridge names, its
// drivers in folders <Driver>/<os>/<arch>.
type Drivers struct{ tree *isoTree }

// OpenDrivers opens the virtio-win ISO at path.
func OpenDrivers(path string) (*Drivers, io.Closer, error) {
	tree, closer, err := openISO(path)
	if err != nil {
		return nil, nil, err
	}
	return &Drivers{tree}, closer, nil
}

// Label is the ISO's label, e.g. virtio-win-0.1.285.
func (d *Drivers) Label() string { return d.tree.label() }

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
	top, _, err := d.tree.find(driver)
	if errors.Is(err, fs.ErrNotExist) {
		return DriverFolder{}, fmt.Errorf("drivers ISO %q has no folder %s; it has %s; is it a virtio-win ISO?", d.Label(), driver, d.names("."))
	}
	if err != nil {
		return DriverFolder{}, err
	}
	for _, dir := range osDirs {
		at, e, err := d.tree.find(path.Join(top, dir, arch))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return DriverFolder{}, err
		}
		if !e.IsDir() {
			continue
		}
		f := DriverFolder{Driver: top, OSDir: path.Base(path.Dir(at)), Path: at}
		err = d.fill(&f, arch)
		return f, err
	}
	return DriverFolder{}, fmt.Errorf("drivers ISO %q has no %s driver in %s/{%s}/%s; it has %s for %s; give a newer virtio-win ISO",
		d.Label(), arch, top, strings.Join(osDirs, ","), arch, top, d.names(top))
}

// names lists a directory's folders for an error.
func (d *Drivers) names(dir string) string {
	entries, err := d.tree.list(dir)
	if err != nil {
		return err.Error()
	}
	var out []string
	for _, e := range entries {
		if e.IsDir() && e.Name() != "." && e.Name() != ".." {
			out = append(out, e.Name())
		}
	}
	if len(out) == 0 {
		return "nothing"
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}

// fill reads the folder's files and checks them against its INFs.
func (d *Drivers) fill(f *DriverFolder, arch string) error {
	entries, err := d.tree.list(f.Path)
	if err != nil {
		return err
	}
	var infs []string
	for _, e := range entries {
		if e.IsDir() {
			continue
		}
		file, err := d.tree.discFile(e.Name(), path.Join(f.Path, e.Name()), e)
		if err != nil {
			return fmt.Errorf("%s/%s: %w", f.Path, e.Name(), err)
		}
		f.Files = append(f.Files, file)
		if strings.EqualFold(path.Ext(e.Name()), ".inf") {
			infs = append(infs, e.Name())
		}
	}
	slices.SortFunc(f.Files, func(a, b DiscFile) int { return strings.Compare(a.Path, b.Path) })
	if len(infs) == 0 {
		return fmt.Errorf("drivers ISO %q: %s holds no INF", d.Label(), f.Path)
	}
	slices.Sort(infs)
	for _, name := range infs {
		inf, err := d.readINF(path.Join(f.Path, name))
		if err != nil {
			return err
		}
		if f.Version == "" {
			f.Version = inf.driverVersion()
		}
		for _, need := range inf.files(arch) {
			if !slices.ContainsFunc(f.Files, func(x DiscFile) bool { return strings.EqualFold(x.Path, need) }) {
				return fmt.Errorf("drivers ISO %q: %s/%s names %s, which the folder lacks; Setup refuses an incomplete driver; give a complete virtio-win ISO",
					d.Label(), f.Path, name, need)
			}
		}
	}
	return nil
}

// maxINF bounds an INF; virtio-win's largest has some 60 KB.
const maxINF = 4 << 20

func (d *Drivers) readINF(exact string) (infFile, error) {
	r, err := d.tree.open(exact)
	if err != nil {
		return infFile{}, err
	}
	defer r.Close()
	b, err := io.ReadAll(io.LimitReader(r, maxINF))
	if err != nil {
		return infFile{}, fmt.Errorf("%s: %w", exact, err)
	}
	return infFile{parseINI(b)}, nil
}

// File gives the file at path of the ISO, whatever the case of its name. An
// absent file is fs.ErrNotExist.
func (d *Drivers) File(path string) (DiscFile, error) {
	exact, e, err := d.tree.find(path)
	if err != nil {
		return DiscFile{}, err
	}
	if e.IsDir() {
		return DiscFile{}, &fs.PathError{Op: "open", Path: path, Err: errors.New("is a directory")}
	}
	return d.tree.discFile(exact, exact, e)
}

// Certificates are the .cer files of the ISO's cert folder; Path holds their
// base names. An ISO without them gives none.
func (d *Drivers) Certificates() []DiscFile {
	dir, e, err := d.tree.find("cert")
	if err != nil || !e.IsDir() {
		return nil
	}
	entries, err := d.tree.list(dir)
	if err != nil {
		return nil
	}
	var out []DiscFile
	for _, e := range entries {
		if e.IsDir() || !strings.EqualFold(path.Ext(e.Name()), ".cer") {
			continue
		}
		if f, err := d.tree.discFile(e.Name(), path.Join(dir, e.Name()), e); err == nil {
			out = append(out, f)
		}
	}
	slices.SortFunc(out, func(a, b DiscFile) int { return strings.Compare(a.Path, b.Path) })
	return out
}
