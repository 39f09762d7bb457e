package hive

import (
	"encoding/binary"
	"fmt"
	"strings"
)

// The value types that the checks tell apart, as winnt.h numbers them.
const (
	SZ       = 1
	ExpandSZ = 2
	Binary   = 3
	DWORD    = 4
	MultiSZ  = 7
	QWORD    = 11
)

// Value is a value of a key.
type Value struct {
	Name string
	Type uint32
	Data []byte
}

// Text gives a REG_SZ or REG_EXPAND_SZ up to its NUL.
func (v Value) Text() (string, bool) {
	if v.Type != SZ && v.Type != ExpandSZ {
		return "", false
	}
	s, _, _ := strings.Cut(text(v.Data), "\x00")
	return s, true
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

// String shows the value in a finding.
func (v Value) String() string {
	if s, ok := v.Text(); ok {
		return s
	}
	if n, ok := v.Number(); ok {
		return fmt.Sprint(n)
	}
	if v.Type == MultiSZ {
		return strings.Join(strings.FieldsFunc(text(v.Data), func(r rune) bool { return r == 0 }), ";")
	}
	return fmt.Sprintf("%d bytes of type %d", len(v.Data), v.Type)
}

func (h *Hive) value(offset uint32) (Value, error) {
	b, err := h.record(offset, "vk", valueSize)
	if err != nil {
		return Value{}, err
	}
	le := binary.LittleEndian
	length := int(le.Uint16(b[2:]))
	if valueSize+length > len(b) {
		return Value{}, fmt.Errorf("%w: value name at %#x runs out of its cell", ErrCorrupt, offset)
	}
	v := Value{Name: name(b[valueSize:valueSize+length], le.Uint16(b[16:])&valueOneByte != 0), Type: le.Uint32(b[12:])}
	size, at := le.Uint32(b[4:]), le.Uint32(b[8:])
	switch {
	case size&inlineData != 0:
		if size &^= inlineData; size > 4 {
			return Value{}, fmt.Errorf("%w: value %q has %d bytes in its own record", ErrCorrupt, v.Name, size)
		}
		v.Data = b[8 : 8+size]
	case size == 0:
	default:
		if v.Data, err = h.data(at, size); err != nil {
			return Value{}, fmt.Errorf("value %q: %w", v.Name, err)
		}
	}
	return v, nil
}

func (h *Hive) data(offset, size uint32) ([]byte, error) {
	b, err := h.cell(offset)
	if err != nil {
		return nil, err
	}
	if uint64(size) <= uint64(len(b)) {
		return b[:size], nil
	}
	if size <= bigData || string(b[:2]) != "db" || len(b) < 8 || uint64(size) > uint64(len(h.bins)) {
		return nil, fmt.Errorf("%w: %d bytes of data in a cell of %d", ErrCorrupt, size, len(b))
	}
	segments := uint32(binary.LittleEndian.Uint16(b[2:]))
	list, err := h.cell(binary.LittleEndian.Uint32(b[4:]))
	if err != nil {
		return nil, err
	}
	if segments != (size+bigData-1)/bigData || int(segments)*4 > len(list) {
		return nil, fmt.Errorf("%w: %d segments for %d bytes", ErrCorrupt, segments, size)
	}
	data := make([]byte, 0, size)
	for i := range segments {
		segment, err := h.cell(binary.LittleEndian.Uint32(list[4*i:]))
		if err != nil {
			return nil, err
		}
		n := min(int(size)-len(data), bigData)
		if n > len(segment) {
			return nil, fmt.Errorf("%w: a segment of %d bytes", ErrCorrupt, len(segment))
		}
		data = append(data, segment[:n]...)
	}
	return data, nil
}
