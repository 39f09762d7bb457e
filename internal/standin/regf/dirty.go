package regf

import (
	"bytes"
	"encoding/binary"
)

// Dirty is a hive whose newest data stand only in its transaction logs, as
// Windows 8.1 and later leave it when the power goes before the logs have been
// written back into the primary file.
type Dirty struct {
	// Primary is the hive file: older data, sequence numbers that differ.
	Primary []byte
	// Log1 and Log2 are the .LOG1 and .LOG2 files of the new format.
	Log1, Log2 []byte
}

// EncodeDirty makes a hive that says old in its primary file and, once its logs
// are replayed, newest. Each tree of steps is one log entry, the last is the
// newest; with more than one, the last entry goes to .LOG2, since Windows
// switches logs and a reader that knows only .LOG1 must be seen to fail.
func EncodeDirty(o Options, old *Key, steps ...*Key) (Dirty, error) {
	primary, err := Encode(old, o)
	if err != nil {
		return Dirty{}, err
	}
	before := primary
	sequence := o.sequence() + 1
	var logs [2][]byte
	for i, step := range steps {
		after, err := Encode(step, o)
		if err != nil {
			return Dirty{}, err
		}
		// A hive never shrinks while it is loaded.
		if len(after) < len(before) {
			after = grow(after, len(before))
		}
		n := 0
		if i > 0 && i == len(steps)-1 {
			n = 1
		}
		if logs[n] == nil {
			logs[n] = logHeader(after, sequence)
		}
		logs[n] = append(logs[n], logEntry(before, after, sequence)...)
		before = after
		sequence++
	}
	// The first number is raised when a write begins, the second when it ends.
	binary.LittleEndian.PutUint32(primary[4:], o.sequence()+1)
	putChecksum(primary)
	return Dirty{Primary: primary, Log1: logs[0], Log2: logs[1]}, nil
}

// grow appends an empty bin up to size bytes.
func grow(hive []byte, size int) []byte {
	at, add := len(hive), size-len(hive)
	hive = append(hive, make([]byte, add)...)
	copy(hive[at:], "hbin")
	le := binary.LittleEndian
	le.PutUint32(hive[at+4:], uint32(at-baseBlockSize))
	le.PutUint32(hive[at+8:], uint32(add))
	le.PutUint32(hive[at+binHeaderSize:], uint32(add-binHeaderSize))
	le.PutUint32(hive[40:], uint32(size-baseBlockSize))
	putChecksum(hive)
	return hive
}

// logHeader is the first sector of a log: a copy of the base block of type 6
// whose sequence numbers are those of the first entry.
func logHeader(hive []byte, first uint32) []byte {
	b := bytes.Clone(hive[:512])
	binary.LittleEndian.PutUint32(b[4:], first)
	binary.LittleEndian.PutUint32(b[8:], first)
	binary.LittleEndian.PutUint32(b[28:], 6)
	putChecksum(b)
	return b
}

// logEntry is an HvLE record with the pages of 4096 bytes that differ.
func logEntry(before, after []byte, sequence uint32) []byte {
	var refs, pages []byte
	count := uint32(0)
	for at := baseBlockSize; at < len(after); at += binAlign {
		page := after[at : at+binAlign]
		if at < len(before) && bytes.Equal(page, before[at:at+binAlign]) {
			continue
		}
		refs = binary.LittleEndian.AppendUint32(refs, uint32(at-baseBlockSize))
		refs = binary.LittleEndian.AppendUint32(refs, binAlign)
		pages = append(pages, page...)
		count++
	}
	b := append(make([]byte, 40), refs...)
	b = append(b, pages...)
	if rest := len(b) % 512; rest != 0 {
		b = append(b, make([]byte, 512-rest)...)
	}
	le := binary.LittleEndian
	copy(b, "HvLE")
	le.PutUint32(b[4:], uint32(len(b)))
	le.PutUint32(b[12:], sequence)
	le.PutUint32(b[16:], uint32(len(after)-baseBlockSize))
	le.PutUint32(b[20:], count)
	le.PutUint64(b[24:], marvin32(b[40:]))
	le.PutUint64(b[32:], marvin32(b[:32]))
	return b
}
