package setup

import (
	"encoding/binary"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
)

// DriverPackage is a driver on a disc: an INF and what lies beside it.
type DriverPackage struct {
	Disc    Disc
	Folder  string // on the disc, with slashes
	INF     string // file name
	Name    string // INF's name without its ending, lower case
	Class   string
	Service string // first AddService; "" when there is none
	Devices []Device
	Files   []string // of SourceDisksFiles
	Missing []string // those of Files that the folder lacks
}

// Serves says whether the package is for one of the devices.
func (p DriverPackage) Serves(devices []Device) bool {
	return slices.ContainsFunc(devices, func(d Device) bool { return slices.Contains(p.Devices, d) })
}

// findDrivers reads every INF below a folder of a disc, as Setup searches it.
func findDrivers(disc Disc, folder string) []DriverPackage {
	var found []DriverPackage
	// A folder that cannot be read holds no drivers, for Setup as for us.
	entries, _ := fs.ReadDir(disc.FS, folder)
	for _, e := range entries {
		name := path.Join(folder, e.Name())
		if e.IsDir() {
			found = append(found, findDrivers(disc, name)...)
		} else if p, ok := readINF(disc, name); ok {
			found = append(found, p)
		}
	}
	return found
}

var (
	hardwareID = regexp.MustCompile(`(?i)PCI\\VEN_([0-9A-F]{4})&DEV_([0-9A-F]{4})`)
	section    = regexp.MustCompile(`^\[([^\]]+)\]`)
)

// readINF reads what Setup needs of an INF. autorun.inf and its like, which
// have no [Version] with a class, are no drivers.
func readINF(disc Disc, name string) (DriverPackage, bool) {
	if !strings.EqualFold(path.Ext(name), ".inf") {
		return DriverPackage{}, false
	}
	raw, err := fs.ReadFile(disc.FS, name)
	if err != nil {
		return DriverPackage{}, false
	}
	p := DriverPackage{
		Disc: disc, Folder: path.Dir(name), INF: path.Base(name),
		Name: strings.ToLower(strings.TrimSuffix(path.Base(name), path.Ext(name))),
	}
	in := ""
	for _, line := range strings.Split(decodeINF(raw), "\n") {
		line, _, _ = strings.Cut(line, ";")
		line = strings.TrimSpace(line)
		if match := section.FindStringSubmatch(line); match != nil {
			in = strings.ToLower(match[1])
			continue
		}
		if line == "" {
			continue
		}
		key, value, _ := strings.Cut(line, "=")
		key, value = strings.TrimSpace(key), strings.TrimSpace(value)
		switch {
		case in == "version" && strings.EqualFold(key, "Class"):
			p.Class = value
		case in == "sourcedisksfiles" || in == "sourcedisksfiles.amd64":
			p.Files = append(p.Files, key)
		case strings.EqualFold(key, "AddService") && p.Service == "":
			p.Service = strings.TrimSpace(strings.Split(value, ",")[0])
		}
		for _, match := range hardwareID.FindAllStringSubmatch(line, -1) {
			vendor, _ := strconv.ParseUint(match[1], 16, 16)
			device, _ := strconv.ParseUint(match[2], 16, 16)
			if d := (Device{uint16(vendor), uint16(device)}); !slices.Contains(p.Devices, d) {
				p.Devices = append(p.Devices, d)
			}
		}
	}
	for _, file := range p.Files {
		if _, err := fs.Stat(disc.FS, path.Join(p.Folder, file)); err != nil {
			p.Missing = append(p.Missing, file)
		}
	}
	return p, p.Class != ""
}

// decodeINF reads an INF in either of its encodings: UTF-16 with a mark, or
// bytes.
func decodeINF(raw []byte) string {
	if len(raw) < 2 || raw[0] != 0xff || raw[1] != 0xfe {
		return string(raw)
	}
	units := make([]uint16, 0, len(raw)/2)
	for raw = raw[2:]; len(raw) >= 2; raw = raw[2:] {
		units = append(units, binary.LittleEndian.Uint16(raw))
	}
	return string(utf16.Decode(units))
}
