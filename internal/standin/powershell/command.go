package powershell

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"unicode/utf16"
)

// Encode is a script as -EncodedCommand takes it.
func Encode(script string) string {
	var raw []byte
	for _, u := range utf16.Encode([]rune(script)) {
		raw = binary.LittleEndian.AppendUint16(raw, u)
	}
	return base64.StdEncoding.EncodeToString(raw)
}

// Decode is the script of an -EncodedCommand.
func Decode(text string) (string, error) {
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(raw)%2 != 0 {
		return "", errors.New("-EncodedCommand is not base64 of UTF-16LE")
	}
	units := make([]uint16, len(raw)/2)
	for i := range units {
		units[i] = binary.LittleEndian.Uint16(raw[2*i:])
	}
	return string(utf16.Decode(units)), nil
}
