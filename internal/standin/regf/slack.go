package regf

import (
	"bytes"
	"encoding/binary"
)

// A registry never wipes what it no longer needs. The cell of a removed value
// is marked free and keeps its data until another cell is put there; data that
// fit are written over the old ones, which keep what stands behind them. A tree
// remembers that, and Encode writes it as free cells, so that whoever looks for
// a password in the file finds what Windows would leave.

// leave remembers data whose cell is freed. Up to four bytes have no cell.
func (k *Key) leave(data []byte) {
	if len(data) > 4 && !empty(data) {
		k.slack = append(k.slack, bytes.Clone(data))
	}
}

// overwrite remembers what is left of a value's data once new data have been
// set: the rest behind shorter ones, and all when the new need a larger cell.
func (k *Key) overwrite(old, data []byte) {
	if len(data) > len(old) || len(data) <= 4 {
		k.leave(old)
		return
	}
	k.leave(old[len(data):])
}

func empty(data []byte) bool { return len(bytes.Trim(data, "\x00")) == 0 }

// slack writes what is left of removed values as free cells.
func (e *encoder) slack(root *Key) {
	root.Walk(func(_ string, k *Key) {
		for _, data := range k.slack {
			if len(data) > bigDataSegment {
				data = data[:bigDataSegment]
			}
			at := e.cells.add(data)
			size := -int32(binary.LittleEndian.Uint32(e.cells.data[at:]))
			binary.LittleEndian.PutUint32(e.cells.data[at:], uint32(size))
		}
	})
}

// freeCells are the contents of a hive's free cells.
func freeCells(hive []byte) [][]byte {
	var list [][]byte
	for bin := baseBlockSize; bin+binHeaderSize <= len(hive) && string(hive[bin:bin+4]) == "hbin"; {
		end := bin + int(binary.LittleEndian.Uint32(hive[bin+8:]))
		if end <= bin || end > len(hive) {
			break
		}
		for at := bin + binHeaderSize; at+8 <= end; {
			size := int(int32(binary.LittleEndian.Uint32(hive[at:])))
			if size == 0 || at+max(size, -size) > end {
				break
			}
			if size > 0 && !empty(hive[at+4:at+size]) {
				list = append(list, bytes.Clone(bytes.TrimRight(hive[at+4:at+size], "\x00")))
			}
			at += max(size, -size)
		}
		bin = end
	}
	return list
}
