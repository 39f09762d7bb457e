package answerfile

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf16"
)

// wellFormed finds what is no XML and what encoding/xml reads nevertheless, while
// Setup's parser gives the file up: it takes any text around the root element,
// declarations anywhere, and an attribute given twice ("Extensible Markup
// Language (XML) 1.0", 2.1, 2.8, 3.1; "Namespaces in XML", 5 and 6.3). Text is
// never shown: it may be a password in the wrong place.
type wellFormed struct {
	text   []byte
	scopes [][]string // namespaces that each open element declares
	rooted bool       // the root element has begun
}

// check looks at one token, which stands at text[from:to].
func (w *wellFormed) check(token xml.Token, from, to int64) error {
	switch token := token.(type) {
	case xml.StartElement:
		if len(w.scopes) == 0 && w.rooted {
			return errors.New("a second root element")
		}
		w.rooted = true
		return w.start(token, w.text[from:to])
	case xml.EndElement:
		w.scopes = w.scopes[:len(w.scopes)-1]
	case xml.CharData:
		if len(w.scopes) > 0 {
			return nil
		}
		switch rest := bytes.Trim(w.text[from:to], " \t\r\n"); {
		case bytes.HasPrefix(rest, []byte(byteOrderMark)):
			return errors.New("a second byte order mark")
		case len(rest) > 0:
			return errors.New("text outside the root element")
		}
	case xml.ProcInst:
		switch {
		case !strings.EqualFold(token.Target, "xml"):
		case from > 0:
			return errors.New("<?xml … ?> is not what the file begins with; remove what stands before it")
		case !declarationForm.Match(w.text[from:to]):
			return errors.New(`not <?xml version="1.0" encoding="utf-8"?>`)
		}
	case xml.Directive:
		return errors.New("<!DOCTYPE>, which an answer file has not")
	}
	return nil
}

// start looks at an element's attributes.
func (w *wellFormed) start(element xml.StartElement, tag []byte) error {
	if crowded(tag) {
		return fmt.Errorf("<%s>: no space before an attribute", element.Name.Local)
	}
	var declared []string
	for i, a := range element.Attr {
		if slices.ContainsFunc(element.Attr[:i], func(other xml.Attr) bool { return other.Name == a.Name }) {
			return fmt.Errorf("<%s>: attribute %s is there twice", element.Name.Local, a.Name.Local)
		}
		if a.Name.Space == "xmlns" || a.Name == (xml.Name{Local: "xmlns"}) {
			declared = append(declared, a.Value)
		}
	}
	w.scopes = append(w.scopes, declared)
	names := []xml.Name{element.Name}
	for _, a := range element.Attr {
		names = append(names, a.Name)
	}
	for _, name := range names {
		if !w.knows(name.Space) {
			return fmt.Errorf("<%s>: nothing declares the prefix %s", element.Name.Local, name.Space)
		}
	}
	return nil
}

// knows tells a namespace from a prefix that nothing declares, which encoding/xml
// leaves in its place.
func (w *wellFormed) knows(space string) bool {
	if space == "" || space == "xmlns" || space == "http://www.w3.org/XML/1998/namespace" {
		return true
	}
	return slices.ContainsFunc(w.scopes, func(declared []string) bool { return slices.Contains(declared, space) })
}

// crowded tells a tag in which one attribute follows the other without a space.
func crowded(tag []byte) bool {
	var quote, before byte
	for _, c := range tag {
		switch {
		case quote == 0 && (before == '"' || before == '\'') && !strings.ContainsRune(" \t\r\n/>", rune(c)):
			return true
		case quote == 0 && (c == '"' || c == '\''):
			quote, before = c, 0
			continue
		case c == quote:
			quote = 0
		case quote != 0:
			continue
		}
		before = c
	}
	return false
}

// declarationForm is an XML declaration, with its encoding.
var declarationForm = regexp.MustCompile(`^<\?xml[ \t\r\n]+version[ \t\r\n]*=[ \t\r\n]*(?:"1\.0"|'1\.0')` +
	`(?:[ \t\r\n]+encoding[ \t\r\n]*=[ \t\r\n]*["']([A-Za-z][A-Za-z0-9._-]*)["'])?` +
	`(?:[ \t\r\n]+standalone[ \t\r\n]*=[ \t\r\n]*["'](?:yes|no)["'])?[ \t\r\n]*\?>`)

const byteOrderMark = "\ufeff"

// decodeXML gives a file's text as UTF-8, without its byte order mark. What the
// file declares and what it is must agree: MSXML and XmlLite go by the mark and
// then refuse to switch.
func decodeXML(data []byte) ([]byte, error) {
	text, isUTF16, err := toUTF8(data)
	if err != nil {
		return nil, err
	}
	declaration := declarationForm.FindSubmatch(text)
	if declaration == nil || len(declaration[1]) == 0 {
		return text, nil
	}
	declared := string(declaration[1])
	switch is, want := strings.ToLower(declared), map[bool]string{false: "utf-8", true: "utf-16"}[isUTF16]; {
	case is == want:
	case is == "us-ascii" && !isUTF16 && !slices.ContainsFunc(text, func(c byte) bool { return c >= 0x80 }):
	case is == "utf-8" || is == "utf-16":
		return nil, fmt.Errorf("encoding %q is declared, but the file is %s; write encoding=%q", declared, strings.ToUpper(want), want)
	default:
		return nil, fmt.Errorf("encoding %q; save the file as UTF-8", declared)
	}
	return text, nil
}

// toUTF8 reads a byte order mark: Windows' editors write UTF-16.
func toUTF8(data []byte) (text []byte, isUTF16 bool, err error) {
	var big int
	switch {
	case bytes.HasPrefix(data, []byte(byteOrderMark)):
		return data[len(byteOrderMark):], false, nil
	case bytes.HasPrefix(data, []byte{0xFF, 0xFE}):
		big = 0
	case bytes.HasPrefix(data, []byte{0xFE, 0xFF}):
		big = 1
	default:
		return data, false, nil
	}
	if len(data)%2 != 0 {
		return nil, true, errors.New("UTF-16 of an odd number of bytes; the file is cut off")
	}
	units := make([]uint16, 0, len(data)/2)
	for i := 2; i < len(data); i += 2 {
		units = append(units, uint16(data[i+big])|uint16(data[i+1-big])<<8)
	}
	runes := utf16.Decode(units)
	if !slices.Equal(utf16.Encode(runes), units) {
		return nil, true, errors.New("UTF-16 with half of a pair of surrogates")
	}
	return []byte(string(runes)), true, nil
}
