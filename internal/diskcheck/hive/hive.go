package hive

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
)

// ErrDirty says that the hive's newest data are not in the file and that no log
// brings them back.
var ErrDirty = errors.New("hive is dirty: its last write is incomplete and no transaction log continues it")

// ErrCorrupt is wrapped by the errors for structures that cannot be true.
var ErrCorrupt = errors.New("corrupt registry hive")

// MaxSize is the largest hive that Open takes, in bytes. Windows' SOFTWARE has
// some 100 MB.
const MaxSize = 512 << 20

// Hive is a hive in memory.
type Hive struct {
	bins []byte
	root uint32
	// Replayed is the number of log entries that had to be applied.
	Replayed int
}

// Open reads a hive from the bytes of its primary file and of its .LOG1 and
// .LOG2, which may be empty or nil.
func Open(primary []byte, logs ...[]byte) (*Hive, error) {
	if len(primary) > MaxSize {
		return nil, fmt.Errorf("%w: %d bytes, more than %d", ErrCorrupt, len(primary), MaxSize)
	}
	h, err := readBase(primary)
	if err != nil {
		return nil, err
	}
	if h.checksumOK && h.kind != typePrimary {
		return nil, fmt.Errorf("%w: its type is %d, a primary file has 0", ErrCorrupt, h.kind)
	}
	applied := 0
	if !h.clean() {
		var read []log
		for _, b := range logs {
			if l, ok := readLog(b); ok {
				read = append(read, l)
			}
		}
		replayed, newest, n, ok := replay(primary, h, read)
		if !ok {
			return nil, fmt.Errorf("%w (sequence numbers %d and %d, checksum right: %t)", ErrDirty, h.sequence1, h.sequence2, h.checksumOK)
		}
		primary, h, applied = replayed, newest, n
	}
	if uint64(h.size)+baseBlockSize > uint64(len(primary)) {
		return nil, fmt.Errorf("%w: the header promises %d bytes of data, the file has %d", ErrCorrupt, h.size, max(0, len(primary)-baseBlockSize))
	}
	hv := &Hive{bins: primary[baseBlockSize : baseBlockSize+int(h.size)], root: h.root, Replayed: applied}
	if _, err := hv.node(hv.root); err != nil {
		return nil, fmt.Errorf("root key: %w", err)
	}
	return hv, nil
}

// cell gives the data of an allocated cell.
func (h *Hive) cell(offset uint32) ([]byte, error) {
	if uint64(offset)+4 > uint64(len(h.bins)) || offset%8 != 0 {
		return nil, fmt.Errorf("%w: no cell at %#x", ErrCorrupt, offset)
	}
	size := int32(binary.LittleEndian.Uint32(h.bins[offset:]))
	length := -int64(size)
	if length < 8 || int64(offset)+length > int64(len(h.bins)) {
		return nil, fmt.Errorf("%w: cell at %#x of size %d", ErrCorrupt, offset, size)
	}
	return h.bins[int64(offset)+4 : int64(offset)+length], nil
}

// record gives a cell that begins with a signature and has at least size bytes.
func (h *Hive) record(offset uint32, signature string, size int) ([]byte, error) {
	b, err := h.cell(offset)
	if err != nil {
		return nil, err
	}
	if len(b) < size || string(b[:2]) != signature {
		return nil, fmt.Errorf("%w: no %s record at %#x", ErrCorrupt, signature, offset)
	}
	return b, nil
}

// Root is the root key.
func (h *Hive) Root() *Key {
	k, err := h.node(h.root)
	if err != nil { // Open has read it
		return &Key{hive: h, node: make([]byte, nodeSize)}
	}
	return k
}

// Key opens a key by its path below the root, without regard to case. The
// error wraps fs.ErrNotExist when there is none.
func (h *Hive) Key(path string) (*Key, error) {
	k := h.Root()
	for _, name := range split(path) {
		sub, err := k.Subkey(name)
		if err != nil {
			return nil, fmt.Errorf("registry key %s: %w", path, err)
		}
		k = sub
	}
	return k, nil
}

// Value gives a value of the key at path. The error wraps fs.ErrNotExist when
// the key or the value is not there.
func (h *Hive) Value(path, name string) (Value, error) {
	k, err := h.Key(path)
	if err != nil {
		return Value{}, err
	}
	v, err := k.Value(name)
	if err != nil {
		return Value{}, fmt.Errorf("registry value %s!%s: %w", path, name, err)
	}
	return v, nil
}

// Exists says whether a key is there.
func (h *Hive) Exists(path string) (bool, error) {
	_, err := h.Key(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}
