package media

import (
	"slices"
	"strings"
)

// infFile is a driver's setup information file.
type infFile struct{ iniFile }

// driverVersion is the version in DriverVer = mm/dd/yyyy,w.x.y.z.
func (f infFile) driverVersion() string {
	v, _ := f.value("Version", "DriverVer")
	_, version, ok := strings.Cut(v, ",")
	if !ok {
		return ""
	}
	return strings.TrimSpace(version)
}

// files are the files of the package that the INF names for an architecture:
// those of SourceDisksFiles and the catalogues.
func (f infFile) files(arch string) []string {
	var out []string
	add := func(name string) {
		name = strings.Trim(strings.TrimSpace(name), `"`)
		if name != "" && !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	for _, section := range []string{"SourceDisksFiles", "SourceDisksFiles." + arch} {
		for _, line := range f.iniFile[strings.ToLower(section)] {
			key, value, _ := strings.Cut(line, "=")
			// name = disk id [, subfolder]: virtio-win has none in a subfolder, and
			// folders are copied flat, so that such a file counts as missing
			if parts := strings.Split(value, ","); len(parts) > 1 && strings.TrimSpace(parts[1]) != "" {
				add(strings.TrimSpace(parts[1]) + `\` + strings.TrimSpace(key))
				continue
			}
			add(key)
		}
	}
	for _, key := range []string{"CatalogFile", "CatalogFile.NT", "CatalogFile.NT" + arch} {
		if v, ok := f.value("Version", key); ok {
			add(v)
		}
	}
	return out
}
