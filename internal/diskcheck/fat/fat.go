// Package fat reads files from a FAT12, FAT16 or FAT32 volume, such as an EFI
// system partition. It reads nothing but what it is asked for, and never more
// than a file's own size: go-diskfs's reader loads the tables whole, of
// whatever size the volume claims.
//
// The format is Microsoft's "FAT32 File System Specification" 1.03.
package fat

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"unicode/utf16"
)

// ErrCorrupt is wrapped by the errors for structures that cannot be true.
var ErrCorrupt = errors.New("corrupt FAT volume")

// Volume is a FAT volume.
type Volume struct {
	r           io.ReaderAt
	bits        int // 12, 16 or 32
	clusterSize int64
	clusters    uint32
	fatStart    int64
	dataStart   int64
	rootStart   int64 // FAT12 and FAT16
	rootSize    int64
	rootCluster uint32 // FAT32
}

const (
	maxDirectory = 2 << 20 // FAT allows 65,536 entries of 32 bytes
	entrySize    = 32
)

// Open reads the boot sector of a volume of size bytes.
func Open(r io.ReaderAt, size int64) (*Volume, error) {
	b := make([]byte, 512)
	if _, err := r.ReadAt(b, 0); err != nil {
		return nil, err
	}
	le := binary.LittleEndian
	if b[510] != 0x55 || b[511] != 0xaa {
		return nil, fmt.Errorf("%w: no boot signature", ErrCorrupt)
	}
	sector, perCluster := int64(le.Uint16(b[11:])), int64(b[13])
	reserved, fats, rootEntries := int64(le.Uint16(b[14:])), int64(b[16]), int64(le.Uint16(b[17:]))
	total := int64(le.Uint16(b[19:]))
	if total == 0 {
		total = int64(le.Uint32(b[32:]))
	}
	fatSectors := int64(le.Uint16(b[22:]))
	if fatSectors == 0 {
		fatSectors = int64(le.Uint32(b[36:]))
	}
	switch {
	case sector != 512 && sector != 1024 && sector != 2048 && sector != 4096,
		perCluster == 0 || perCluster&(perCluster-1) != 0,
		reserved == 0 || fats == 0 || fats > 2 || fatSectors == 0,
		total*sector > size:
		return nil, fmt.Errorf("%w: the boot sector describes no FAT", ErrCorrupt)
	}
	rootSectors := (rootEntries*entrySize + sector - 1) / sector
	meta := reserved + fats*fatSectors + rootSectors
	if meta >= total {
		return nil, fmt.Errorf("%w: no room for data", ErrCorrupt)
	}
	v := &Volume{
		r: r, clusterSize: perCluster * sector, clusters: uint32((total - meta) / perCluster),
		fatStart: reserved * sector, dataStart: meta * sector,
		rootStart: (reserved + fats*fatSectors) * sector, rootSize: rootEntries * entrySize,
	}
	// The number of clusters decides which FAT it is, and nothing else.
	switch {
	case v.clusters < 4085:
		v.bits = 12
	case v.clusters < 65525:
		v.bits = 16
	default:
		v.bits, v.rootCluster = 32, le.Uint32(b[44:])
	}
	return v, nil
}

// Bits is 12, 16 or 32.
func (v *Volume) Bits() int { return v.bits }

// ReadFile reads a file of at most limit bytes, by a path with backslashes or
// slashes, without regard to case. The error wraps fs.ErrNotExist when there
// is none.
func (v *Volume) ReadFile(path string, limit int64) ([]byte, error) {
	e := entry{directory: true, root: true}
	for _, name := range strings.FieldsFunc(path, func(r rune) bool { return r == '\\' || r == '/' }) {
		if !e.directory {
			return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
		}
		list, err := v.list(e)
		if err != nil {
			return nil, &fs.PathError{Op: "open", Path: path, Err: err}
		}
		found := false
		for _, sub := range list {
			if strings.EqualFold(sub.long, name) || strings.EqualFold(sub.short, name) {
				e, found = sub, true
				break
			}
		}
		if !found {
			return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
		}
	}
	switch {
	case e.directory:
		return nil, &fs.PathError{Op: "read", Path: path, Err: errors.New("is a directory")}
	case e.size > limit:
		return nil, &fs.PathError{Op: "read", Path: path, Err: fmt.Errorf("%d bytes, more than %d", e.size, limit)}
	}
	b, err := v.chain(e.cluster, e.size)
	if err != nil {
		return nil, &fs.PathError{Op: "read", Path: path, Err: err}
	}
	return b, nil
}

type entry struct {
	long, short string
	directory   bool
	root        bool
	cluster     uint32
	size        int64
}

func (v *Volume) list(dir entry) ([]entry, error) {
	var b []byte
	var err error
	if dir.root && v.bits != 32 {
		b = make([]byte, v.rootSize)
		_, err = v.r.ReadAt(b, v.rootStart)
	} else {
		first := dir.cluster
		if dir.root {
			first = v.rootCluster
		}
		b, err = v.chain(first, -1)
	}
	if err != nil {
		return nil, err
	}
	var list []entry
	var long []uint16
	for at := 0; at+entrySize <= len(b); at += entrySize {
		e := b[at : at+entrySize]
		switch {
		case e[0] == 0:
			return list, nil
		case e[0] == 0xe5:
			long = nil
		case e[11] == 0x0f: // a piece of a long name; the last piece comes first
			if e[0]&0x40 != 0 {
				long = nil
			}
			long = append(piece(e), long...)
		case e[11]&0x08 != 0: // the volume's label
			long = nil
		default:
			list = append(list, entry{
				long: string(utf16.Decode(long)), short: shortName(e), directory: e[11]&0x10 != 0,
				cluster: uint32(binary.LittleEndian.Uint16(e[20:]))<<16 | uint32(binary.LittleEndian.Uint16(e[26:])),
				size:    int64(binary.LittleEndian.Uint32(e[28:])),
			})
			if v.bits != 32 {
				list[len(list)-1].cluster &= 0xffff
			}
			long = nil
		}
	}
	return list, nil
}

func piece(e []byte) []uint16 {
	var units []uint16
	for _, r := range [][2]int{{1, 11}, {14, 26}, {28, 32}} {
		for i := r[0]; i < r[1]; i += 2 {
			u := binary.LittleEndian.Uint16(e[i:])
			if u == 0 || u == 0xffff {
				return units
			}
			units = append(units, u)
		}
	}
	return units
}

func shortName(e []byte) string {
	base, ext := strings.TrimRight(string(e[:8]), " "), strings.TrimRight(string(e[8:11]), " ")
	if ext != "" {
		return base + "." + ext
	}
	return base
}

// chain reads size bytes of a chain of clusters; a directory (-1) to its end.
func (v *Volume) chain(cluster uint32, size int64) ([]byte, error) {
	limit := size
	if size < 0 {
		limit = maxDirectory
	}
	var b []byte
	for int64(len(b)) < limit {
		if cluster < 2 || cluster >= v.clusters+2 {
			if size < 0 && v.end(cluster) {
				return b, nil
			}
			return nil, fmt.Errorf("%w: cluster %d of %d", ErrCorrupt, cluster, v.clusters)
		}
		part := make([]byte, v.clusterSize)
		if _, err := v.r.ReadAt(part, v.dataStart+int64(cluster-2)*v.clusterSize); err != nil {
			return nil, err
		}
		b = append(b, part...)
		next, err := v.next(cluster)
		if err != nil {
			return nil, err
		}
		cluster = next
	}
	if size >= 0 {
		return b[:size], nil
	}
	return nil, fmt.Errorf("%w: a directory of more than %d bytes", ErrCorrupt, maxDirectory)
}

func (v *Volume) next(cluster uint32) (uint32, error) {
	b := make([]byte, 4)
	switch v.bits {
	case 32:
		_, err := v.r.ReadAt(b, v.fatStart+4*int64(cluster))
		return binary.LittleEndian.Uint32(b) & 0x0fffffff, err
	case 16:
		_, err := v.r.ReadAt(b[:2], v.fatStart+2*int64(cluster))
		return uint32(binary.LittleEndian.Uint16(b)), err
	}
	_, err := v.r.ReadAt(b[:2], v.fatStart+int64(cluster)+int64(cluster)/2)
	n := uint32(binary.LittleEndian.Uint16(b))
	if cluster%2 == 1 {
		return n >> 4, err
	}
	return n & 0xfff, err
}

func (v *Volume) end(cluster uint32) bool {
	return cluster >= map[int]uint32{12: 0xff8, 16: 0xfff8, 32: 0x0ffffff8}[v.bits]
}
