// Package fat reads files of a FAT12, FAT16 or FAT32 volume: the EFI system
// partition of a disk, the boot images that UEFI firmware starts from a disc.
// It reads only what it is asked for, and bounds what a volume may claim:
// go-diskfs's reader loads the tables whole, of whatever size.
//
// The format is Microsoft's "FAT: General Overview of On-Disk Format" 1.03.
package fat

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
)

var le = binary.LittleEndian

// ErrNotFAT says that there is no FAT volume.
var ErrNotFAT = errors.New("no FAT volume")

// ErrCorrupt is wrapped by the errors for structures that cannot be true.
var ErrCorrupt = errors.New("corrupt FAT volume")

// Volume is a FAT volume.
type Volume struct {
	r           io.ReaderAt
	bits        int   // 12, 16 or 32
	cluster     int64 // bytes of a cluster
	clusters    uint32
	fat         int64 // offset of the first table
	fatLength   int64
	data        int64  // offset of cluster 2
	root        int64  // offset of the root directory: FAT12, FAT16
	rootLength  int64  // its length
	rootCluster uint32 // FAT32
}

// Open reads the boot sector of a volume in size bytes.
func Open(r io.ReaderAt, size int64) (*Volume, error) {
	b := make([]byte, 512)
	if size < int64(len(b)) {
		return nil, ErrNotFAT
	}
	if n, err := r.ReadAt(b, 0); n < len(b) {
		return nil, err
	}
	sector, perCluster, tables := int64(le.Uint16(b[11:])), int64(b[13]), int64(b[16])
	if b[510] != 0x55 || b[511] != 0xaa || perCluster == 0 || perCluster&(perCluster-1) != 0 ||
		sector < 512 || sector > 4096 || sector&(sector-1) != 0 || tables == 0 || tables > 2 {
		return nil, ErrNotFAT
	}
	total, perTable := int64(le.Uint16(b[19:])), int64(le.Uint16(b[22:]))
	if total == 0 {
		total = int64(le.Uint32(b[32:]))
	}
	if perTable == 0 {
		perTable = int64(le.Uint32(b[36:]))
	}
	v := &Volume{r: r, cluster: sector * perCluster}
	v.fat, v.fatLength = int64(le.Uint16(b[14:]))*sector, perTable*sector
	v.root = v.fat + tables*v.fatLength
	v.rootLength = int64(le.Uint16(b[17:])) * entrySize
	v.data = v.root + (v.rootLength+sector-1)/sector*sector
	if v.fat == 0 || v.fatLength == 0 || total*sector > size || v.data >= total*sector {
		return nil, fmt.Errorf("%w: %d sectors of %d bytes, data from byte %d, in %d bytes", ErrCorrupt, total, sector, v.data, size)
	}
	v.clusters = uint32((total*sector - v.data) / v.cluster)
	// The number of clusters decides which FAT it is, and nothing else.
	switch {
	case v.clusters < 4085:
		v.bits = 12
	case v.clusters < 65525:
		v.bits = 16
	default:
		v.bits, v.rootCluster = 32, le.Uint32(b[44:])
	}
	if (v.bits == 32) != (v.rootLength == 0) {
		return nil, fmt.Errorf("%w: FAT%d with a root directory of %d bytes", ErrCorrupt, v.bits, v.rootLength)
	}
	return v, nil
}

// Bits is 12, 16 or 32.
func (v *Volume) Bits() int { return v.bits }

// List gives the entries of a directory. Elements of a path are divided by
// slashes or backslashes, and their case does not matter; "." and "" are the
// root. The error wraps fs.ErrNotExist when there is no such directory.
func (v *Volume) List(path string) ([]Entry, error) {
	e, err := v.find(path)
	if err == nil && !e.Dir {
		err = errors.New("is not a directory")
	}
	var list []Entry
	if err == nil {
		list, err = v.list(e)
	}
	if err != nil {
		return nil, &fs.PathError{Op: "readdir", Path: path, Err: err}
	}
	return list, nil
}

// Open gives the content of a file. The error wraps fs.ErrNotExist when there
// is none.
func (v *Volume) Open(path string) (*io.SectionReader, error) {
	e, err := v.find(path)
	if err == nil && e.Dir {
		err = errors.New("is a directory")
	}
	if err == nil && e.Size > int64(v.clusters)*v.cluster {
		err = fmt.Errorf("%w: a file of %d bytes", ErrCorrupt, e.Size)
	}
	var chain []uint32
	if err == nil {
		chain, err = v.chain(e.cluster, e.Size)
	}
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	return io.NewSectionReader(&file{v, chain, e.Size}, 0, e.Size), nil
}

// ReadFile reads a file of at most limit bytes.
func (v *Volume) ReadFile(path string, limit int64) ([]byte, error) {
	f, err := v.Open(path)
	if err != nil {
		return nil, err
	}
	if f.Size() > limit {
		return nil, &fs.PathError{Op: "read", Path: path, Err: fmt.Errorf("%d bytes, more than %d", f.Size(), limit)}
	}
	b, err := io.ReadAll(f)
	if err != nil {
		return nil, &fs.PathError{Op: "read", Path: path, Err: err}
	}
	return b, nil
}

func (v *Volume) find(path string) (Entry, error) {
	e := Entry{Dir: true, root: true}
	for _, name := range strings.FieldsFunc(path, func(r rune) bool { return r == '\\' || r == '/' }) {
		if name == "." {
			continue
		}
		if !e.Dir {
			return Entry{}, fs.ErrNotExist
		}
		list, err := v.list(e)
		if err != nil {
			return Entry{}, err
		}
		found := false
		for _, sub := range list {
			if strings.EqualFold(sub.Name, name) || strings.EqualFold(sub.Short, name) {
				e, found = sub, true
				break
			}
		}
		if !found {
			return Entry{}, fs.ErrNotExist
		}
	}
	return e, nil
}
