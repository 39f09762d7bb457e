package fat

import (
	"fmt"
	"strings"
	"unicode/utf16"
)

const (
	entrySize    = 32
	maxDirectory = 65536 * entrySize // what the format allows

	attributeLabel     = 0x08
	attributeDirectory = 0x10
	attributeLongName  = 0x0f
)

// Entry is a file or a directory.
type Entry struct {
	// Name is the long name, where there is one, else the short one.
	Name string
	// Short is the name of eight and three characters: BOOTX64.EFI.
	Short string
	Dir   bool
	Size  int64 // bytes

	cluster uint32
	root    bool
}

// raw reads a directory's bytes.
func (v *Volume) raw(dir Entry) ([]byte, error) {
	first := dir.cluster
	if dir.root || first == 0 { // ".." of a directory in the root says 0
		if v.bits != 32 {
			b := make([]byte, v.rootLength)
			if n, err := v.r.ReadAt(b, v.root); n < len(b) {
				return nil, err
			}
			return b, nil
		}
		first = v.rootCluster
	}
	chain, err := v.chain(first, -1)
	if err != nil {
		return nil, err
	}
	b := make([]byte, int64(len(chain))*v.cluster)
	if n, err := (&file{v, chain, int64(len(b))}).ReadAt(b, 0); n < len(b) {
		return nil, err
	}
	return b, nil
}

func (v *Volume) list(dir Entry) ([]Entry, error) {
	b, err := v.raw(dir)
	if err != nil {
		return nil, err
	}
	var list []Entry
	var long []uint16
	for at := 0; at+entrySize <= len(b); at += entrySize {
		e := b[at : at+entrySize]
		if e[0] == 0 {
			break
		}
		if e[0] != 0xe5 && e[11]&0x3f == attributeLongName {
			if e[0]&0x40 != 0 { // the last piece comes first
				long = nil
			}
			long = append(piece(e), long...)
			continue
		}
		if e[0] != 0xe5 && e[11]&attributeLabel == 0 && e[0] != '.' {
			list = append(list, v.entry(e, long))
		}
		long = nil
	}
	return list, nil
}

func (v *Volume) entry(e []byte, long []uint16) Entry {
	f := Entry{Short: shortName(e), Dir: e[11]&attributeDirectory != 0, Size: int64(le.Uint32(e[28:])), cluster: uint32(le.Uint16(e[26:]))}
	if v.bits == 32 {
		f.cluster |= uint32(le.Uint16(e[20:])) << 16
	}
	if f.Name = string(utf16.Decode(long)); f.Name == "" {
		f.Name = f.Short
	}
	return f
}

// piece is the part of a long name that one entry holds.
func piece(e []byte) []uint16 {
	var units []uint16
	for _, r := range [][2]int{{1, 11}, {14, 26}, {28, 32}} {
		for i := r[0]; i < r[1]; i += 2 {
			u := le.Uint16(e[i:])
			if u == 0 {
				return units
			}
			units = append(units, u)
		}
	}
	return units
}

func shortName(e []byte) string {
	name := strings.TrimRight(string(e[:8]), " ")
	if extension := strings.TrimRight(string(e[8:11]), " "); extension != "" {
		name += "." + extension
	}
	return name
}

// chain gives the clusters that hold size bytes; all of them for -1, a
// directory. A loop ends at the size, or at what a directory may have.
func (v *Volume) chain(c uint32, size int64) ([]uint32, error) {
	limit := size
	if size < 0 {
		limit = maxDirectory
	}
	var chain []uint32
	for int64(len(chain))*v.cluster < limit {
		if c < 2 || c-2 >= v.clusters {
			if size < 0 && len(chain) > 0 && v.last(c) {
				return chain, nil
			}
			return nil, fmt.Errorf("%w: cluster %#x of %d, after %d", ErrCorrupt, c, v.clusters, len(chain))
		}
		chain = append(chain, c)
		next, err := v.next(c)
		if err != nil {
			return nil, err
		}
		c = next
	}
	if size < 0 {
		return nil, fmt.Errorf("%w: a directory of more than %d bytes", ErrCorrupt, maxDirectory)
	}
	return chain, nil
}

func (v *Volume) last(c uint32) bool { return c >= uint32(1)<<min(v.bits, 28)-8 }

func (v *Volume) next(c uint32) (uint32, error) {
	var b [4]byte
	at, n := int64(c)*int64(v.bits)/8, 2
	if v.bits == 32 {
		n = 4
	}
	if at+int64(n) > v.fatLength {
		return 0, fmt.Errorf("%w: cluster %d is beyond the table", ErrCorrupt, c)
	}
	if m, err := v.r.ReadAt(b[:n], v.fat+at); m < n {
		return 0, err
	}
	value := le.Uint32(b[:])
	switch {
	case v.bits == 12 && c&1 == 1:
		return value >> 4, nil
	case v.bits == 12:
		return value & 0xfff, nil
	case v.bits == 32:
		return value & 0x0fffffff, nil
	}
	return value, nil
}
