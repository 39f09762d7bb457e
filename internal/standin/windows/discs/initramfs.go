package discs

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/debian"

	"github.com/klauspost/compress/zstd"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/windows/guest"
)

// guestPrograms are copied from the host into the initramfs with the shared
// libraries they need: NTFS is written by the same code that Linux users
// trust, not by one of ours.
var guestPrograms = []string{"mkntfs", "ntfs-3g", "ntfsresize", "ntfsfix", "mkfs.vfat"}

// buildInitramfs packs PID 1, the programs and the kernel modules.
func buildInitramfs(ctx context.Context, k debian.Kernel, init []byte) ([]byte, error) {
	files := map[string][]byte{"init": init}
	modules, err := readModules(k.Modules)
	if err != nil {
		return nil, err
	}
	groups := map[string][]string{}
	for group, names := range guest.ModuleGroups {
		order, err := modules.Closure(names...)
		if err != nil {
			return nil, fmt.Errorf("kernel %s, modules of %s: %w", k.Version, group, err)
		}
		groups[group] = order
		for _, name := range order {
			body, err := os.ReadFile(modules.paths[name])
			if err != nil {
				return nil, err
			}
			files[path.Join(guest.ModuleDir, name+".ko")] = withoutSignature(body)
		}
	}
	if files[guest.ModuleIndex], err = json.Marshal(groups); err != nil {
		return nil, err
	}
	for _, name := range guestPrograms {
		if err := addProgram(ctx, files, name); err != nil {
			return nil, err
		}
	}
	return packInitramfs(files)
}

var libraryLine = regexp.MustCompile(`(?m)(/\S+) \(0x[0-9a-f]+\)$`)

// addProgram puts a program at bin/NAME and its libraries where its loader
// will look for them.
func addProgram(ctx context.Context, files map[string][]byte, name string) error {
	program, err := lookTool(name)
	if err != nil {
		return err
	}
	out, err := tool(ctx, "", "ldd", program)
	if err != nil {
		return err
	}
	wanted := map[string]string{"bin/" + name: program}
	for _, match := range libraryLine.FindAllSubmatch(out, -1) {
		lib := string(match[1])
		wanted[strings.TrimPrefix(lib, "/")] = lib
	}
	for to, from := range wanted {
		real, err := filepath.EvalSymlinks(from)
		if err != nil {
			return err
		}
		if files[to], err = os.ReadFile(real); err != nil {
			return err
		}
	}
	return nil
}

func packInitramfs(files map[string][]byte) ([]byte, error) {
	var archive bytes.Buffer
	cpio := &cpioWriter{w: &archive}
	dirs := map[string]bool{}
	var mkdir func(dir string)
	mkdir = func(dir string) {
		if dir == "." || dirs[dir] {
			return
		}
		mkdir(path.Dir(dir))
		dirs[dir] = true
		cpio.Dir(dir)
	}
	for _, dir := range []string{"dev", "proc", "sys", "mnt", "tmp", "run", "etc"} {
		mkdir(dir)
	}
	// The kernel opens /dev/console for PID 1 before devtmpfs is mounted.
	cpio.Device("dev/console", 5, 1)
	names := make([]string, 0, len(files))
	for name := range files {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		mkdir(path.Dir(name))
		cpio.File(name, files[name])
	}
	if err := cpio.Close(); err != nil {
		return nil, err
	}
	encoder, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedBetterCompression), zstd.WithEncoderConcurrency(1))
	if err != nil {
		return nil, err
	}
	return encoder.EncodeAll(archive.Bytes(), nil), nil
}

// moduleName is the kernel's own spelling of a module's name: file names may
// hold dashes, dependencies never do.
func moduleName(file string) string {
	return strings.ReplaceAll(strings.TrimSuffix(filepath.Base(file), ".ko"), "-", "_")
}
