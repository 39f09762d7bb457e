package discs

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// moduleSet finds kernel modules and what they need. The package of a kernel
// that was never installed has no modules.dep, so the modules themselves are
// asked.
type moduleSet struct {
	paths   map[string]string // module name -> file
	builtin map[string]bool
}

func readModules(dir string) (*moduleSet, error) {
	set := &moduleSet{paths: map[string]string{}, builtin: map[string]bool{}}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && strings.HasSuffix(path, ".ko") {
			set.paths[moduleName(path)] = path
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	list, err := os.ReadFile(filepath.Join(dir, "modules.builtin"))
	if err != nil {
		return nil, err
	}
	for _, line := range strings.Fields(string(list)) {
		set.builtin[moduleName(line)] = true
	}
	return set, nil
}

// Closure returns the modules with everything they depend on, in an order in
// which they can be loaded.
func (s *moduleSet) Closure(names ...string) ([]string, error) {
	var order []string
	seen := map[string]bool{}
	var visit func(name string) error
	visit = func(name string) error {
		if seen[name] || s.builtin[name] {
			return nil
		}
		seen[name] = true
		path, ok := s.paths[name]
		if !ok {
			return fmt.Errorf("the kernel has no module %s", name)
		}
		deps, err := moduleDepends(path)
		if err != nil {
			return err
		}
		for _, dep := range deps {
			if err := visit(dep); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
		order = append(order, name)
		return nil
	}
	for _, name := range names {
		if err := visit(name); err != nil {
			return nil, err
		}
	}
	return order, nil
}

// moduleDepends reads the depends= line of a module's .modinfo section.
func moduleDepends(path string) ([]string, error) {
	file, err := elf.Open(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	defer file.Close()
	section := file.Section(".modinfo")
	if section == nil {
		return nil, fmt.Errorf("%s: no .modinfo section", path)
	}
	data, err := section.Data()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	for _, entry := range bytes.Split(data, []byte{0}) {
		if value, ok := bytes.CutPrefix(entry, []byte("depends=")); ok && len(value) > 0 {
			var deps []string
			for _, dep := range strings.Split(string(value), ",") {
				deps = append(deps, moduleName(dep))
			}
			return deps, nil
		}
	}
	return nil, nil
}

// withoutSignature cuts a module's appended signature off. The kernel does not
// insist on one, and checking thirty of them takes emulated processors seconds.
func withoutSignature(module []byte) []byte {
	const (
		mark    = "~Module signature appended~\n"
		trailer = 12 // struct module_signature; its last four bytes are the length
	)
	rest, signed := bytes.CutSuffix(module, []byte(mark))
	if !signed || len(rest) < trailer {
		return module
	}
	length := int(binary.BigEndian.Uint32(rest[len(rest)-4:]))
	if end := len(rest) - trailer - length; end > 0 {
		return rest[:end]
	}
	return module
}
