package answerfile

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/windows"
)

// checkDocument finds what Windows Setup would stop at, or read otherwise than
// its author thinks, in an answer file or fragment: passes, components and
// elements that it does not know, values, list items that are not marked.
func checkDocument(root *node, product windows.Product, architecture string) []error {
	c := checker{product: product, architecture: architecture}
	passesSeen := map[string]bool{}
	for _, settings := range root.kids {
		if settings.name != "settings" {
			if settings.name != "servicing" && !strings.Contains(settings.name, " ") {
				c.found(settings, "<%s> below <unattend>; it holds <settings>", settings.name)
			}
			continue
		}
		pass := settings.attr("pass")
		if !slices.Contains(passes, pass) {
			c.found(settings, "pass %q; it is one of %s", pass, strings.Join(passes, ", "))
			continue
		}
		if passesSeen[pass] {
			c.found(settings, "pass %s is there twice", pass)
		}
		passesSeen[pass] = true
		c.settings(settings, pass)
	}
	return c.defects
}

type checker struct {
	product      windows.Product
	architecture string
	defects      []error
}

func (c *checker) found(n *node, format string, args ...any) {
	where := ""
	if n.line > 0 {
		where = fmt.Sprintf("line %d: ", n.line)
	}
	c.defects = append(c.defects, fmt.Errorf("%s%s", where, fmt.Sprintf(format, args...)))
}

func (c *checker) settings(settings *node, pass string) {
	seen := map[string]bool{}
	for _, component := range settings.kids {
		if component.name != "component" {
			c.found(component, "<%s> in pass %s; it holds <component>", component.name, pass)
			continue
		}
		name := component.attr("name")
		if seen[strings.ToLower(name)] {
			c.found(component, "component %s is twice in pass %s; put both together", name, pass)
		}
		seen[strings.ToLower(name)] = true
		c.component(component, pass, name)
	}
}

func (c *checker) component(component *node, pass, name string) {
	for _, want := range []struct{ attr, value, why string }{
		{"processorArchitecture", c.architecture, "Setup leaves out components of another architecture without a word"},
		{"publicKeyToken", microsoftToken, "Microsoft's components have no other"},
		{"language", languageAny, "no other is known to work"},
	} {
		if got := component.attr(want.attr); !strings.EqualFold(got, want.value) {
			c.found(component, "component %s has %s=%q, not %q: %s", name, want.attr, got, want.value, want.why)
		}
	}
	if scope := component.attr("versionScope"); scope != "" && !strings.EqualFold(scope, versionScope) {
		c.found(component, "component %s has versionScope=%q, not %q", name, scope, versionScope)
	}
	known := ComponentPasses(name)
	if len(known) == 0 {
		if meant := nearComponent(name); meant != "" {
			c.found(component, "component %s in pass %s: no such is known, and Windows leaves out what it does not know; is it %s?", name, pass, meant)
		}
		return // a component that is not described here: Setup may know it
	}
	if !slices.Contains(known, pass) {
		c.found(component, "component %s stands in pass %s; Windows reads it in %s", name, pass, strings.Join(known, ", "))
		return
	}
	c.elements(component, pass, name, "")
}

// elements checks the children of one element.
func (c *checker) elements(parent *node, pass, component, path string) {
	keys, orders, single := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, n := range parent.kids {
		at := n.name
		if path != "" {
			at = path + "/" + n.name
		}
		e, ok := LookupElement(pass, component, at)
		switch {
		case !ok:
			c.found(n, "element %s of %s in pass %s: Windows does not know it and stops with \"could not parse or process the unattend answer file for pass [%s]\"", at, component, pass, pass)
			continue
		case e.Type == Open:
			continue
		case !e.AppliesTo(c.product):
			c.found(n, "component %s is not on %s", component, c.product.Name)
			return
		}
		if e.List {
			c.listItem(n, e, at, keys, orders)
		} else {
			if single[n.name] {
				c.found(n, "element %s is there twice", at)
			}
			single[n.name] = true
		}
		if e.Type == Group {
			if len(n.kids) == 0 && strings.TrimSpace(n.text) != "" && strings.TrimSpace(n.text) != deleted {
				c.found(n, "element %s holds text; it holds other elements", at)
			}
			c.elements(n, pass, component, at)
			continue
		}
		if len(n.kids) > 0 {
			c.found(n, "element %s holds elements; it holds text", at)
			continue
		}
		if err := e.Check(n.text); err != nil {
			c.found(n, "element %s: %v", at, err)
		}
	}
}

func (c *checker) listItem(n *node, e Element, at string, keys, orders map[string]bool) {
	if !strings.EqualFold(n.attr(attrAction), "add") {
		c.found(n, "element %s is a list item and needs wcm:action=\"add\"", at)
	}
	if e.KeyValue {
		key := n.attr(attrKeyValue)
		if key == "" || keys[at+"|"+key] {
			c.found(n, "element %s needs a wcm:keyValue of its own, has %q", at, key)
		}
		keys[at+"|"+key] = true
	}
	if order := n.child("Order"); order != nil {
		number, err := strconv.Atoi(strings.TrimSpace(order.text))
		key := fmt.Sprint(at, number)
		if err == nil && orders[key] {
			c.found(order, "element %s: order %d is there twice", at, number)
		}
		orders[key] = true
	}
}

// nearComponent is the known component that a name differs from in one place of
// at most two characters, "" for none.
func nearComponent(name string) string {
	name = strings.ToLower(name)
	for _, e := range schema() {
		known := strings.ToLower(e.Component)
		same, longest := min(len(name), len(known)), max(len(name), len(known))
		before, after := 0, 0
		for before < same && name[before] == known[before] {
			before++
		}
		for after < same-before && name[len(name)-1-after] == known[len(known)-1-after] {
			after++
		}
		if before+after >= longest-2 {
			return e.Component
		}
	}
	return ""
}
