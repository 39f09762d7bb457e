package answerfile

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"strings"
)

// The two namespaces of an answer file.
const (
	unattendNS = "urn:schemas-microsoft-com:unattend"
	wcmNS      = "http://schemas.microsoft.com/WMIConfig/2002/State"
)

// Attributes of list items, under the prefix that every file declares.
const (
	attrAction   = "wcm:action"
	attrKeyValue = "wcm:keyValue"
)

// node is one element: either text or children. An answer file is rendered
// from nodes and parsed into them, so that fragments can be merged by pass and
// component, whatever they hold.
type node struct {
	name  string
	attrs []xml.Attr
	text  string
	kids  []*node
	line  int // where it was read, 0 for one that was made
}

// group is an element with children; nil children are left out.
func group(name string, kids ...*node) *node {
	n := &node{name: name}
	return n.add(kids...)
}

// leaf is an element with text.
func leaf(name, text string) *node { return &node{name: name, text: text} }

// boolean is an element with true or false.
func boolean(name string, value bool) *node {
	if value {
		return leaf(name, "true")
	}
	return leaf(name, "false")
}

// number is an element with a whole number.
func number(name string, value int) *node { return leaf(name, fmt.Sprint(value)) }

// item is a list item, which Setup wants marked.
func item(name string, kids ...*node) *node {
	n := group(name, kids...)
	n.attrs = append(n.attrs, xml.Attr{Name: xml.Name{Local: attrAction}, Value: "add"})
	return n
}

// keyed is a list item with the key by which Setup tells it from the others.
func keyed(name, key string, kids ...*node) *node {
	n := item(name, kids...)
	n.attrs = append(n.attrs, xml.Attr{Name: xml.Name{Local: attrKeyValue}, Value: key})
	return n
}

// add appends the children that are not nil and returns n.
func (n *node) add(kids ...*node) *node {
	for _, kid := range kids {
		if kid != nil {
			n.kids = append(n.kids, kid)
		}
	}
	return n
}

// child is the first child of a name, or nil.
func (n *node) child(name string) *node {
	if n == nil {
		return nil
	}
	for _, kid := range n.kids {
		if kid.name == name {
			return kid
		}
	}
	return nil
}

// find walks down by names separated by slashes.
func (n *node) find(path string) *node {
	for name := range strings.SplitSeq(path, "/") {
		n = n.child(name)
	}
	return n
}

// value is the text of the element at path, "" where there is none.
func (n *node) value(path string) string {
	if n = n.find(path); n == nil {
		return ""
	}
	return n.text
}

func (n *node) attr(name string) string {
	if n == nil {
		return ""
	}
	for _, a := range n.attrs {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

// encode writes the document.
func encode(root *node) ([]byte, error) {
	var out bytes.Buffer
	out.WriteString(`<?xml version="1.0" encoding="utf-8"?>` + "\n")
	encoder := xml.NewEncoder(&out)
	encoder.Indent("", "  ")
	if err := encodeNode(encoder, root); err != nil {
		return nil, err
	}
	if err := encoder.Close(); err != nil {
		return nil, err
	}
	out.WriteByte('\n')
	return out.Bytes(), nil
}

func encodeNode(encoder *xml.Encoder, n *node) error {
	start := xml.StartElement{Name: xml.Name{Local: n.name}, Attr: n.attrs}
	if err := encoder.EncodeToken(start); err != nil {
		return err
	}
	if len(n.kids) == 0 && n.text != "" {
		if err := encoder.EncodeToken(xml.CharData(n.text)); err != nil {
			return err
		}
	}
	for _, kid := range n.kids {
		if err := encodeNode(encoder, kid); err != nil {
			return err
		}
	}
	return encoder.EncodeToken(start.End())
}
