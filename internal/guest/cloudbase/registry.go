package cloudbase

import (
	_ "embed"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
)

// registryText is what cloudbase-init itself defines; testdata/registry.py
// writes it.
//
//go:embed registry.txt
var registryText string

// registry are cloudbase-init's options and classes.
type registry struct {
	options map[string]optionType        // by "group/name", the former names too
	classes map[string]map[string]string // by the option that lists them: class to its name of today
}

// optionType is what oslo.config makes of an option's value.
type optionType struct {
	name    string   // boolean, integer, float, choice, list, string
	choices []string // of a choice
	option  string   // "group/name" of today
}

// Obsolete options that conf files in use hold, the one of cloudbase-init's own
// MSI among them, and that no code reads any more.
var obsolete = []string{"DEFAULT/verbose", "DEFAULT/fatal_deprecations"}

// classLists are the options whose items are class names.
var classLists = map[string]string{"DEFAULT/metadata_services": "service", "DEFAULT/plugins": "plugin", "DEFAULT/user_data_plugins": "userdata"}

var known = sync.OnceValue(func() registry {
	r := registry{options: map[string]optionType{}, classes: map[string]map[string]string{"service": {}, "plugin": {}, "userdata": {}}}
	former := map[string]string{}
	for line := range strings.Lines(registryText) {
		f := strings.Fields(line)
		switch f[0] {
		case "option":
			t := optionType{name: f[3], option: f[1] + "/" + f[2]}
			if len(f) > 4 {
				t.choices = strings.Split(f[4], ",")
			}
			r.options[t.option] = t
		case "renamed":
			former[f[3]+"/"+f[4]] = f[1] + "/" + f[2]
		case "renamed-class":
			r.classes["plugin"][f[2]] = f[1]
		default:
			r.classes[f[0]][f[1]] = f[1]
		}
	}
	for old, name := range former {
		r.options[old] = r.options[name]
	}
	for _, name := range obsolete {
		r.options[name] = optionType{name: "string", option: name}
	}
	return r
})

// group says whether any option is in a section of this name.
func (r registry) group(name string) bool {
	for option := range r.options {
		if strings.HasPrefix(option, name+"/") {
			return true
		}
	}
	return false
}

// near is a hint at the known name that was meant, "" for none.
func near[V any](name string, known map[string]V) string {
	for _, k := range slices.Sorted(maps.Keys(known)) {
		same, longest := min(len(name), len(k)), max(len(name), len(k))
		before, after := 0, 0
		for before < same && name[before] == k[before] {
			before++
		}
		for after < same-before && name[len(name)-1-after] == k[len(k)-1-after] {
			after++
		}
		if before+after >= longest-2 || strings.EqualFold(name, k) {
			return fmt.Sprintf("; is it %s?", strings.TrimPrefix(k, "DEFAULT/"))
		}
	}
	return ""
}
