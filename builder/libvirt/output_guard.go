package libvirt

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/handoff"
)

// guardOutput refuses an output_directory that is or contains what the user
// must not lose: -force, a failed build and Packer's clean-up remove it.
func (c *Config) guardOutput() []error {
	if c.OutputDir == "" || unknown(c.OutputDir) {
		return nil
	}
	var errs []error
	seen := map[string]bool{}
	check := func(what, path string) {
		if path == "" || unknown(path) || seen[what+path] || !within(c.OutputDir, path) {
			return
		}
		seen[what+path] = true
		errs = append(errs, fmt.Errorf("output_directory: %q holds %s (%s), which would be lost with it: -force and a failed build remove the folder; name a folder of its own", c.OutputDir, what, path))
	}
	input := func(field, source string) {
		if source != "" && !isRemote(source) {
			check(field, localPath(source))
		}
	}
	if wd, err := os.Getwd(); err == nil {
		check("the current folder", wd)
	}
	if home, err := os.UserHomeDir(); err == nil {
		check("the home folder", home)
	}
	input("iso_url", c.RawSingleISOUrl)
	for _, source := range c.ISOUrls {
		input("iso_url", source)
	}
	input("drivers_iso_url", c.DriversISOURL)
	for _, source := range c.Payload {
		input("payload", source)
	}
	check("answer_file", c.AnswerFile)
	for i, f := range c.Fragments {
		check(fmt.Sprintf("answer_file_fragment[%d]", i), f.Path)
	}
	return errs
}

// within says whether path is dir or lies under it, as they are written or
// where their symbolic links lead.
func within(dir, path string) bool {
	for _, d := range places(dir) {
		for _, p := range places(path) {
			rel, err := filepath.Rel(d, p)
			if err == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator)) {
				return true
			}
		}
	}
	return false
}

// places are the absolute path as written, and with its symbolic links
// followed as far as it exists.
func places(path string) []string {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil
	}
	rest := ""
	for p := abs; ; p = filepath.Dir(p) {
		if real, err := filepath.EvalSymlinks(p); err == nil {
			return []string{abs, filepath.Join(real, rest)}
		}
		if p == filepath.Dir(p) {
			return []string{abs}
		}
		rest = filepath.Join(filepath.Base(p), rest)
	}
}

// earlierOutput lists the files of an earlier build in dir, which -force may
// replace. Anything else in there is an error that names it.
func earlierOutput(dir, vmName string) ([]string, error) {
	info, err := os.Lstat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("output_directory: %w", err)
	}
	if !info.IsDir() {
		return nil, fmt.Errorf("output_directory: %s is not a folder, so -force does not replace it; remove it or choose another", dir)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("output_directory: %w", err)
	}
	ours := map[string]bool{}
	for _, e := range entries {
		switch name := e.Name(); {
		case !e.Type().IsRegular():
		case name == buildMark:
			ours[name], ours[vmName+".qcow2"], ours[vmName+".json"] = true, true, true
		case filepath.Ext(name) == ".json" && isManifest(filepath.Join(dir, name)):
			ours[name], ours[strings.TrimSuffix(name, ".json")+".qcow2"] = true, true
		}
	}
	var found, foreign []string
	for _, e := range entries {
		if e.Type().IsRegular() && ours[e.Name()] {
			found = append(found, filepath.Join(dir, e.Name()))
		} else {
			foreign = append(foreign, e.Name())
		}
	}
	if len(foreign) > 0 {
		return nil, fmt.Errorf("output_directory: %s holds what no earlier build has left there: %s; -force does not delete it, move it away or choose another folder", dir, strings.Join(foreign, ", "))
	}
	return found, nil
}

// isManifest says whether a file is the manifest, of whatever version, of a
// disk with the file's own name.
func isManifest(path string) bool {
	info, err := os.Stat(path)
	if err != nil || info.Size() > 16<<20 {
		return false
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return false
	}
	var m handoff.Manifest
	if json.Unmarshal(data, &m) != nil {
		return false
	}
	disk := filepath.Base(filepath.FromSlash(m.Disk.Path))
	return m.Version > 0 && len(m.Disk.SHA256) == 64 && strings.TrimSuffix(disk, ".qcow2") == strings.TrimSuffix(filepath.Base(path), ".json")
}

// removeEarlierOutput removes the files of an earlier build and their folder,
// and nothing else.
func removeEarlierOutput(dir, vmName string) error {
	files, err := earlierOutput(dir, vmName)
	if err != nil {
		return err
	}
	for _, f := range append(files, dir) {
		if err := os.Remove(f); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("output_directory: %w", err)
		}
	}
	return nil
}
