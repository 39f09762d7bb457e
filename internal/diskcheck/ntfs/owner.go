package ntfs

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf16"

	"www.velocidex.com/golang/go-ntfs/parser"
)

const (
	recordMFT    = 0
	recordBitmap = 6

	attributeFileName = 0x30
	attributeEnd      = 0xffffffff
	recordInUse       = 1
	maxRecords        = 16 << 20
	maxDepth          = 64
)

// Place says what lies at an offset of the volume.
type Place struct {
	// Free: no file has the cluster.
	Free bool
	// Path of the file that has it, with backslashes; "" when none was found.
	Path string
}

// Places says what lies at each of the offsets, in bytes from the start of the
// volume. It reads the volume's bitmap and, when one of them is in use, its
// whole file table.
func (v *Volume) Places(offsets []int64) (places []Place, err error) {
	places = make([]Place, len(offsets))
	err = v.do(func() error {
		clusters := make([]int64, len(offsets))
		used := false
		bitmap, err := v.stream(recordBitmap)
		if err != nil {
			return err
		}
		for i, off := range offsets {
			clusters[i] = off / v.ntfs.ClusterSize
			b := []byte{0}
			if n, err := bitmap.ReadAt(b, clusters[i]/8); n != 1 {
				return fmt.Errorf("%w: its bitmap ends before cluster %d: %w", ErrCorrupt, clusters[i], errors.Join(err))
			}
			places[i].Free = b[0]&(1<<(clusters[i]%8)) == 0
			used = used || !places[i].Free
		}
		if !used {
			return nil
		}
		return v.name(clusters, places)
	})
	return places, err
}

// stream opens the data of one of NTFS's own files.
func (v *Volume) stream(record int64) (parser.RangeReaderAt, error) {
	file, err := v.ntfs.GetMFT(record)
	if err != nil {
		return nil, fmt.Errorf("%w: MFT record %d: %w", ErrCorrupt, record, err)
	}
	return parser.OpenStream(v.ntfs, file, parser.ATTR_TYPE_DATA, parser.WILDCARD_STREAM_ID, "")
}

// owner is what the file table says of one file, as far as a path needs it.
type owner struct {
	name   string
	parent int64
}

// name reads the file table from end to end and finds whose the clusters are.
func (v *Volume) name(clusters []int64, places []Place) error {
	mft, err := v.stream(recordMFT)
	if err != nil {
		return err
	}
	size := v.ntfs.GetRecordSize()
	count := parser.RangeSize(mft) / size
	if count > maxRecords {
		return fmt.Errorf("%w: a file table of %d records", ErrCorrupt, count)
	}
	owners := map[int64]owner{}
	has := make([]int64, len(clusters)) // record that has the cluster
	for i := range has {
		has[i] = -1
	}
	const batch = 1024
	buffer := make([]byte, batch*size)
	for at := int64(0); at < count; at += batch {
		b := buffer[:min(batch, count-at)*size]
		if n, err := mft.ReadAt(b, at*size); n < len(b) {
			return fmt.Errorf("%w: file table: %d of %d bytes: %w", ErrCorrupt, n, len(b), errors.Join(err, io.ErrUnexpectedEOF))
		}
		for i := int64(0); i*size < int64(len(b)); i++ {
			record(b[i*size:(i+1)*size]).read(at+i, clusters, has, owners)
		}
	}
	for i := range places {
		if has[i] >= 0 && !places[i].Free {
			places[i].Path = path(has[i], owners)
		}
	}
	return nil
}

// path puts a file's names together, up to the root.
func path(id int64, owners map[int64]owner) string {
	var parts []string
	for depth := 0; id != recordRoot && depth < maxDepth; depth++ {
		o, ok := owners[id]
		if !ok {
			break
		}
		parts = append(parts, o.name)
		id = o.parent
	}
	slices.Reverse(parts)
	return strings.Join(parts, `\`)
}

// record is one record of the file table.
type record []byte

// read notes the record's name, and the clusters that are its own. What does
// not look like a record is passed over: this only adds names to findings.
func (r record) read(id int64, clusters, has []int64, owners map[int64]owner) {
	le := binary.LittleEndian
	if len(r) < 48 || string(r[:4]) != "FILE" || le.Uint16(r[22:])&recordInUse == 0 || !r.fix() {
		return
	}
	base := int64(le.Uint64(r[32:]) & 0xffffffffffff)
	if base == 0 {
		base = id
	}
	for at := int(le.Uint16(r[20:])); at+24 <= len(r); {
		kind, length := le.Uint32(r[at:]), int(le.Uint32(r[at+4:]))
		if kind == attributeEnd || length < 24 || at+length > len(r) {
			return
		}
		a := r[at : at+length]
		switch {
		case a[8] != 0:
			for run := range runs(a) {
				for i, c := range clusters {
					if c >= run[0] && c < run[0]+run[1] {
						has[i] = base
					}
				}
			}
		case kind == attributeFileName:
			if name, parent, ok := fileName(a); ok {
				// A short name of MS-DOS (namespace 2) only where there is no other.
				if _, named := owners[base]; !named || a[int(le.Uint16(a[20:]))+65] != 2 {
					owners[base] = owner{name, parent}
				}
			}
		}
		at += length
	}
}

// fix puts back the last two bytes of each sector, which the record's update
// sequence holds.
func (r record) fix() bool {
	at, n := int(binary.LittleEndian.Uint16(r[4:])), int(binary.LittleEndian.Uint16(r[6:]))
	if n < 1 || at+2*n > len(r) || (n-1)*512 > len(r) {
		return false
	}
	for i := 1; i < n; i++ {
		if r[i*512-2] != r[at] || r[i*512-1] != r[at+1] {
			return false
		}
	}
	for i := 1; i < n; i++ {
		copy(r[i*512-2:i*512], r[at+2*i:at+2*i+2])
	}
	return true
}

func fileName(a []byte) (name string, parent int64, ok bool) {
	le := binary.LittleEndian
	at := int(le.Uint16(a[20:]))
	if at+66 > len(a) {
		return "", 0, false
	}
	b := a[at:]
	n := int(b[64])
	if 66+2*n > len(b) {
		return "", 0, false
	}
	units := make([]uint16, n)
	for i := range units {
		units[i] = le.Uint16(b[66+2*i:])
	}
	return string(utf16.Decode(units)), int64(le.Uint64(b) & 0xffffffffffff), true
}

// runs yields start and length, in clusters, of each run of a non-resident
// attribute that has clusters.
func runs(a []byte) func(yield func([2]int64) bool) {
	return func(yield func([2]int64) bool) {
		if len(a) < 64 {
			return
		}
		cluster := int64(0)
		for at := int(binary.LittleEndian.Uint16(a[32:])); at < len(a) && a[at] != 0; {
			lengths, offsets := int(a[at]&0xf), int(a[at]>>4)
			if lengths > 8 || offsets > 8 || at+1+lengths+offsets > len(a) {
				return
			}
			length := little(a[at+1:at+1+lengths]) & (1<<(8*min(lengths, 7)) - 1)
			if offsets > 0 {
				cluster += little(a[at+1+lengths : at+1+lengths+offsets])
				if !yield([2]int64{cluster, length}) {
					return
				}
			}
			at += 1 + lengths + offsets
		}
	}
}

// little is a signed number of up to eight bytes.
func little(b []byte) int64 {
	var n int64
	for i := len(b) - 1; i >= 0; i-- {
		n = n<<8 | int64(b[i])
	}
	if shift := 64 - 8*len(b); len(b) > 0 && shift > 0 {
		n = n << shift >> shift
	}
	return n
}
