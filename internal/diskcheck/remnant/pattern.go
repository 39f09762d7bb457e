package remnant

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"encoding/xml"
	"unicode/utf16"
	"unicode/utf8"
)

// Shortest is the length in characters from which a secret can be told from
// chance: eight given bytes turn up once in 2^64 random ones, but a word of
// four letters is in any Windows.
const Shortest = 8

// pattern is one form of one secret.
type pattern struct {
	form  string // as a user knows it: "UTF-16LE"
	bytes []byte
}

// patterns are the forms of a secret: as it is, escaped as XML and JSON hold
// it, in UTF-16LE (registry, event logs, memory), and in the base64 of either.
// The obscured password of an answer file is base64 of the UTF-16LE of password
// and element name.
func patterns(secret string) []pattern {
	var list []pattern
	add := func(form string, b []byte) {
		for _, p := range list {
			if bytes.Equal(p.bytes, b) {
				return
			}
		}
		list = append(list, pattern{form, b})
	}
	plain, wide := []byte(secret), utf16le(secret)
	add("plain text", plain)
	add("UTF-16LE", wide)
	var escaped bytes.Buffer
	if xml.EscapeText(&escaped, plain) == nil {
		add("plain text", escaped.Bytes())
		add("UTF-16LE", utf16le(escaped.String()))
	}
	if quoted, err := json.Marshal(secret); err == nil {
		add("plain text", quoted[1:len(quoted)-1])
	}
	for offset := range 3 {
		add("base64", inner64(plain, offset))
		add("base64 of UTF-16LE", inner64(wide, offset))
	}
	return list
}

func utf16le(s string) []byte {
	var b []byte
	for _, u := range utf16.Encode([]rune(s)) {
		b = binary.LittleEndian.AppendUint16(b, u)
	}
	return b
}

// inner64 is what is sure to be in the base64 of any text that has b at an
// offset of 0, 1 or 2 bytes from a group of three: the characters that depend
// on b alone.
func inner64(b []byte, offset int) []byte {
	text := base64.RawStdEncoding.EncodeToString(append(make([]byte, offset), b...))
	return []byte(text[(offset*4+2)/3 : (offset+len(b))*4/3])
}

// Usable says whether a secret is long enough to be searched for.
func Usable(secret string) bool { return utf8.RuneCountInString(secret) >= Shortest }
