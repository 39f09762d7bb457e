package setup

import (
	_ "embed"
	"fmt"
	"strconv"
	"strings"
)

//go:embed schema.txt
var schemaText string

// setting is one line of schema.txt.
type setting struct {
	kind     string // text, bool, int, enum; "" for a folder
	max      int    // text: longest, in UTF-16 units; 0: any
	low      int64  // int
	high     int64
	values   []string // enum
	list     bool
	keyValue bool
}

// componentSchema is a component's settings in one pass, by path.
type componentSchema struct {
	side     string // "", "server", "client"
	settings map[string]setting
}

// schema is keyed by pass and component.
var schema = readSchema(schemaText)

type schemaKey struct{ pass, component string }

func readSchema(text string) map[schemaKey]componentSchema {
	all := map[schemaKey]componentSchema{}
	var open []componentSchema
	for number, line := range strings.Split(text, "\n") {
		fields := strings.Fields(line)
		if len(fields) == 0 || fields[0] == "#" {
			continue
		}
		if fields[0] == "component" {
			open = openComponent(all, fields[1], fields[2:])
			continue
		}
		s, err := readSetting(fields[len(fields)-1])
		if err != nil || len(fields) != 2 {
			panic(fmt.Sprintf("schema.txt line %d: %q: %v", number+1, line, err))
		}
		for _, c := range open {
			addSetting(c.settings, fields[0], s)
		}
	}
	return all
}

func openComponent(all map[schemaKey]componentSchema, name string, words []string) []componentSchema {
	side := ""
	if last := words[len(words)-1]; last == "server" || last == "client" {
		side, words = last, words[:len(words)-1]
	}
	var open []componentSchema
	for _, pass := range words {
		c, ok := all[schemaKey{pass, name}]
		if !ok {
			c = componentSchema{side: side, settings: map[string]setting{}}
			all[schemaKey{pass, name}] = c
		}
		open = append(open, c)
	}
	return open
}

// addSetting adds a setting and the folders above it.
func addSetting(settings map[string]setting, path string, s setting) {
	for at := path; ; {
		slash := strings.LastIndexByte(at, '/')
		if slash < 0 {
			break
		}
		at = at[:slash]
		if _, known := settings[at]; !known {
			settings[at] = setting{}
		}
	}
	settings[path] = s
}

func readSetting(word string) (setting, error) {
	kind, rest, _ := strings.Cut(word, ":")
	s := setting{kind: kind}
	var err error
	switch kind {
	case "*":
		return setting{list: true}, nil
	case "@":
		return setting{list: true, keyValue: true}, nil
	case "bool":
	case "text":
		if rest != "" {
			s.max, err = strconv.Atoi(rest)
		}
	case "int":
		low, high, _ := strings.Cut(rest, ":")
		if s.low, err = strconv.ParseInt(low, 10, 64); err == nil {
			s.high, err = strconv.ParseInt(high, 10, 64)
		}
	case "enum":
		s.values = strings.Split(rest, "|")
	default:
		err = fmt.Errorf("unknown type %q", kind)
	}
	return s, err
}

// Setting is a line of the table, for the test that compares it with the
// plugin's own.
type Setting struct {
	Pass, Component, Path string
	Kind                  string // text, bool, int, enum; "" for a folder
	List, KeyValue        bool
}

// Settings lists the table.
func Settings() []Setting {
	var all []Setting
	for key, component := range schema {
		for path, s := range component.settings {
			all = append(all, Setting{key.pass, key.component, path, s.kind, s.list, s.keyValue})
		}
	}
	return all
}
