package answerfile

import (
	_ "embed" // schema.txt
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/windows"
)

//go:embed schema.txt
var schemaTable string

// Side tells on which products a component exists.
type Side int

// The sides.
const (
	Both Side = iota
	ServerOnly
	ClientOnly
)

// ValueType is what an element holds.
type ValueType int

// The value types.
const (
	Group ValueType = iota // other elements
	Text                   // text; Max is its longest, in characters
	Bool                   // true or false
	Int                    // Min to Max
	Enum                   // one of Values
	Open                   // a list item or group whose content is not described
)

// Element is one element that Windows Setup knows, in one pass and component.
type Element struct {
	// Pass and Component as the answer file names them.
	Pass, Component string
	// Path below the component, with slashes: "DiskConfiguration/Disk/DiskID".
	Path string
	Type ValueType
	// List items may repeat and carry wcm:action="add".
	List bool
	// KeyValue items carry a wcm:keyValue too, unlike any other of the list.
	KeyValue bool
	Min, Max int
	Values   []string
	// Side says on which products the component exists.
	Side Side
	// Source is the public source for it; schema.txt spells the letters out.
	Source string
}

// AppliesTo tells whether a product has the element's component.
func (e Element) AppliesTo(p windows.Product) bool {
	return e.Side == Both || p.Server == (e.Side == ServerOnly)
}

// Check says what is wrong with a text as the element's value, or nil.
func (e Element) Check(value string) error {
	text := value // of which the white space counts too
	value = strings.TrimSpace(value)
	switch e.Type {
	case Bool:
		// XML Schema's boolean has these in lower case alone, and so have all of
		// Microsoft's examples; what Setup makes of others is not documented
		if value != "true" && value != "false" {
			return fmt.Errorf("%q; it is true or false%s", value, inCase(value, "true", "false"))
		}
	case Int:
		if n, err := strconv.Atoi(value); err != nil || n < e.Min || n > e.Max {
			return fmt.Errorf("%q; it is a number from %d to %d", value, e.Min, e.Max)
		}
	case Enum:
		if !slices.Contains(e.Values, value) {
			return fmt.Errorf("%q; it is one of %s%s", value, strings.Join(e.Values, ", "), inCase(value, e.Values...))
		}
	case Text:
		if n := characters(text); n > e.Max {
			if characters(value) <= e.Max {
				return fmt.Errorf("%d characters with the white space around it; Setup takes %d", n, e.Max)
			}
			return fmt.Errorf("%d characters; Setup takes %d", n, e.Max)
		}
	}
	return nil
}

// inCase says that it is the case alone that a value has wrong.
func inCase(value string, values ...string) string {
	for _, one := range values {
		if strings.EqualFold(one, value) {
			return fmt.Sprintf(", and written %s", one)
		}
	}
	return ""
}

// Schema is what Windows Setup accepts, as far as it is known. It comes from
// Microsoft's reference, so that what this package renders, what users write
// and what the stand-in's Setup reads are judged by the same table, which
// knows none of them.
func Schema() []Element { return slices.Clone(schema()) }

// LookupElement finds an element by pass, component and path. It has Type Open
// for anything below an element whose content is not described.
func LookupElement(pass, component, path string) (Element, bool) {
	e, ok := schemaIndex()[schemaKey(pass, component, path)]
	if ok {
		return e, true
	}
	for at := strings.LastIndexByte(path, '/'); at > 0; at = strings.LastIndexByte(path[:at], '/') {
		if above, ok := schemaIndex()[schemaKey(pass, component, path[:at])]; ok {
			return above, above.Type == Open
		}
	}
	return Element{}, false
}

// ComponentPasses are the passes in which a component may stand, none for a
// component that is not known.
func ComponentPasses(component string) []string {
	var out []string
	for _, e := range schema() {
		if strings.EqualFold(e.Component, component) && !slices.Contains(out, e.Pass) {
			out = append(out, e.Pass)
		}
	}
	return out
}

func schemaKey(pass, component, path string) string {
	return pass + "|" + strings.ToLower(component) + "|" + path
}

var schemaIndex = sync.OnceValue(func() map[string]Element {
	index := map[string]Element{}
	for _, e := range schema() {
		index[schemaKey(e.Pass, e.Component, e.Path)] = e
	}
	return index
})

// schema parses the table. What is wrong with it is found by the tests, so it
// panics rather than return an error that nobody could act on.
var schema = sync.OnceValue(func() []Element {
	elements, err := parseSchema(schemaTable)
	if err != nil {
		panic(err)
	}
	return elements
})

func parseSchema(table string) ([]Element, error) {
	var out []Element
	var section Element
	var sectionPasses, path []string
	for i, line := range strings.Split(table, "\n") {
		text, source, _ := strings.Cut(line, ";")
		source = strings.TrimSpace(source)
		fields := strings.Fields(text)
		switch {
		case len(fields) == 0 || strings.HasPrefix(line, "#"):
			continue
		case strings.HasPrefix(line, "["):
			if len(fields) < 3 || source == "" {
				return nil, fmt.Errorf("schema.txt:%d: a section is [passes component] side ; source", i+1)
			}
			sectionPasses = strings.Split(strings.TrimPrefix(fields[0], "["), ",")
			section = Element{Component: strings.TrimSuffix(fields[1], "]"), Source: source}
			switch fields[2] {
			case "both":
			case "server":
				section.Side = ServerOnly
			case "client":
				section.Side = ClientOnly
			default:
				return nil, fmt.Errorf("schema.txt:%d: side %q", i+1, fields[2])
			}
			path = nil
			continue
		}
		depth := (len(line) - len(strings.TrimLeft(line, " "))) / 2
		if depth > len(path) {
			return nil, fmt.Errorf("schema.txt:%d: indented too far", i+1)
		}
		e := section
		if source != "" {
			e.Source = source
		}
		name := fields[0]
		switch {
		case strings.HasSuffix(name, "*"):
			e.List = true
		case strings.HasSuffix(name, "#"):
			e.List, e.KeyValue = true, true
		}
		name = strings.TrimRight(name, "*#")
		if err := e.parseType(fields[1:]); err != nil {
			return nil, fmt.Errorf("schema.txt:%d: %w", i+1, err)
		}
		path = append(path[:depth:depth], name)
		e.Path = strings.Join(path, "/")
		for _, pass := range sectionPasses {
			e.Pass = pass
			out = append(out, e)
		}
	}
	markOpen(out)
	return out, nil
}

func (e *Element) parseType(words []string) error {
	if len(words) == 0 {
		e.Type = Group
		return nil
	}
	var err error
	switch kind := words[0]; {
	case kind == "bool" && len(words) == 1:
		e.Type = Bool
	case kind == "text" && len(words) == 2:
		e.Type = Text
		e.Max, err = strconv.Atoi(words[1])
	case kind == "int" && len(words) == 3:
		e.Type = Int
		if e.Min, err = strconv.Atoi(words[1]); err == nil {
			e.Max, err = strconv.Atoi(words[2])
		}
	case kind == "enum" && len(words) > 2:
		e.Type, e.Values = Enum, words[1:]
	default:
		return fmt.Errorf("type %q", strings.Join(words, " "))
	}
	return err
}

// markOpen: a group without elements is one that the table does not describe.
func markOpen(elements []Element) {
	for i := range elements {
		e := &elements[i]
		if e.Type != Group {
			continue
		}
		if !slices.ContainsFunc(elements, func(o Element) bool {
			return o.Pass == e.Pass && o.Component == e.Component && strings.HasPrefix(o.Path, e.Path+"/")
		}) {
			e.Type = Open
		}
	}
}
