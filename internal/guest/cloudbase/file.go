package cloudbase

import (
	"slices"
	"strings"
)

// file is an oslo.config file. An option that is set again keeps its place.
type file struct {
	options []option
	groups  []section
}

type option struct{ name, value string }

type section struct {
	name    string
	options []option
}

func (f *file) set(name, value string) { f.options = put(f.options, name, value) }

func (f *file) group(name, key, value string) {
	i := slices.IndexFunc(f.groups, func(s section) bool { return s.name == name })
	if i < 0 {
		i = len(f.groups)
		f.groups = append(f.groups, section{name: name})
	}
	f.groups[i].options = put(f.groups[i].options, key, value)
}

func put(options []option, name, value string) []option {
	i := slices.IndexFunc(options, func(o option) bool { return o.name == name })
	if i >= 0 {
		options[i].value = value
		return options
	}
	return append(options, option{name, value})
}

// text leaves out options without a value. oslo.config substitutes $name in
// values, so a $ is written twice.
func (f *file) text() string {
	var b strings.Builder
	write := func(options []option) {
		for _, o := range options {
			if o.value != "" {
				b.WriteString(o.name + "=" + strings.ReplaceAll(o.value, "$", "$$") + "\r\n")
			}
		}
	}
	b.WriteString("[DEFAULT]\r\n")
	write(f.options)
	for _, g := range f.groups {
		b.WriteString("[" + g.name + "]\r\n")
		write(g.options)
	}
	return b.String()
}
