package hive

import (
	"encoding/binary"
	"math/bits"
)

// entry is one HvLE record of a transaction log whose hashes are right.
type entry struct {
	sequence uint32
	size     uint32 // of the hive bins data once the entry is applied
	pages    []page
}

type page struct {
	at   uint32 // relative to the hive bins data
	data []byte
}

// log is a transaction log of the new format (file type 6).
type log struct {
	base    base
	entries []entry
}

// readLog reads a log up to its first entry that is not whole, not the next by
// number, or not matched by its hashes: what follows are remains of older logs.
// ok is false for an empty log and for one of the old format, which Windows 8.1
// and later do not write.
func readLog(b []byte) (l log, ok bool) {
	h, err := readBase(b)
	if err != nil || !h.checksumOK || h.kind != typeLog || h.sequence1 != h.sequence2 {
		return log{}, false
	}
	l.base = h
	for at, next := sectorSize, h.sequence1; at+40 <= len(b); next++ {
		e, length, ok := readEntry(b[at:])
		if !ok || e.sequence != next {
			break
		}
		l.entries = append(l.entries, e)
		at += length
	}
	return l, len(l.entries) > 0
}

func readEntry(b []byte) (e entry, length int, ok bool) {
	le := binary.LittleEndian
	if len(b) < 40 || string(b[:4]) != "HvLE" {
		return entry{}, 0, false
	}
	size, count := le.Uint32(b[4:]), le.Uint32(b[20:])
	if size < sectorSize || size%sectorSize != 0 || uint64(size) > uint64(len(b)) {
		return entry{}, 0, false
	}
	b = b[:size]
	if le.Uint64(b[32:]) != marvin32(logSeed, b[:32]) || le.Uint64(b[24:]) != marvin32(logSeed, b[40:]) {
		return entry{}, 0, false
	}
	e = entry{sequence: le.Uint32(b[12:]), size: le.Uint32(b[16:])}
	if e.size < binAlign || e.size%binAlign != 0 || count == 0 || uint64(count)*8+40 > uint64(size) {
		return entry{}, 0, false
	}
	data := b[40+8*count:]
	for i := range count {
		ref := b[40+8*i:]
		at, n := le.Uint32(ref), le.Uint32(ref[4:])
		if uint64(n) > uint64(len(data)) || uint64(at)+uint64(n) > uint64(e.size) {
			return entry{}, 0, false
		}
		e.pages = append(e.pages, page{at: at, data: data[:n]})
		data = data[n:]
	}
	return e, int(size), true
}

// replay gives the hive that Windows would load from a dirty primary file and
// its logs, and the number of entries that it took. ok is false when no log
// continues the file.
func replay(primary []byte, h base, logs []log) (hive []byte, newest base, applied int, ok bool) {
	logs = inOrder(logs)
	if !h.checksumOK {
		// The base block itself is torn: it comes from the newest log, and
		// Windows then takes that log's entries alone.
		if len(logs) == 0 {
			return nil, base{}, 0, false
		}
		logs = logs[len(logs)-1:]
		h = logs[0].base
	}
	hive = append([]byte(nil), primary...)
	last := uint32(0)
	for _, l := range logs {
		first := l.base.sequence1
		if applied == 0 && int32(first-h.sequence2) < 0 {
			continue // of a write that reached the file long ago
		}
		if applied > 0 && first != last+1 {
			break
		}
		for _, e := range l.entries {
			if need := baseBlockSize + int(e.size); len(hive) < need {
				hive = append(hive, make([]byte, need-len(hive))...)
			}
			for _, p := range e.pages {
				copy(hive[baseBlockSize+int(p.at):], p.data)
			}
			h.size, last = e.size, e.sequence
			applied++
		}
		h.root = l.base.root
	}
	h.sequence1, h.sequence2, h.checksumOK = last, last, true
	return hive, h, applied, applied > 0
}

// inOrder puts the log that begins with the lower number first; numbers wrap.
func inOrder(logs []log) []log {
	if len(logs) == 2 && int32(logs[0].base.sequence1-logs[1].base.sequence1) > 0 {
		return []log{logs[1], logs[0]}
	}
	return logs
}

// logSeed is the kernel's seed for the hashes of log entries.
const logSeed = 0xc5554e7a884def82

// marvin32 is Microsoft's hash of that name.
func marvin32(seed uint64, b []byte) uint64 {
	lo, hi := uint32(seed&0xffffffff), uint32(seed>>32)
	mix := func(v uint32) {
		lo += v
		hi ^= lo
		lo = bits.RotateLeft32(lo, 20) + hi
		hi = bits.RotateLeft32(hi, 9) ^ lo
		lo = bits.RotateLeft32(lo, 27) + hi
		hi = bits.RotateLeft32(hi, 19)
	}
	for ; len(b) >= 4; b = b[4:] {
		mix(binary.LittleEndian.Uint32(b))
	}
	tail := uint32(0x80)
	for i := len(b) - 1; i >= 0; i-- {
		tail = tail<<8 | uint32(b[i])
	}
	mix(tail)
	mix(0)
	return uint64(hi)<<32 | uint64(lo)
}
