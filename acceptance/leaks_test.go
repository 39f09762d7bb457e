package acceptance

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// state is what a build could leave on the host, as a set of readable names.
type state map[string]bool

// host looks at everything that a build creates: domains, pools, volumes,
// NVRAM files, processes, and temporary files below work.
func host(work string) (state, error) {
	s := state{}
	domains, err := virsh("list", "--all", "--name")
	if err != nil {
		return nil, err
	}
	for _, d := range domains {
		s["domain "+d] = true
	}
	pools, err := virsh("pool-list", "--all", "--name")
	if err != nil {
		return nil, err
	}
	for _, p := range pools {
		volumes, err := virsh("vol-list", p)
		if err != nil {
			continue // inactive
		}
		for _, v := range volumes {
			if f := strings.Fields(v); len(f) > 1 && strings.HasPrefix(f[1], "/") && !keptISO(f[0]) {
				s["volume "+f[1]] = true
			}
		}
	}
	for _, dir := range []string{"/var/lib/libvirt/images", "/var/lib/libvirt/qemu/nvram", "/var/lib/libvirt/swtpm"} {
		entries, err := os.ReadDir(dir)
		if err != nil {
			continue
		}
		for _, e := range entries {
			if !keptISO(e.Name()) {
				s["file "+filepath.Join(dir, e.Name())] = true
			}
		}
	}
	if err := temporary(filepath.Join(work, "tmp"), s); err != nil {
		return nil, err
	}
	return s, processes(s)
}

// keptISO is the pool's copy of an ISO that QEMU's user can't read where it
// lies: it is kept for the next build on purpose.
func keptISO(name string) bool {
	return strings.HasPrefix(name, "wintemplate-") && strings.HasSuffix(name, ".iso") && !strings.Contains(name, "answer")
}

func temporary(dir string, s state) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			if os.IsNotExist(err) {
				return nil
			}
			return err
		}
		if !d.IsDir() {
			s["temporary file "+path] = true
		}
		return nil
	})
}

// processes adds every QEMU of libvirt's, swtpm and plugin process of this
// machine.
func processes(s state) error {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return err
	}
	for _, e := range entries {
		line, err := os.ReadFile(filepath.Join("/proc", e.Name(), "cmdline"))
		if err != nil || len(line) == 0 {
			continue
		}
		args := strings.Split(string(line), "\x00")
		switch base := filepath.Base(args[0]); {
		case strings.HasPrefix(base, "qemu-system") && guestName(args) != "":
			s["process "+e.Name()+" "+guestName(args)] = true
		case base == "swtpm":
			s["process "+e.Name()+" "+strings.Join(args, " ")] = true
		case strings.HasPrefix(base, "packer-plugin-wintemplate"):
			s["process "+e.Name()+" "+base] = true
		}
	}
	return nil
}

// guestName is the name that libvirt gives a QEMU on its command line; empty for
// one that a test of another package has started by itself.
func guestName(args []string) string {
	for i, a := range args {
		if a == "-name" && i+1 < len(args) {
			return "qemu " + args[i+1]
		}
	}
	return ""
}

// since lists what s has and before had not.
func (s state) since(before state) []string {
	var added []string
	for name := range s {
		if !before[name] {
			added = append(added, name)
		}
	}
	slices.Sort(added)
	return added
}

func virsh(args ...string) ([]string, error) {
	cmd := exec.Command("virsh", append([]string{"-c", "qemu:///system"}, args...)...)
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	out, err := cmd.CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("virsh %s (package libvirt-clients): %w\n%s", strings.Join(args, " "), err, out)
	}
	var lines []string
	for line := range strings.Lines(string(out)) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	return lines, nil
}
