package cloudbase

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Judgement is what there is to say of a conf file.
type Judgement struct {
	// Wrong keeps clones from their metadata, or is passed over in silence.
	Wrong []string
	// Doubtful is right where the image holds code that is none of
	// cloudbase-init's.
	Doubtful []string
}

func (j *Judgement) wrong(format string, args ...any) {
	j.Wrong = append(j.Wrong, fmt.Sprintf(format, args...))
}

// Judge reads a conf file as cloudbase-init does. unattend is the one of the
// specialize pass.
func Judge(text string, unattend bool) Judgement {
	var j Judgement
	d, err := parse(text)
	if err != nil {
		j.wrong("%v", err)
		return j
	}
	for _, option := range []string{"metadata_services", "plugins"} {
		if len(d.list("DEFAULT/"+option)) == 0 {
			j.wrong("%s is not set in [DEFAULT]: cloudbase-init would take all it knows; list what the cloud has", option)
		}
	}
	for _, option := range slices.Sorted(maps.Keys(classLists)) {
		j.classes(strings.TrimPrefix(option, "DEFAULT/"), classLists[option], d.list(option))
	}
	foreign := len(j.Doubtful) > 0
	for _, option := range slices.Sorted(maps.Keys(d)) {
		j.option(option, d[option], foreign)
	}
	if unattend {
		for _, option := range []string{"allow_reboot", "stop_service_on_exit"} {
			if value, ok := boolean(d["DEFAULT/"+option]); !ok || value {
				j.wrong("%s is not false: in the specialize pass that is exit code 2, and Setup restarts for ever", option)
			}
		}
	}
	return j
}

// classes judges a list of class names. A misspelt one ends cloudbase-init with
// an error at each start, or is passed over; in the specialize pass that is an
// endless restart. One of another package may be in the image.
func (j *Judgement) classes(field, kind string, names []string) {
	known := known().classes[kind]
	for _, name := range names {
		switch {
		case known[name] != "":
		case !className.MatchString(name):
			j.wrong("%s: %q is no class name such as cloudbaseinit.plugins.windows.rdp.RDPSettingsPlugin", field, name)
		case len(name) > len(namespace) && strings.EqualFold(name[:len(namespace)], namespace):
			j.wrong("%s: %q is no %s of cloudbase-init%s", field, name, kindTitles[kind], near(name, known))
		default:
			j.Doubtful = append(j.Doubtful, fmt.Sprintf("%s: %q is no class of cloudbase-init's; is it in the image?", field, name))
		}
	}
}

const namespace = "cloudbaseinit."

var kindTitles = map[string]string{"service": "metadata service", "plugin": "plugin", "userdata": "plugin for user data"}

// option judges one option, "group/name". Where code of others is loaded, an
// option that is not known may be its.
func (j *Judgement) option(option, value string, foreign bool) {
	group, name, _ := strings.Cut(option, "/")
	t, ok := known().options[option]
	switch {
	case ok:
		if err := t.check(value); err != nil {
			j.wrong("%s: %v", shown(group, name), err)
		}
		return
	case foreign:
		j.Doubtful = append(j.Doubtful, fmt.Sprintf("%s is no option of cloudbase-init; is it one of your plugin's?", shown(group, name)))
	case !known().group(group):
		j.wrong("[%s] is no section of cloudbase-init, which passes over it in silence", group)
	default:
		j.wrong("%s is no option of cloudbase-init, which passes over it in silence%s", shown(group, name), near(option, known().options))
	}
}

// shown names an option; those of [DEFAULT] need no section.
func shown(group, name string) string {
	if group == "DEFAULT" {
		return name
	}
	return "[" + group + "] " + name
}
