package regf

import (
	"encoding/binary"
	"fmt"
	"strings"
	"unicode/utf16"
)

// Type is the type of a registry value, as winnt.h numbers them.
type Type uint32

// The value types that Windows writes in the hives a template has.
const (
	None     Type = 0
	SZ       Type = 1
	ExpandSZ Type = 2
	Binary   Type = 3
	DWORD    Type = 4
	DWORDBE  Type = 5
	Link     Type = 6
	MultiSZ  Type = 7
	QWORD    Type = 11
)

// String gives the type's Windows name, such as REG_DWORD.
func (t Type) String() string {
	switch t {
	case None:
		return "REG_NONE"
	case SZ:
		return "REG_SZ"
	case ExpandSZ:
		return "REG_EXPAND_SZ"
	case Binary:
		return "REG_BINARY"
	case DWORD:
		return "REG_DWORD"
	case DWORDBE:
		return "REG_DWORD_BIG_ENDIAN"
	case Link:
		return "REG_LINK"
	case MultiSZ:
		return "REG_MULTI_SZ"
	case QWORD:
		return "REG_QWORD"
	}
	return fmt.Sprintf("REG_TYPE_%d", uint32(t))
}

// Value is a named value of a key. The empty name is the key's default value.
// Data is what the hive holds: strings are UTF-16LE with their final NUL.
type Value struct {
	Name string
	Type Type
	Data []byte
}

// StringValue makes a REG_SZ.
func StringValue(name, s string) Value { return Value{name, SZ, encodeSZ(s)} }

// ExpandStringValue makes a REG_EXPAND_SZ; %VARIABLES% stay as they are.
func ExpandStringValue(name, s string) Value { return Value{name, ExpandSZ, encodeSZ(s)} }

// DWordValue makes a REG_DWORD.
func DWordValue(name string, n uint32) Value {
	return Value{name, DWORD, binary.LittleEndian.AppendUint32(nil, n)}
}

// QWordValue makes a REG_QWORD.
func QWordValue(name string, n uint64) Value {
	return Value{name, QWORD, binary.LittleEndian.AppendUint64(nil, n)}
}

// BinaryValue makes a REG_BINARY.
func BinaryValue(name string, b []byte) Value {
	return Value{name, Binary, append([]byte(nil), b...)}
}

// MultiStringValue makes a REG_MULTI_SZ. Empty strings inside are dropped:
// the format cannot hold them.
func MultiStringValue(name string, list []string) Value {
	var data []byte
	for _, s := range list {
		if s != "" {
			data = append(data, encodeSZ(s)...)
		}
	}
	return Value{name, MultiSZ, append(data, 0, 0)}
}

// Text gives a REG_SZ or REG_EXPAND_SZ without its NUL.
func (v Value) Text() (string, bool) {
	if v.Type != SZ && v.Type != ExpandSZ {
		return "", false
	}
	return strings.TrimRight(decodeUTF16(v.Data), "\x00"), true
}

// Texts gives the strings of a REG_MULTI_SZ.
func (v Value) Texts() ([]string, bool) {
	if v.Type != MultiSZ {
		return nil, false
	}
	var list []string
	for _, s := range strings.Split(decodeUTF16(v.Data), "\x00") {
		if s != "" {
			list = append(list, s)
		}
	}
	return list, true
}

// Number gives a REG_DWORD or REG_QWORD.
func (v Value) Number() (uint64, bool) {
	switch {
	case v.Type == DWORD && len(v.Data) == 4:
		return uint64(binary.LittleEndian.Uint32(v.Data)), true
	case v.Type == QWORD && len(v.Data) == 8:
		return binary.LittleEndian.Uint64(v.Data), true
	}
	return 0, false
}

// String shows the value for a log or an error.
func (v Value) String() string {
	if s, ok := v.Text(); ok {
		return s
	}
	if n, ok := v.Number(); ok {
		return fmt.Sprint(n)
	}
	if list, ok := v.Texts(); ok {
		return strings.Join(list, ";")
	}
	return fmt.Sprintf("%s of %d bytes", v.Type, len(v.Data))
}

func encodeUTF16(s string) []byte {
	var b []byte
	for _, u := range utf16.Encode([]rune(s)) {
		b = binary.LittleEndian.AppendUint16(b, u)
	}
	return b
}

func encodeSZ(s string) []byte { return append(encodeUTF16(s), 0, 0) }

func decodeUTF16(b []byte) string {
	units := make([]uint16, len(b)/2)
	for i := range units {
		units[i] = binary.LittleEndian.Uint16(b[2*i:])
	}
	return string(utf16.Decode(units))
}
