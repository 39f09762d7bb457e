package hive

import (
	"encoding/binary"
	"fmt"
	"io/fs"
	"strings"
	"unicode/utf16"
)

const (
	nodeSize     = 76
	valueSize    = 20
	nameOneByte  = 0x0020 // of a key
	valueOneByte = 0x0001 // of a value
	inlineData   = 0x80000000
	bigData      = 16344 // what a segment of a db record holds
)

// Key is a registry key.
type Key struct {
	hive *Hive
	node []byte
}

func (h *Hive) node(offset uint32) (*Key, error) {
	b, err := h.record(offset, "nk", nodeSize)
	if err != nil {
		return nil, err
	}
	k := &Key{hive: h, node: b}
	if nodeSize+k.u16(72) > len(b) {
		return nil, fmt.Errorf("%w: key name at %#x runs out of its cell", ErrCorrupt, offset)
	}
	return k, nil
}

func (k *Key) u16(at int) int    { return int(binary.LittleEndian.Uint16(k.node[at:])) }
func (k *Key) u32(at int) uint32 { return binary.LittleEndian.Uint32(k.node[at:]) }

// Name is the key's own name.
func (k *Key) Name() string {
	return name(k.node[nodeSize:nodeSize+k.u16(72)], k.u16(2)&nameOneByte != 0)
}

// Subkeys lists the key's children.
func (k *Key) Subkeys() ([]*Key, error) {
	if k.u32(20) == 0 {
		return nil, nil
	}
	offsets, err := k.hive.list(k.u32(28), true)
	if err != nil {
		return nil, err
	}
	keys := make([]*Key, 0, len(offsets))
	for _, offset := range offsets {
		sub, err := k.hive.node(offset)
		if err != nil {
			return nil, err
		}
		keys = append(keys, sub)
	}
	return keys, nil
}

// list gives the key nodes of a subkey list. Only one level of ri is allowed,
// which also ends every loop that a hostile file could tie.
func (h *Hive) list(offset uint32, rootAllowed bool) ([]uint32, error) {
	b, err := h.cell(offset)
	if err != nil {
		return nil, err
	}
	if len(b) < 4 {
		return nil, fmt.Errorf("%w: subkey list at %#x", ErrCorrupt, offset)
	}
	count, signature, step := int(binary.LittleEndian.Uint16(b[2:])), string(b[:2]), 8
	switch signature {
	case "lf", "lh":
	case "li":
		step = 4
	case "ri":
		step = 4
		if !rootAllowed {
			return nil, fmt.Errorf("%w: an ri list in an ri list at %#x", ErrCorrupt, offset)
		}
	default:
		return nil, fmt.Errorf("%w: subkey list at %#x is a %q", ErrCorrupt, offset, signature)
	}
	if 4+count*step > len(b) {
		return nil, fmt.Errorf("%w: subkey list at %#x promises %d entries", ErrCorrupt, offset, count)
	}
	var offsets []uint32
	for i := range count {
		at := binary.LittleEndian.Uint32(b[4+i*step:])
		if signature != "ri" {
			offsets = append(offsets, at)
			continue
		}
		leaf, err := h.list(at, false)
		if err != nil {
			return nil, err
		}
		if len(offsets)+len(leaf) > len(h.bins)/nodeSize {
			return nil, fmt.Errorf("%w: subkey list at %#x names more keys than fit", ErrCorrupt, offset)
		}
		offsets = append(offsets, leaf...)
	}
	return offsets, nil
}

// Subkey finds a child; the error is fs.ErrNotExist when there is none.
func (k *Key) Subkey(name string) (*Key, error) {
	keys, err := k.Subkeys()
	if err != nil {
		return nil, err
	}
	for _, sub := range keys {
		if strings.EqualFold(sub.Name(), name) {
			return sub, nil
		}
	}
	return nil, fs.ErrNotExist
}

// Values lists the key's values.
func (k *Key) Values() ([]Value, error) {
	count := k.u32(36)
	if count == 0 {
		return nil, nil
	}
	b, err := k.hive.cell(k.u32(40))
	if err != nil {
		return nil, err
	}
	if uint64(count)*4 > uint64(len(b)) {
		return nil, fmt.Errorf("%w: key %q promises %d values", ErrCorrupt, k.Name(), count)
	}
	values := make([]Value, 0, count)
	for i := range count {
		v, err := k.hive.value(binary.LittleEndian.Uint32(b[4*i:]))
		if err != nil {
			return nil, fmt.Errorf("value of key %q: %w", k.Name(), err)
		}
		values = append(values, v)
	}
	return values, nil
}

// Value finds a value by name; the error is fs.ErrNotExist when there is none.
func (k *Key) Value(name string) (Value, error) {
	values, err := k.Values()
	if err != nil {
		return Value{}, err
	}
	for _, v := range values {
		if strings.EqualFold(v.Name, name) {
			return v, nil
		}
	}
	return Value{}, fs.ErrNotExist
}

func name(b []byte, oneByte bool) string {
	if !oneByte {
		return text(b)
	}
	runes := make([]rune, len(b))
	for i, c := range b {
		runes[i] = rune(c)
	}
	return string(runes)
}

func text(b []byte) string {
	units := make([]uint16, len(b)/2)
	for i := range units {
		units[i] = binary.LittleEndian.Uint16(b[2*i:])
	}
	return string(utf16.Decode(units))
}

func split(path string) []string {
	return strings.FieldsFunc(path, func(r rune) bool { return r == '\\' })
}
