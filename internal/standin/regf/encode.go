package regf

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf16"
)

// Options are what a hive's header says beside its contents.
type Options struct {
	// FileName is the path that Windows notes in the header for debugging,
	// such as `\SystemRoot\System32\Config\SOFTWARE`; only its last 31
	// characters fit.
	FileName string
	// Sequence is the number of the last complete write; 0 means 1.
	Sequence uint32
	// Written is the last write time; the zero time is 2026-01-01, so that
	// equal trees make equal files.
	Written time.Time
	// MinSize is the length of the file that this one is written over: a hive
	// never shrinks.
	MinSize int
	// FastLeaf writes subkey lists as lf (NT 4 to Windows 2000) instead of lh.
	FastLeaf bool
}

const (
	baseBlockSize = 4096
	noCell        = 0xffffffff
	// bigDataSegment is what one segment of a db record holds; larger values
	// are cut into segments from format 1.4 on.
	bigDataSegment = 16344
	// leafMax keeps a subkey list within one bin; more keys make an ri list.
	leafMax = 500

	keyIsRoot    = 0x0004
	keyNoDelete  = 0x0008
	keyNameASCII = 0x0020
)

// ErrTooLong is wrapped by the errors for names and values that the format
// cannot hold.
var ErrTooLong = errors.New("too long for a hive")

// Encode makes the bytes of a hive file that is clean: both sequence numbers
// equal, the checksum right.
func Encode(root *Key, o Options) ([]byte, error) {
	e := encoder{options: o, time: filetime(o.written())}
	rootCell, err := e.key(root, noCell, "")
	if err != nil {
		return nil, err
	}
	e.slack(root)
	e.cells.closeBin()
	binary.LittleEndian.PutUint32(e.cells.payload(e.security)[12:], e.keys)
	binary.LittleEndian.PutUint64(e.cells.data[20:], e.time)
	hive := make([]byte, baseBlockSize, baseBlockSize+len(e.cells.data))
	e.baseBlock(hive, rootCell)
	hive = append(hive, e.cells.data...)
	if len(hive) < o.MinSize {
		hive = grow(hive, o.MinSize)
	}
	return hive, nil
}

func (o Options) written() time.Time {
	if o.Written.IsZero() {
		return time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	return o.Written
}

func (o Options) sequence() uint32 { return max(o.Sequence, 1) }

type encoder struct {
	options  Options
	cells    cells
	time     uint64
	security uint32
	keys     uint32
}

func (e *encoder) baseBlock(b []byte, rootCell uint32) {
	le := binary.LittleEndian
	copy(b, "regf")
	le.PutUint32(b[4:], e.options.sequence())
	le.PutUint32(b[8:], e.options.sequence())
	le.PutUint64(b[12:], e.time)
	le.PutUint32(b[20:], 1) // major version
	le.PutUint32(b[24:], 5) // minor version
	le.PutUint32(b[28:], 0) // a primary file
	le.PutUint32(b[32:], 1) // direct memory load
	le.PutUint32(b[36:], rootCell)
	le.PutUint32(b[40:], uint32(len(e.cells.data)))
	le.PutUint32(b[44:], 1) // clustering factor
	name := utf16.Encode([]rune(e.options.FileName))
	if len(name) > 31 {
		name = name[len(name)-31:]
	}
	for i, u := range name {
		le.PutUint16(b[48+2*i:], u)
	}
	putChecksum(b)
}

// putChecksum sets the XOR-32 of the first 508 bytes; 0 and -1 are never
// written, since they mean "none".
func putChecksum(b []byte) {
	var sum uint32
	for i := 0; i < 508; i += 4 {
		sum ^= binary.LittleEndian.Uint32(b[i:])
	}
	switch sum {
	case 0:
		sum = 1
	case 0xffffffff:
		sum = 0xfffffffe
	}
	binary.LittleEndian.PutUint32(b[508:], sum)
}

// key stores a key node and all below it and gives the node's cell.
func (e *encoder) key(k *Key, parent uint32, path string) (uint32, error) {
	name, flags := encodeName(k.Name)
	if len(utf16.Encode([]rune(k.Name))) > 255 {
		return 0, fmt.Errorf("registry key %q: name %w (255 characters)", path, ErrTooLong)
	}
	if parent == noCell {
		flags |= keyIsRoot | keyNoDelete
	}
	e.keys++
	cell := e.cells.add(append(make([]byte, 76), name...))
	if parent == noCell {
		// Behind the root key, which Windows keeps in the first cell of all,
		// where some readers look for it without asking the header.
		e.addSecurity()
	}
	values, err := e.values(k, path)
	if err != nil {
		return 0, err
	}
	class := uint32(noCell)
	if k.Class != "" {
		class = e.cells.add(encodeUTF16(k.Class))
	}
	children := make([]uint32, len(k.keys))
	for i, sub := range k.keys {
		if children[i], err = e.key(sub, cell, path+`\`+sub.Name); err != nil {
			return 0, err
		}
	}
	list := e.subkeyList(k.keys, children)

	modified := e.time
	if !k.Modified.IsZero() {
		modified = filetime(k.Modified)
	}
	le := binary.LittleEndian
	b := e.cells.payload(cell)
	copy(b, "nk")
	le.PutUint16(b[2:], flags)
	le.PutUint64(b[4:], modified)
	le.PutUint32(b[16:], parent)
	le.PutUint32(b[20:], uint32(len(k.keys)))
	le.PutUint32(b[28:], list)
	le.PutUint32(b[32:], noCell)
	le.PutUint32(b[36:], uint32(len(k.values)))
	le.PutUint32(b[40:], values)
	le.PutUint32(b[44:], e.security)
	le.PutUint32(b[48:], class)
	for _, sub := range k.keys {
		raise(b[52:], 2*len(utf16.Encode([]rune(sub.Name))))
		raise(b[56:], 2*len(utf16.Encode([]rune(sub.Class))))
	}
	for _, v := range k.values {
		raise(b[60:], 2*len(utf16.Encode([]rune(v.Name))))
		raise(b[64:], len(v.Data))
	}
	le.PutUint16(b[72:], uint16(len(name)))
	le.PutUint16(b[74:], uint16(2*len(utf16.Encode([]rune(k.Class)))))
	return cell, nil
}

// raise keeps the greatest of a key's lengths, which Windows uses as the size
// of its buffers.
func raise(field []byte, n int) {
	if uint32(n) > binary.LittleEndian.Uint32(field) {
		binary.LittleEndian.PutUint32(field, uint32(n))
	}
}

func (e *encoder) subkeyList(keys []*Key, offsets []uint32) uint32 {
	if len(keys) == 0 {
		return noCell
	}
	var leaves []uint32
	for len(keys) > 0 {
		n := min(len(keys), leafMax)
		leaves = append(leaves, e.leaf(keys[:n], offsets[:n]))
		keys, offsets = keys[n:], offsets[n:]
	}
	if len(leaves) == 1 {
		return leaves[0]
	}
	b := binary.LittleEndian.AppendUint16([]byte("ri"), uint16(len(leaves)))
	for _, leaf := range leaves {
		b = binary.LittleEndian.AppendUint32(b, leaf)
	}
	return e.cells.add(b)
}

func (e *encoder) leaf(keys []*Key, offsets []uint32) uint32 {
	signature := "lh"
	if e.options.FastLeaf {
		signature = "lf"
	}
	b := binary.LittleEndian.AppendUint16([]byte(signature), uint16(len(keys)))
	for i, k := range keys {
		b = binary.LittleEndian.AppendUint32(b, offsets[i])
		if e.options.FastLeaf {
			hint, flags := encodeName(k.Name)
			if flags&keyNameASCII == 0 {
				hint = nil // a name that is not ASCII has no hint
			}
			b = append(b, append(hint, 0, 0, 0, 0)[:4]...)
			continue
		}
		b = binary.LittleEndian.AppendUint32(b, nameHash(k.Name))
	}
	return e.cells.add(b)
}

func nameHash(name string) uint32 {
	var h uint32
	for _, u := range utf16.Encode([]rune(strings.ToUpper(name))) {
		h = 37*h + uint32(u)
	}
	return h
}

func (e *encoder) values(k *Key, path string) (uint32, error) {
	if len(k.values) == 0 {
		return noCell, nil
	}
	var list []byte
	for _, v := range k.values {
		cell, err := e.value(v)
		if err != nil {
			return 0, fmt.Errorf("registry value %q of key %q: %w", v.Name, path, err)
		}
		list = binary.LittleEndian.AppendUint32(list, cell)
	}
	return e.cells.add(list), nil
}

func (e *encoder) value(v Value) (uint32, error) {
	name, flags := encodeName(v.Name)
	if len(utf16.Encode([]rune(v.Name))) > 16383 {
		return 0, fmt.Errorf("name %w (16,383 characters)", ErrTooLong)
	}
	if len(v.Data) > 0xffff*bigDataSegment {
		return 0, fmt.Errorf("data of %d bytes %w", len(v.Data), ErrTooLong)
	}
	var valueNameASCII uint16
	if flags&keyNameASCII != 0 && v.Name != "" {
		valueNameASCII = 1
	}
	size, at := uint32(len(v.Data)), uint32(0)
	switch {
	case len(v.Data) <= 4: // short data lie in the offset field itself
		size |= 0x80000000
		at = binary.LittleEndian.Uint32(append(append([]byte(nil), v.Data...), 0, 0, 0, 0))
	case len(v.Data) <= bigDataSegment:
		at = e.cells.add(v.Data)
	default:
		at = e.bigData(v.Data)
	}
	le := binary.LittleEndian
	b := append(make([]byte, 20), name...)
	copy(b, "vk")
	le.PutUint16(b[2:], uint16(len(name)))
	le.PutUint32(b[4:], size)
	le.PutUint32(b[8:], at)
	le.PutUint32(b[12:], uint32(v.Type))
	le.PutUint16(b[16:], valueNameASCII)
	return e.cells.add(b), nil
}

func (e *encoder) bigData(data []byte) uint32 {
	var list []byte
	segments := 0
	for len(data) > 0 {
		n := min(len(data), bigDataSegment)
		segment := make([]byte, bigDataSegment)
		copy(segment, data[:n])
		list = binary.LittleEndian.AppendUint32(list, e.cells.add(segment))
		data = data[n:]
		segments++
	}
	b := binary.LittleEndian.AppendUint16([]byte("db"), uint16(segments))
	return e.cells.add(binary.LittleEndian.AppendUint32(b, e.cells.add(list)))
}

// encodeName stores a name in one byte a character when it can, as Windows does
// ("compressed names": the code points up to U+00FF).
func encodeName(name string) ([]byte, uint16) {
	var b []byte
	for _, r := range name {
		if r > 0xff {
			return encodeUTF16(name), 0
		}
		b = append(b, byte(r))
	}
	return b, keyNameASCII
}

func filetime(t time.Time) uint64 {
	return uint64(t.Unix()+11644473600)*10_000_000 + uint64(t.Nanosecond()/100)
}
