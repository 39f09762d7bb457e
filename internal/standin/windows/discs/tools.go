package discs

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// packages names the Debian package of each program that the maker runs, for
// the error of one that is absent.
var packages = map[string]string{
	"genisoimage":   "genisoimage",
	"go":            "golang",
	"grub-mkimage":  "grub-common",
	"mcopy":         "mtools",
	"mmd":           "mtools",
	"mkfs.vfat":     "dosfstools",
	"mkntfs":        "ntfs-3g",
	"msibuild":      "msitools",
	"ntfs-3g":       "ntfs-3g",
	"ldd":           "libc-bin",
	"wimlib-imagex": "wimtools",
}

// lookTool finds a program in PATH or in the system folders, which are not in
// a plain user's PATH on Debian.
func lookTool(name string) (string, error) {
	if path, err := exec.LookPath(name); err == nil {
		return path, nil
	}
	for _, dir := range []string{"/usr/sbin", "/sbin"} {
		path := filepath.Join(dir, name)
		if info, err := os.Stat(path); err == nil && info.Mode()&0o111 != 0 {
			return path, nil
		}
	}
	return "", fmt.Errorf("%s is not installed: apt-get install %s", name, packages[name])
}

// tool runs a program and returns its standard output. Its error holds the
// command line and what the program said.
func tool(ctx context.Context, dir, name string, args ...string) ([]byte, error) {
	return toolEnv(ctx, dir, append(os.Environ(), "LC_ALL=C"), name, args...)
}

func toolEnv(ctx context.Context, dir string, env []string, name string, args ...string) ([]byte, error) {
	path, err := lookTool(name)
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Dir, cmd.Env = dir, env
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("%s %s: %w\n%s%s", name, strings.Join(args, " "), err, stdout.Bytes(), stderr.Bytes())
	}
	return stdout.Bytes(), nil
}
