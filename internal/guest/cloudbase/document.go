package cloudbase

import (
	"fmt"
	"strings"
)

// document is a conf file as oslo.config reads it: "section/option" to value.
// The last one counts where an option is given twice.
type document map[string]string

// parse reads a conf file by the rules of oslo.config's iniparser: a line that
// begins with a blank goes on with the value before it, = and : are the same,
// quotes around a value fall away. Sections other than DEFAULT are the same in
// small letters.
func parse(text string) (document, error) {
	d := document{}
	section, last := "", ""
	for i, line := range strings.Split(strings.ReplaceAll(text, "\r\n", "\n"), "\n") {
		line = strings.TrimRight(line, " \t\r")
		fail := func(what string) error { return fmt.Errorf("line %d: %q %s", i+1, line, what) }
		switch {
		case line == "":
			last = ""
		case line[0] == ' ' || line[0] == '\t':
			if last == "" {
				return nil, fail("begins with a blank, and there is no value before it to go on with")
			}
			d[last] += "\n" + strings.TrimLeft(line, " \t")
		case line[0] == '#' || line[0] == ';':
			last = ""
		case line[0] == '[':
			name, found := strings.CutSuffix(line[1:], "]")
			if !found || name == "" {
				return nil, fail("is no section")
			}
			if name != "DEFAULT" {
				name = strings.ToLower(name)
			}
			section, last = name, ""
		default:
			at := strings.IndexAny(line, "=:")
			if at < 0 || section == "" || strings.TrimSpace(line[:at]) == "" {
				return nil, fail("is no option of a section")
			}
			last = section + "/" + strings.TrimSpace(line[:at])
			d[last] = unquoted(strings.TrimSpace(line[at+1:]))
		}
	}
	return d, nil
}

func unquoted(value string) string {
	if n := len(value); n > 1 && value[0] == value[n-1] && (value[0] == '"' || value[0] == '\'') {
		return value[1 : n-1]
	}
	return value
}

// list is a value as a list, nil when the option is not set.
func (d document) list(option string) []string {
	var items []string
	for item := range strings.SplitSeq(d[option], ",") {
		if item = strings.TrimSpace(item); item != "" {
			items = append(items, item)
		}
	}
	return items
}
