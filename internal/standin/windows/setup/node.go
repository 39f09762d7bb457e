package setup

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// The namespaces of an answer file.
const (
	unattendNamespace = "urn:schemas-microsoft-com:unattend"
	wcmNamespace      = "http://schemas.microsoft.com/WMIConfig/2002/State"
)

// node is an element of an answer file.
type node struct {
	name     string
	attrs    map[string]string // local name; those of wcm as "wcm:name"
	children []*node
	text     string
}

// parseXML reads a document into nodes. Elements outside the unattend
// namespace are no settings, so they are an error here, but for children of the
// root: Windows System Image Manager leaves a note of its own there
// (<cpi:offlineImage>), which Setup passes over.
func parseXML(data []byte) (*node, error) {
	text, err := proveXML(data)
	if err != nil {
		return nil, err
	}
	decoder := xml.NewDecoder(strings.NewReader(text))
	decoder.CharsetReader = func(_ string, in io.Reader) (io.Reader, error) { return in, nil } // text is UTF-8
	var stack []*node
	var root *node
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		switch t := token.(type) {
		case xml.StartElement:
			if t.Name.Space != unattendNamespace && len(stack) == 1 {
				if err := decoder.Skip(); err != nil {
					return nil, err
				}
				continue
			}
			if t.Name.Space != unattendNamespace {
				return nil, fmt.Errorf("element <%s> is in namespace %q, not %q", t.Name.Local, t.Name.Space, unattendNamespace)
			}
			n := &node{name: t.Name.Local, attrs: map[string]string{}}
			for _, a := range t.Attr {
				switch a.Name.Space {
				case wcmNamespace:
					n.attrs["wcm:"+a.Name.Local] = a.Value
				case "":
					n.attrs[a.Name.Local] = a.Value
				}
			}
			if len(stack) > 0 {
				parent := stack[len(stack)-1]
				parent.children = append(parent.children, n)
			} else if root != nil {
				return nil, errors.New("more than one root element")
			} else {
				root = n
			}
			stack = append(stack, n)
		case xml.EndElement:
			stack = stack[:len(stack)-1]
		case xml.CharData:
			if len(stack) > 0 {
				stack[len(stack)-1].text += string(t)
			}
		}
	}
	if root == nil {
		return nil, errors.New("no root element")
	}
	return root, nil
}

// find follows a path of names to the first such element, or gives nil.
func (n *node) find(path string) *node {
	for _, name := range strings.Split(path, "/") {
		if n = n.child(name); n == nil {
			return nil
		}
	}
	return n
}

func (n *node) child(name string) *node {
	if n == nil {
		return nil
	}
	for _, c := range n.children {
		if c.name == name {
			return c
		}
	}
	return nil
}

// all gives the elements of a name below a path.
func (n *node) all(path, name string) []*node {
	parent := n.find(path)
	if parent == nil {
		return nil
	}
	var found []*node
	for _, c := range parent.children {
		if c.name == name {
			found = append(found, c)
		}
	}
	return found
}

// value is the trimmed text at a path, and whether the element is there.
func (n *node) value(path string) (string, bool) {
	found := n.find(path)
	if found == nil {
		return "", false
	}
	return strings.TrimSpace(found.text), true
}

// raw is the text at a path as it stands: spaces belong to a password.
func (n *node) raw(path string) string {
	found := n.find(path)
	if found == nil {
		return ""
	}
	return found.text
}

// flag is a boolean at a path, false when absent.
func (n *node) flag(path string) bool {
	text, _ := n.value(path)
	return text == "true"
}

// number is an integer at a path; the schema has already proved it one.
func (n *node) number(path string) (int, bool) {
	text, ok := n.value(path)
	if !ok {
		return 0, false
	}
	number, err := strconv.Atoi(text)
	return number, err == nil
}
