package udf

import (
	"errors"
	"unicode/utf16"
	"unicode/utf8"
)

// decodeCS0 decodes OSTA compressed Unicode (UDF 2.1.1): a first byte of 8 or
// 16, then characters of one byte or of two, big-endian.
func decodeCS0(b []byte) (string, error) {
	if len(b) == 0 {
		return "", nil
	}
	switch b[0] {
	case 8:
		out := make([]rune, 0, len(b)-1)
		for _, c := range b[1:] {
			out = append(out, rune(c))
		}
		return string(out), nil
	case 16:
		if len(b)%2 == 0 {
			return "", errors.New("16-bit name of an odd length")
		}
		u := make([]uint16, 0, len(b)/2)
		for i := 1; i < len(b); i += 2 {
			u = append(u, uint16(b[i])<<8|uint16(b[i+1]))
		}
		return string(utf16.Decode(u)), nil
	}
	return "", errors.New("unknown character coding")
}

// encodeCS0 encodes s, with one byte a character where that is possible.
func encodeCS0(s string) ([]byte, error) {
	if !utf8.ValidString(s) {
		return nil, errors.New("not UTF-8")
	}
	wide := false
	for _, r := range s {
		wide = wide || r > 0xff
	}
	if !wide {
		out := []byte{8}
		for _, r := range s {
			out = append(out, byte(r))
		}
		return out, nil
	}
	out := []byte{16}
	for _, u := range utf16.Encode([]rune(s)) {
		out = append(out, byte(u>>8), byte(u))
	}
	return out, nil
}

// decodeDstring decodes a fixed-length string whose last byte is the length
// used (1/7.2.12).
func decodeDstring(b []byte) string {
	n := int(b[len(b)-1])
	if n == 0 || n > len(b)-1 {
		return ""
	}
	s, err := decodeCS0(b[:n])
	if err != nil {
		return ""
	}
	return s
}

// putDstring writes s into the fixed-length field b, cut where it doesn't fit.
func putDstring(b []byte, s string) {
	runes := []rune(s)
	for {
		e, err := encodeCS0(string(runes))
		if err != nil {
			return
		}
		if len(e) <= len(b)-1 {
			if len(e) == 1 {
				return // an empty dstring is all zeros
			}
			copy(b, e)
			b[len(b)-1] = byte(len(e))
			return
		}
		runes = runes[:len(runes)-1]
	}
}
