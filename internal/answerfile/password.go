package answerfile

import (
	"encoding/base64"
	"encoding/binary"
	"unicode/utf16"
)

// hidden is the form in which an answer file holds a password with
// PlainText=false: base64 of UTF-16LE of the password with the name of its
// element behind it ("Password", "AdministratorPassword"). It hides nothing
// from anybody who wants to know; it keeps every character intact.
func hidden(password, element string) string {
	units := utf16.Encode([]rune(password + element))
	raw := make([]byte, 0, 2*len(units))
	for _, u := range units {
		raw = binary.LittleEndian.AppendUint16(raw, u)
	}
	return base64.StdEncoding.EncodeToString(raw)
}

// reveal reads what hidden wrote. ok is false for another form.
func reveal(value, element string) (password string, ok bool) {
	raw, err := base64.StdEncoding.DecodeString(value)
	if err != nil || len(raw)%2 != 0 {
		return "", false
	}
	units := make([]uint16, 0, len(raw)/2)
	for i := 0; i < len(raw); i += 2 {
		units = append(units, binary.LittleEndian.Uint16(raw[i:]))
	}
	text := string(utf16.Decode(units))
	if len(text) < len(element) || text[len(text)-len(element):] != element {
		return "", false
	}
	return text[:len(text)-len(element)], true
}

// passwordNode is a password element.
func passwordNode(name, password string) *node {
	return group(name, leaf("Value", hidden(password, name)), boolean("PlainText", false))
}

// characters is how long Windows finds a text: in units of UTF-16, of which an
// emoji is two.
func characters(text string) int { return len(utf16.Encode([]rune(text))) }
