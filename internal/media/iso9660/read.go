package iso9660

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"unicode/utf16"
)

var le = binary.LittleEndian

// ErrNotISO says that the disc has no ISO 9660 volume.
var ErrNotISO = errors.New("no ISO 9660 volume")

// TruncatedError says that the disc ends before its volume does.
type TruncatedError struct {
	// Size is the disc's length, Want what the volume needs; bytes.
	Size, Want int64
}

// Error says both sizes.
func (e *TruncatedError) Error() string {
	return fmt.Sprintf("ISO 9660: the volume needs %d bytes, the disc has %d", e.Want, e.Size)
}

func malformed(format string, args ...any) error {
	return fmt.Errorf("ISO 9660: "+format, args...)
}

// Names says whose names a volume's tree has.
type Names string

// Where names come from, the best first.
const (
	RockRidge Names = "Rock Ridge"
	Joliet    Names = "Joliet"
	Plain     Names = "ISO 9660"
)

// Volume is an opened volume. It is safe for concurrent use.
type Volume struct {
	r     io.ReaderAt
	size  int64
	label string
	names Names
	root  record
	skip  int // bytes to skip before Rock Ridge's entries

	mu sync.Mutex
	// owners keeps, of every directory seen, its one place in the tree, by its
	// sector: a directory at a second place is a loop.
	owners map[uint32]owner
	// counted are the directories whose lengths are in listed.
	counted map[uint32]bool
	listed  int64
}

type owner struct {
	parent uint32
	entry  int
}

// record is a directory record, 9.1.
type record struct {
	name   string
	sector uint32
	length uint32
	dir    bool
	// parts is true when the file goes on in another record.
	parts bool
}

const (
	maxDirectory = 2 << 20
	// maxNames bounds all directories together, in bytes: some 8,000 of a sector
	// each, where virtio-win's disc has about a thousand. Directories that lie over
	// one another would else make any number of names of a small disc.
	maxNames = 16 << 20
	// maxName is Rock Ridge's own limit, which its entries don't keep by themselves.
	maxName        = 255
	maxDirectories = 1 << 14
	maxDepth       = 32
)

// Open reads the volume descriptors of the disc in r, size bytes long. The error
// is ErrNotISO when there are none, a *TruncatedError when the disc is too short.
func Open(r io.ReaderAt, size int64) (*Volume, error) {
	v := &Volume{r: r, size: size, owners: map[uint32]owner{}, counted: map[uint32]bool{}}
	var primary, supplementary []byte
	for sector := int64(16); sector < 16+64; sector++ {
		b := make([]byte, sectorSize)
		if n, err := r.ReadAt(b, sector*sectorSize); n < len(b) {
			if errors.Is(err, io.EOF) {
				return nil, ErrNotISO
			}
			return nil, err
		}
		if string(b[1:6]) != "CD001" {
			break
		}
		switch b[0] {
		case 1:
			primary = b
		case 2:
			if escape := string(b[88:91]); escape == "%/@" || escape == "%/C" || escape == "%/E" {
				supplementary = b
			}
		case 255:
			sector = 16 + 64
		}
	}
	if primary == nil {
		return nil, ErrNotISO
	}
	if n := le.Uint16(primary[128:]); n != sectorSize {
		return nil, malformed("blocks of %d bytes, discs have %d", n, sectorSize)
	}
	if want := int64(le.Uint32(primary[80:])) * sectorSize; want > size {
		return nil, &TruncatedError{Size: size, Want: want}
	}
	v.label, v.names = strings.TrimRight(string(primary[40:72]), " \x00"), Plain
	if err := v.openRoot(primary); err != nil {
		return nil, err
	}
	if v.names == Plain && supplementary != nil {
		v.names = Joliet
		return v, v.openRoot(supplementary)
	}
	return v, nil
}

// openRoot reads the root's record, and from its first entry whether there is
// Rock Ridge.
func (v *Volume) openRoot(descriptor []byte) error {
	b := descriptor[156:190]
	v.root = record{name: ".", sector: le.Uint32(b[2:]), length: le.Uint32(b[10:]), dir: true}
	content, err := v.directory(v.root)
	if err != nil {
		return err
	}
	if v.names != Plain || len(content) < 34 || int(content[0]) > len(content) || content[0] < 34 {
		return nil
	}
	// the SP entry must be the first of the root's own record, SUSP 5.3
	if use := content[34:content[0]]; len(use) >= 7 && string(use[:2]) == "SP" && use[4] == 0xbe && use[5] == 0xef {
		v.names, v.skip = RockRidge, int(use[6])
	}
	return nil
}

// Label is the volume's identifier.
func (v *Volume) Label() string { return v.label }

// Names says whose names the tree has.
func (v *Volume) Names() Names { return v.names }

// directory reads a directory's extent.
func (v *Volume) directory(d record) ([]byte, error) {
	if d.length > maxDirectory || int64(d.sector)*sectorSize+int64(d.length) > v.size {
		return nil, malformed("a directory of %d bytes at sector %d of a disc of %d bytes", d.length, d.sector, v.size)
	}
	if err := v.count(d); err != nil {
		return nil, err
	}
	b := make([]byte, d.length)
	if n, err := v.r.ReadAt(b, int64(d.sector)*sectorSize); n < len(b) {
		return nil, err
	}
	return b, nil
}

// count adds a directory to what all of them take.
func (v *Volume) count(d record) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.counted[d.sector] {
		return nil
	}
	if v.listed += int64(d.length); v.listed > maxNames {
		return malformed("its directories have more than %d bytes together", maxNames)
	}
	v.counted[d.sector] = true
	return nil
}

// list reads a directory's entries, without itself and its parent.
func (v *Volume) list(d record) ([]record, error) {
	content, err := v.directory(d)
	if err != nil {
		return nil, err
	}
	var out []record
	for at := 0; at < len(content); {
		b := content[at:]
		length := int(b[0])
		if length == 0 { // records don't cross sectors
			at += sectorSize - at%sectorSize
			continue
		}
		if length > len(b) || length < 34 || 33+int(b[32]) > length {
			return nil, malformed("a record of %d bytes at byte %d of the directory at sector %d", length, at, d.sector)
		}
		at += length
		id := b[33 : 33+int(b[32])]
		if len(id) == 1 && id[0] <= 1 {
			continue
		}
		r := record{sector: le.Uint32(b[2:]), length: le.Uint32(b[10:]), dir: b[25]&2 != 0, parts: b[25]&0x80 != 0 || b[26] != 0}
		if r.name, err = v.name(id, b[:length]); err != nil {
			return nil, err
		}
		if r.name == "" || r.name == "." || r.name == ".." || strings.ContainsAny(r.name, "/\\\x00") {
			return nil, malformed("the name %q in the directory at sector %d", r.name, d.sector)
		}
		if n := len(out); n > 0 && out[n-1].name == r.name {
			out[n-1].parts = true // a further part of the same file
			continue
		}
		out = append(out, r)
	}
	return out, v.own(d, out)
}

// own notes which directory each directory lies in.
func (v *Volume) own(d record, entries []record) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	for i, e := range entries {
		if !e.dir {
			continue
		}
		mine := owner{d.sector, i}
		if o, seen := v.owners[e.sector]; e.sector == v.root.sector || seen && o != mine {
			return malformed("the directory %q is found at two places of the tree", e.name)
		}
		if len(v.owners) >= maxDirectories {
			return malformed("more than %d directories", maxDirectories)
		}
		v.owners[e.sector] = mine
	}
	return nil
}

// name gives the best name that a record has.
func (v *Volume) name(id, whole []byte) (string, error) {
	switch v.names {
	case Joliet:
		u := make([]uint16, len(id)/2)
		for i := range u {
			u[i] = uint16(id[2*i])<<8 | uint16(id[2*i+1])
		}
		return withoutVersion(string(utf16.Decode(u))), nil
	case RockRidge:
		name, err := v.rockRidge(whole[min(len(whole), 33+len(id)+1-len(id)%2+v.skip):])
		if err != nil || name != "" {
			return name, err
		}
	case Plain:
	}
	return strings.TrimSuffix(withoutVersion(string(id)), "."), nil
}

func withoutVersion(name string) string {
	if at := strings.LastIndexByte(name, ';'); at > 0 {
		return name[:at]
	}
	return name
}

// rockRidge reads the name out of a record's system use entries and of those
// that continue them, SUSP 5.1 and RRIP 4.1.4.
func (v *Volume) rockRidge(use []byte) (string, error) {
	var name strings.Builder
	for range 4 {
		var next []byte
		for len(use) >= 4 {
			length := int(use[2])
			if length < 4 || length > len(use) {
				break
			}
			switch e := use[:length]; string(e[:2]) {
			case "NM":
				if length > 5 && e[4]&6 == 0 {
					name.Write(e[5:])
					if name.Len() > maxName {
						return "", malformed("a Rock Ridge name of more than %d bytes", maxName)
					}
				}
			case "CE":
				if length >= 28 {
					var err error
					if next, err = v.continuation(le.Uint32(e[4:]), le.Uint32(e[12:]), le.Uint32(e[20:])); err != nil {
						return "", err
					}
				}
			case "ST":
				use = nil
				continue
			}
			use = use[length:]
		}
		if next == nil {
			return name.String(), nil
		}
		use = next
	}
	return "", malformed("Rock Ridge entries that go on for ever")
}

func (v *Volume) continuation(sector, offset, length uint32) ([]byte, error) {
	at := int64(sector)*sectorSize + int64(offset)
	if length > sectorSize || at+int64(length) > v.size {
		return nil, malformed("Rock Ridge entries of %d bytes at sector %d", length, sector)
	}
	b := make([]byte, length)
	if n, err := v.r.ReadAt(b, at); n < len(b) {
		return nil, err
	}
	return b, nil
}
