// Package fat reads files of small FAT volumes: the boot images that UEFI
// firmware starts from a disc. FAT12, 16 and 32, short names only, since the
// firmware's own paths are short: \EFI\BOOT\BOOTX64.EFI. The format is
// Microsoft's "FAT: General Overview of On-Disk Format", 1.03.
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

// ErrNotFAT says that the image has no FAT volume.
var ErrNotFAT = errors.New("no FAT volume")

// maxDirectory bounds a directory, in bytes.
const maxDirectory = 1 << 20

// Volume is an opened FAT volume.
type Volume struct {
	r            io.ReaderAt
	size         int64
	bits         int
	sector       int64 // bytes
	cluster      int64 // bytes
	fat          int64 // offset in bytes
	fatLength    int64
	root         int64 // offset of the fixed root directory
	rootLength   int64
	rootCluster  uint32 // FAT32
	data         int64
	clusterCount uint32
}

// Entry is a file or a directory.
type Entry struct {
	// Name is the short name, e.g. BOOTX64.EFI.
	Name    string
	Dir     bool
	Size    int64
	cluster uint32
}

// Open reads the volume's BIOS parameter block.
func Open(r io.ReaderAt, size int64) (*Volume, error) {
	b := make([]byte, 512)
	if n, err := r.ReadAt(b, 0); n < len(b) {
		if size < int64(len(b)) {
			return nil, ErrNotFAT
		}
		return nil, err
	}
	sector, perCluster := int64(le.Uint16(b[11:])), int64(b[13])
	if b[510] != 0x55 || b[511] != 0xaa || perCluster == 0 || perCluster&(perCluster-1) != 0 ||
		sector < 512 || sector > 4096 || sector&(sector-1) != 0 || b[16] == 0 {
		return nil, ErrNotFAT
	}
	v := &Volume{r: r, size: size, sector: sector, cluster: sector * perCluster}
	total := int64(le.Uint16(b[19:]))
	if total == 0 {
		total = int64(le.Uint32(b[32:]))
	}
	perFAT := int64(le.Uint16(b[22:]))
	if perFAT == 0 {
		perFAT = int64(le.Uint32(b[36:]))
		v.rootCluster = le.Uint32(b[44:])
	}
	v.fat, v.fatLength = int64(le.Uint16(b[14:]))*sector, perFAT*sector
	v.root = v.fat + int64(b[16])*v.fatLength
	v.rootLength = (int64(le.Uint16(b[17:]))*32 + sector - 1) / sector * sector
	v.data = v.root + v.rootLength
	if total*sector > size || v.data >= total*sector {
		return nil, fmt.Errorf("FAT volume of %d sectors in an image of %d bytes", total, size)
	}
	count := (total*sector - v.data) / v.cluster
	switch {
	case count < 4085:
		v.bits = 12
	case count < 65525:
		v.bits = 16
	default:
		v.bits = 32
	}
	v.clusterCount = uint32(count)
	if (v.bits == 32) != (v.rootCluster != 0) {
		return nil, fmt.Errorf("FAT volume of %d clusters whose root is at cluster %d", count, v.rootCluster)
	}
	return v, nil
}

// next follows the chain of clusters; 0 at its end.
func (v *Volume) next(c uint32) (uint32, error) {
	var b [4]byte
	at, n := int64(c)*int64(v.bits)/8, 2
	if v.bits == 32 {
		n = 4
	}
	if at+int64(n) > v.fatLength {
		return 0, fmt.Errorf("cluster %d is beyond the FAT", c)
	}
	if m, err := v.r.ReadAt(b[:n], v.fat+at); m < n {
		return 0, err
	}
	value := le.Uint32(b[:])
	switch v.bits {
	case 12:
		if c&1 == 1 {
			value >>= 4
		}
		value &= 0xfff
	case 32:
		value &= 0x0fffffff
	}
	if value >= uint32(1)<<min(v.bits, 28)-8 {
		return 0, nil
	}
	return value, nil
}

// chain gives the clusters of a file; each once, so that a loop ends.
func (v *Volume) chain(c uint32, limit int64) ([]uint32, error) {
	var out []uint32
	for c != 0 && int64(len(out))*v.cluster < limit {
		if c < 2 || c-2 >= v.clusterCount {
			return nil, fmt.Errorf("cluster %d of %d", c, v.clusterCount)
		}
		out = append(out, c)
		n, err := v.next(c)
		if err != nil {
			return nil, err
		}
		c = n
	}
	return out, nil
}

// directory reads a directory's raw entries; nil is the root.
func (v *Volume) directory(e *Entry) ([]byte, error) {
	first := v.rootCluster
	if e != nil && e.cluster != 0 {
		first = e.cluster
	}
	if first == 0 {
		b := make([]byte, v.rootLength)
		if n, err := v.r.ReadAt(b, v.root); n < len(b) {
			return nil, err
		}
		return b, nil
	}
	clusters, err := v.chain(first, maxDirectory)
	if err != nil {
		return nil, err
	}
	b := make([]byte, int64(len(clusters))*v.cluster)
	n, err := (&file{v, clusters, int64(len(b))}).ReadAt(b, 0)
	if n < len(b) {
		return nil, err
	}
	return b, nil
}

// List gives the entries of the directory at path, whose elements are divided
// by slashes; "." is the root.
func (v *Volume) List(path string) ([]Entry, error) {
	var dir *Entry
	if path != "." {
		e, err := v.find(path)
		if err != nil {
			return nil, err
		}
		if !e.Dir {
			return nil, fmt.Errorf("%s: not a directory", path)
		}
		dir = &e
	}
	raw, err := v.directory(dir)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	var out []Entry
	for at := 0; at+32 <= len(raw); at += 32 {
		b := raw[at : at+32]
		attributes := b[11]
		switch {
		case b[0] == 0:
			return out, nil
		case b[0] == 0xe5, attributes&0x08 != 0, b[0] == '.':
			continue
		}
		name := strings.TrimRight(string(b[:8]), " ")
		if extension := strings.TrimRight(string(b[8:11]), " "); extension != "" {
			name += "." + extension
		}
		out = append(out, Entry{
			Name: name, Dir: attributes&0x10 != 0, Size: int64(le.Uint32(b[28:])),
			cluster: uint32(le.Uint16(b[26:])) | uint32(le.Uint16(b[20:]))<<16,
		})
	}
	return out, nil
}

func (v *Volume) find(path string) (Entry, error) {
	at, rest := ".", path
	for {
		element, more, deeper := strings.Cut(rest, "/")
		entries, err := v.List(at)
		if err != nil {
			return Entry{}, err
		}
		var found *Entry
		for i := range entries {
			if strings.EqualFold(entries[i].Name, element) {
				found = &entries[i]
				break
			}
		}
		switch {
		case found == nil:
			return Entry{}, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
		case !deeper:
			return *found, nil
		}
		at, rest = strings.TrimPrefix(at+"/"+element, "./"), more
	}
}

// Open gives the content of the file at path.
func (v *Volume) Open(path string) (*io.SectionReader, error) {
	e, err := v.find(path)
	if err != nil {
		return nil, err
	}
	if e.Dir {
		return nil, fmt.Errorf("%s: is a directory", path)
	}
	if e.Size > int64(v.clusterCount)*v.cluster {
		return nil, fmt.Errorf("%s: %d bytes in a volume of %d", path, e.Size, int64(v.clusterCount)*v.cluster)
	}
	clusters, err := v.chain(e.cluster, e.Size)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if have := int64(len(clusters)) * v.cluster; have < e.Size {
		return nil, fmt.Errorf("%s: %d bytes long, its clusters hold %d", path, e.Size, have)
	}
	return io.NewSectionReader(&file{v, clusters, e.Size}, 0, e.Size), nil
}

type file struct {
	v        *Volume
	clusters []uint32
	size     int64
}

// ReadAt implements io.ReaderAt.
func (f *file) ReadAt(b []byte, off int64) (int, error) {
	done := 0
	for done < len(b) {
		at := off + int64(done)
		if at >= f.size {
			return done, io.EOF
		}
		within := at % f.v.cluster
		n := min(f.v.cluster-within, int64(len(b)-done), f.size-at)
		where := f.v.data + int64(f.clusters[at/f.v.cluster]-2)*f.v.cluster + within
		if m, err := f.v.r.ReadAt(b[done:done+int(n)], where); int64(m) < n {
			return done + m, err
		}
		done += int(n)
	}
	return done, nil
}
