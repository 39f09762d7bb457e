package answerfile

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// merge puts a fragment, a whole <unattend> document, into the answer file, by
// pass and component. Groups are merged; an element with text replaces the one
// of its name; list items are added, with numbers of order and keys of their
// own, so that a user's commands run after those of the plugin.
func (d *document) merge(fragment []byte) error {
	root, err := parse(fragment)
	if err != nil {
		return err
	}
	for _, settings := range root.kids {
		if settings.name != "settings" {
			return fmt.Errorf("<%s> cannot be merged; only <settings> can", settings.name)
		}
		for _, component := range settings.kids {
			target := d.component(settings.attr("pass"), component.attr("name"), component.kids[:min(1, len(component.kids))]...)
			if target == nil {
				continue // an empty component
			}
			// The first child made sure that the component is there.
			target.kids = target.kids[:len(target.kids)-1]
			mergeKids(target, component.kids)
		}
	}
	return nil
}

func mergeKids(target *node, kids []*node) {
	for _, kid := range kids {
		if kid.attr(attrAction) != "" || kid.attr(attrKeyValue) != "" {
			target.add(numbered(target, kid))
			continue
		}
		same := target.child(kid.name)
		switch {
		case same == nil:
			target.add(kid)
		case len(kid.kids) > 0 && len(same.kids) > 0 && !isPassword(kid):
			mergeKids(same, kid.kids)
		default:
			same.text, same.kids, same.attrs = kid.text, kid.kids, kid.attrs
		}
	}
}

// isPassword: a password is replaced whole, since its value and the way it is
// written belong together. One without PlainText is written plainly, and the
// generated one is not.
func isPassword(n *node) bool { return strings.HasSuffix(strings.ToLower(n.name), "password") }

// numbered gives a list item the next Order and a wcm:keyValue that none of its
// neighbours has.
func numbered(target, kid *node) *node {
	copied := &node{name: kid.name, text: kid.text, attrs: slices.Clone(kid.attrs), kids: slices.Clone(kid.kids)}
	last, keys := 0, map[string]bool{}
	for _, other := range target.kids {
		if other.name != kid.name {
			continue
		}
		if n, err := strconv.Atoi(other.value("Order")); err == nil {
			last = max(last, n)
		}
		keys[other.attr(attrKeyValue)] = true
	}
	for i, child := range copied.kids {
		if child.name == "Order" {
			copied.kids[i] = number("Order", last+1)
		}
	}
	for i, a := range copied.attrs {
		if a.Name.Local == attrKeyValue {
			for n := 1; keys[copied.attrs[i].Value]; n++ {
				copied.attrs[i].Value = fmt.Sprintf("%s-%d", a.Value, n)
			}
		}
	}
	return copied
}
