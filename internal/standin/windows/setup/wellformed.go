package setup

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// proveXML decodes a document and proves that it is one. encoding/xml reads a
// good deal that Windows' parser does not; what it passes over is looked for
// here, tag by tag ("Extensible Markup Language (XML) 1.0"; "Namespaces in XML").
func proveXML(data []byte) (string, error) {
	text, encoding, err := decode(data)
	if err != nil {
		return "", err
	}
	body := text
	if strings.HasPrefix(text, "<?xml") {
		parts := declaration.FindStringSubmatch(text)
		if parts == nil {
			return "", errors.New("malformed XML declaration")
		}
		if said := strings.ToLower(parts[1]); said != "" && said != encoding && (said != "us-ascii" || encoding != "utf-8") {
			return "", fmt.Errorf("switch from current encoding (%s) to specified encoding (%s) not supported", encoding, said)
		}
		body = text[len(parts[0]):]
	}
	return text, proveBody(body)
}

var declaration = regexp.MustCompile(`^<\?xml\s+version\s*=\s*(?:'1\.0'|"1\.0")(?:\s+encoding\s*=\s*(?:"|')([\w.-]+)(?:"|'))?(?:\s+standalone\s*=\s*(?:'(?:yes|no)'|"(?:yes|no)"))?\s*\?>`)

// decode goes by the byte order mark; without one a file is UTF-8.
func decode(data []byte) (text, encoding string, err error) {
	order := ""
	if len(data) >= 2 {
		order = string(data[:2])
	}
	if order != "\xff\xfe" && order != "\xfe\xff" {
		text = strings.TrimPrefix(string(data), "\ufeff")
		if !utf8.ValidString(text) {
			return "", "", errors.New("invalid UTF-8")
		}
		return text, "utf-8", nil
	}
	if len(data)%2 == 1 {
		return "", "", errors.New("half a UTF-16 unit at the end")
	}
	var b strings.Builder
	for i := 2; i < len(data); i += 2 {
		unit := func(i int) rune {
			if i+1 >= len(data) {
				return 0
			}
			if order == "\xff\xfe" {
				return rune(data[i]) | rune(data[i+1])<<8
			}
			return rune(data[i])<<8 | rune(data[i+1])
		}
		r := unit(i)
		if utf16.IsSurrogate(r) {
			if r = utf16.DecodeRune(r, unit(i+2)); r == utf8.RuneError {
				return "", "", errors.New("half a surrogate pair")
			}
			i += 2
		}
		b.WriteRune(r)
	}
	return b.String(), "utf-16", nil
}

// proveBody reads what follows the declaration, raw.
func proveBody(body string) error {
	decoder := xml.NewDecoder(strings.NewReader(body))
	var prefixes []map[string]string // of each open element
	roots := 0
	for {
		start := decoder.InputOffset()
		token, err := decoder.RawToken()
		if errors.Is(err, io.EOF) {
			return nil // parseXML says whether all is closed
		}
		if err != nil {
			return err
		}
		switch t := token.(type) {
		case xml.ProcInst:
			if strings.EqualFold(t.Target, "xml") {
				return errors.New("the XML declaration is not at the start of the document")
			}
		case xml.Directive:
			return errors.New("DTD is prohibited")
		case xml.CharData:
			if len(prefixes) == 0 && strings.Trim(body[start:decoder.InputOffset()], " \t\n\r") != "" {
				return errors.New("only white space is allowed outside the root element")
			}
		case xml.EndElement:
			if len(prefixes) == 0 {
				return errors.New("an end tag that closes nothing")
			}
			prefixes = prefixes[:len(prefixes)-1]
		case xml.StartElement:
			if len(prefixes) == 0 {
				roots++
			}
			if roots > 1 {
				return errors.New("only one root element is allowed")
			}
			if squeezed.MatchString(body[start:decoder.InputOffset()]) {
				return fmt.Errorf("<%s>: white space is required before an attribute", t.Name.Local)
			}
			if prefixes, err = declare(prefixes, t); err != nil {
				return err
			}
		}
	}
}

// squeezed is an attribute that follows the one before without a space.
var squeezed = regexp.MustCompile(`^<[^"']*(?:(?:"[^"]*"|'[^']*')[\s/>][^"']*)*(?:"[^"]*"|'[^']*')[^\s/>]`)

// declare takes an element's prefixes into the scope, and proves its names.
func declare(scope []map[string]string, t xml.StartElement) ([]map[string]string, error) {
	own := map[string]string{}
	for _, a := range t.Attr {
		if a.Name.Space == "xmlns" {
			own[a.Name.Local] = a.Value
		}
	}
	scope = append(scope, own)
	resolve := func(prefix string) (string, bool) {
		if prefix == "" || prefix == "xml" || prefix == "xmlns" {
			return prefix, true
		}
		for i := len(scope) - 1; i >= 0; i-- {
			if uri, ok := scope[i][prefix]; ok {
				return uri, true
			}
		}
		return "", false
	}
	if _, ok := resolve(t.Name.Space); !ok {
		return nil, fmt.Errorf("reference to undeclared namespace prefix %q", t.Name.Space)
	}
	seen := map[xml.Name]bool{}
	for _, a := range t.Attr {
		uri, ok := resolve(a.Name.Space)
		if !ok {
			return nil, fmt.Errorf("reference to undeclared namespace prefix %q", a.Name.Space)
		}
		name := xml.Name{Space: uri, Local: a.Name.Local}
		if seen[name] {
			return nil, fmt.Errorf("duplicate attribute %q", a.Name.Local)
		}
		seen[name] = true
	}
	return scope, nil
}
