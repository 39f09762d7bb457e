package answerfile

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
)

// parse reads a whole answer file. It wants what Setup wants: well-formed XML
// with <unattend> of Microsoft's namespace at its root.
func parse(data []byte) (*node, error) {
	text, err := decodeXML(data)
	if err != nil {
		return nil, fmt.Errorf("not well-formed XML: %w", err)
	}
	decoder := xml.NewDecoder(bytes.NewReader(text))
	decoder.CharsetReader = func(_ string, in io.Reader) (io.Reader, error) { return in, nil } // decodeXML has seen to it
	forms := wellFormed{text: text}
	var root *node
	var open []*node
	for {
		from := decoder.InputOffset()
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		line, _ := decoder.InputPos()
		if err == nil {
			if err = forms.check(token, from, decoder.InputOffset()); err != nil {
				err = fmt.Errorf("line %d: %w", line, err)
			}
		}
		if err != nil {
			return nil, fmt.Errorf("not well-formed XML: %w", err)
		}
		switch token := token.(type) {
		case xml.StartElement:
			n := &node{name: token.Name.Local, attrs: localAttrs(token.Attr), line: line}
			if len(open) == 0 {
				if token.Name.Local != "unattend" || token.Name.Space != unattendNS {
					return nil, fmt.Errorf("the root is <%s> of namespace %q; an answer file's is <unattend xmlns=%q>", token.Name.Local, token.Name.Space, unattendNS)
				}
				root = n
			} else {
				if token.Name.Space != unattendNS {
					n.name = token.Name.Space + " " + token.Name.Local // foreign: nothing Setup knows
				}
				open[len(open)-1].add(n)
			}
			open = append(open, n)
		case xml.EndElement:
			closed := open[len(open)-1]
			if len(closed.kids) > 0 {
				closed.text = ""
			}
			open = open[:len(open)-1]
		case xml.CharData:
			if len(open) > 0 {
				open[len(open)-1].text += string(token)
			}
		}
	}
	if root == nil {
		return nil, errors.New("not well-formed XML: the file is empty")
	}
	return root, nil
}

// localAttrs gives attributes of the wcm namespace their usual prefix and
// leaves declarations of namespaces out.
func localAttrs(in []xml.Attr) []xml.Attr {
	var out []xml.Attr
	for _, a := range in {
		switch {
		case a.Name.Space == "xmlns" || a.Name.Local == "xmlns":
		case a.Name.Space == wcmNS:
			out = append(out, xml.Attr{Name: xml.Name{Local: "wcm:" + a.Name.Local}, Value: a.Value})
		case a.Name.Space == "":
			out = append(out, a)
		}
	}
	return out
}
