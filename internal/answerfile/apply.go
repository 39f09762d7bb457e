package answerfile

import (
	"bytes"
	"embed"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"strconv"
	"strings"
)

// The files of MethodApply that are the same for every build: the script and
// what it gives diskpart.exe.
//
//go:embed apply
var applyFolder embed.FS

// ApplyFile is a file that MethodApply wants on the answer disc.
type ApplyFile struct {
	// Path is relative to the disc's root, with slashes.
	Path string
	Data []byte
}

// applyCommand finds the script on whatever drive the answer disc is and runs
// it. It does not come back: it restarts the machine, or halts it. So what
// follows is reached only when no drive has it, and Setup would then show its
// pages to nobody.
const applyCommand = `cmd.exe /c "(for %d in (C D E F G H I J K L M N) do @if exist %d:\wintemplate\apply.cmd call %d:\wintemplate\apply.cmd) & (echo wintemplate: setup.winpe fail no drive holds wintemplate\apply.cmd)>COM1 2>nul"`

// applyCommands is the windowsPE pass of MethodApply: the script does what
// setup.exe would, so no other component may stand there.
func applyCommands() *node { return runSynchronous([]command{{line: applyCommand}}) }

// ApplyFiles are the files that the answer disc of MethodApply holds beside the
// answer file, in the order of their paths. buildID marks the disk, so that a
// machine that starts its CD again does not install again.
//
// This is experimental: it has not run on real installation media.
func ApplyFiles(a Answers, buildID string) ([]ApplyFile, error) {
	if a.InstallMethod != MethodApply {
		return nil, fmt.Errorf("install_method: %q; these files are for \"apply\"", a.InstallMethod)
	}
	if err := a.Validate(); err != nil {
		return nil, err
	}
	if !buildIDForm.MatchString(buildID) {
		return nil, fmt.Errorf("build id %q: letters, digits, hyphens and dots only", buildID)
	}
	if _, known := installFiles[a.Image.Path]; !known {
		return nil, fmt.Errorf("install_method: %q is not one of sources/install.wim, .esd and .swm, which \"apply\" can take an image from; use \"setup\"", a.Image.Path)
	}
	out := []ApplyFile{{Path: "wintemplate/apply-answers.cmd", Data: crlf(a.applyVariables(buildID))}}
	entries, err := fs.ReadDir(applyFolder, "apply")
	if err != nil {
		return nil, err
	}
	for _, entry := range entries {
		data, err := applyFolder.ReadFile(path.Join("apply", entry.Name()))
		if err != nil {
			return nil, err
		}
		if strings.HasPrefix(entry.Name(), "diskpart-") && isOther(entry.Name(), a.Firmware) {
			continue
		}
		out = append(out, ApplyFile{Path: path.Join("wintemplate", entry.Name()), Data: crlf(data)})
	}
	return out, nil
}

// installFiles are the files that an image can be applied from, and the pattern
// that DISM finds the parts of a split one by.
var installFiles = map[string]string{
	"sources/install.wim": "", "sources/install.esd": "",
	"sources/install.swm": `sources\install*.swm`,
}

// applyVariables is what the script reads first.
func (a Answers) applyVariables(buildID string) []byte {
	var b bytes.Buffer
	for _, v := range []struct{ name, value string }{
		{"BUILD_ID", buildID},
		{"FIRMWARE", string(a.Firmware)},
		{"INSTALL", strings.ReplaceAll(a.Image.Path, "/", `\`)},
		{"SWMFILE", installFiles[a.Image.Path]},
		{"INDEX", strconv.Itoa(a.Image.Index)},
	} {
		fmt.Fprintf(&b, "set \"%s=%s\"\n", v.name, v.value)
	}
	return b.Bytes()
}

// isOther: the layout of the other firmware has no business on this disc.
func isOther(name string, firmware Firmware) bool {
	return name == "diskpart-bios.txt" && firmware != BIOS || name == "diskpart-uefi.txt" && firmware != UEFI
}

var buildIDForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9.-]{0,63}$`)
