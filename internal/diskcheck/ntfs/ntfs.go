// Package ntfs reads files and directories of an NTFS volume through
// velocidex's go-ntfs, and closes that module's gaps for a reader that must
// never take "could not read" for "is not there":
//
//   - the module drops index records that it cannot decode, and lists freed
//     ones; here the directory's own bitmap says which count, and one of them
//     that cannot be decoded is an error;
//   - a directory entry is taken only when the MFT record that it points to is
//     in use and has the sequence number that the entry names;
//   - read errors below are kept and returned, though the module passes over
//     many;
//   - a file shorter than its size (the module stops at 20 pieces of a run
//     list) is an error;
//   - panics become errors, and the bytes read in one call are bounded, which
//     ends every loop that a hostile volume could tie.
package ntfs

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"www.velocidex.com/golang/go-ntfs/parser"
)

// ErrCorrupt is wrapped by the errors for structures that cannot be true.
var ErrCorrupt = errors.New("corrupt NTFS volume")

// Volume is an NTFS volume. It is not safe for concurrent use.
type Volume struct {
	ntfs *parser.NTFSContext
	r    *guarded
}

const (
	attributeVolumeName        = 0x60
	attributeVolumeInformation = 0x70
	attributeBitmap            = 0xb0

	recordVolume = 3
	recordRoot   = 5
	firstFree    = 16 // the records below are NTFS's own

	indexName   = "$I30"
	dirtyFlag   = 0x0001
	maxIndex    = 256 << 20
	readsPerOp  = 4 << 30 // bytes
	maxIndexRec = 64 << 10
)

// Open reads the boot sector and the MFT of a volume. The context ends every
// later read too.
func Open(ctx context.Context, r io.ReaderAt) (*Volume, error) {
	v := &Volume{r: &guarded{ctx: ctx, r: r}}
	err := v.do(func() error {
		n, err := parser.GetNTFSContext(v.r, 0)
		v.ntfs = n
		return err
	})
	if err != nil {
		return nil, err
	}
	return v, nil
}

// Dirty is the flag that makes Windows check the volume at its next start.
func (v *Volume) Dirty() (dirty bool, err error) {
	err = v.do(func() error {
		b, err := v.resident(recordVolume, attributeVolumeInformation)
		if err != nil {
			return err
		}
		if len(b) < 12 {
			return fmt.Errorf("%w: $VOLUME_INFORMATION of %d bytes", ErrCorrupt, len(b))
		}
		dirty = binary.LittleEndian.Uint16(b[10:])&dirtyFlag != 0
		return nil
	})
	return dirty, err
}

// Entry is a file or directory.
type Entry struct {
	Name      string
	Directory bool
	record    int64
}

// ReadDir lists a directory, by a path with backslashes below the volume's
// root, without regard to case. The error wraps fs.ErrNotExist when there is
// none.
func (v *Volume) ReadDir(path string) (list []Entry, err error) {
	err = v.do(func() error {
		e, err := v.find(path)
		if err != nil {
			return err
		}
		if !e.Directory {
			return errors.New("is not a directory")
		}
		list, err = v.list(e.record)
		return err
	})
	if err != nil {
		return nil, &fs.PathError{Op: "readdir", Path: path, Err: err}
	}
	return list, nil
}

// Stat finds a file or directory.
func (v *Volume) Stat(path string) (e Entry, err error) {
	err = v.do(func() error {
		e, err = v.find(path)
		return err
	})
	if err != nil {
		return Entry{}, &fs.PathError{Op: "stat", Path: path, Err: err}
	}
	return e, nil
}

// ReadFile reads a file of at most limit bytes.
func (v *Volume) ReadFile(path string, limit int64) (b []byte, err error) {
	err = v.do(func() error {
		e, err := v.find(path)
		if err != nil {
			return err
		}
		if e.Directory {
			return errors.New("is a directory")
		}
		b, err = v.data(e.record, limit)
		return err
	})
	if err != nil {
		return nil, &fs.PathError{Op: "read", Path: path, Err: err}
	}
	return b, nil
}

// do runs what calls the module.
func (v *Volume) do(f func() error) (err error) {
	v.r.left, v.r.err = readsPerOp, nil
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%w: %v", ErrCorrupt, r)
		}
		if v.r.err != nil {
			err = v.r.err
		}
	}()
	return f()
}

func (v *Volume) find(path string) (Entry, error) {
	e := Entry{Directory: true, record: recordRoot}
	for _, name := range strings.FieldsFunc(path, func(r rune) bool { return r == '\\' || r == '/' }) {
		if !e.Directory {
			return Entry{}, fs.ErrNotExist
		}
		list, err := v.list(e.record)
		if err != nil {
			return Entry{}, err
		}
		found := false
		for _, sub := range list {
			if strings.EqualFold(sub.Name, name) {
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

// list reads a directory's index: the root node, and the nodes of the
// allocation that its bitmap marks as used.
func (v *Volume) list(record int64) ([]Entry, error) {
	dir, err := v.ntfs.GetMFT(record)
	if err != nil {
		return nil, fmt.Errorf("%w: MFT record %d: %w", ErrCorrupt, record, err)
	}
	var root *parser.INDEX_ROOT
	allocation := false
	for _, a := range dir.EnumerateAttributes(v.ntfs) {
		if a.Name() != indexName {
			continue
		}
		switch a.Type().Value {
		case parser.ATTR_TYPE_INDEX_ROOT:
			root = v.ntfs.Profile.INDEX_ROOT(a.Data(v.ntfs), 0)
		case parser.ATTR_TYPE_INDEX_ALLOCATION:
			allocation = true
		}
	}
	if root == nil {
		return nil, fmt.Errorf("%w: MFT record %d has no index", ErrCorrupt, record)
	}
	records := root.Node().GetRecords(v.ntfs)
	if allocation {
		more, err := v.nodes(dir, int64(v.indexRecordSize()))
		if err != nil {
			return nil, fmt.Errorf("directory of MFT record %d: %w", record, err)
		}
		records = append(records, more...)
	}
	return v.entries(records)
}

// indexRecordSize is in the boot sector: clusters, or a power of two when
// negative.
func (v *Volume) indexRecordSize() int {
	n := int8(v.ntfs.Boot.Index_record_size())
	size := int(v.ntfs.ClusterSize) * int(n)
	if n < 0 {
		size = 1 << uint(-n)
	}
	if size < 512 || size > maxIndexRec {
		panic(fmt.Sprintf("index records of %d bytes", size))
	}
	return size
}

func (v *Volume) nodes(dir *parser.MFT_ENTRY, size int64) ([]*parser.INDEX_RECORD_ENTRY, error) {
	stream, err := parser.OpenStream(v.ntfs, dir, parser.ATTR_TYPE_INDEX_ALLOCATION, parser.WILDCARD_STREAM_ID, indexName)
	if err != nil {
		return nil, fmt.Errorf("%w: index allocation: %w", ErrCorrupt, err)
	}
	bits, err := parser.OpenStream(v.ntfs, dir, attributeBitmap, parser.WILDCARD_STREAM_ID, indexName)
	if err != nil {
		return nil, fmt.Errorf("%w: index bitmap: %w", ErrCorrupt, err)
	}
	length := parser.RangeSize(stream)
	if length > maxIndex {
		return nil, fmt.Errorf("%w: an index of %d bytes", ErrCorrupt, length)
	}
	bitmap := make([]byte, length/size/8+1)
	if n, err := bits.ReadAt(bitmap, 0); err != nil && !errors.Is(err, io.EOF) || n == 0 {
		return nil, fmt.Errorf("%w: index bitmap: %d bytes, %w", ErrCorrupt, n, err)
	}
	var records []*parser.INDEX_RECORD_ENTRY
	for i := int64(0); i < length/size; i++ {
		if bitmap[i/8]&(1<<(i%8)) == 0 {
			continue
		}
		magic := make([]byte, 4)
		if _, err := stream.ReadAt(magic, i*size); err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		if string(magic) != "INDX" {
			return nil, fmt.Errorf("%w: index record %d begins with %q", ErrCorrupt, i, magic)
		}
		h, err := parser.DecodeSTANDARD_INDEX_HEADER(v.ntfs, stream, i*size, size)
		if err != nil {
			return nil, fmt.Errorf("%w: index record %d: %w", ErrCorrupt, i, err)
		}
		records = append(records, h.Node().GetRecords(v.ntfs)...)
	}
	return records, nil
}

func (v *Volume) entries(records []*parser.INDEX_RECORD_ENTRY) ([]Entry, error) {
	var list []Entry
	for _, r := range records {
		id := int64(r.MftReference())
		if r.SizeOfIndexEntry() == 0 || r.Flags()&2 != 0 { // the last entry of a node
			continue
		}
		name := r.File().Name()
		if id < firstFree && id != recordRoot && strings.HasPrefix(name, "$") {
			continue // NTFS's own files
		}
		if id == recordRoot && name == "." {
			continue
		}
		file, err := v.ntfs.GetMFT(id)
		if err != nil {
			return nil, fmt.Errorf("%w: %q points to MFT record %d: %w", ErrCorrupt, name, id, err)
		}
		if !file.Flags().IsSet("ALLOCATED") || file.Sequence_value() != r.Seq_num() {
			return nil, fmt.Errorf("%w: %q points to MFT record %d, which is not its own", ErrCorrupt, name, id)
		}
		list = append(list, Entry{Name: name, Directory: file.Flags().IsSet("DIRECTORY"), record: id})
	}
	return list, nil
}

func (v *Volume) data(record, limit int64) ([]byte, error) {
	file, err := v.ntfs.GetMFT(record)
	if err != nil {
		return nil, fmt.Errorf("%w: MFT record %d: %w", ErrCorrupt, record, err)
	}
	size := int64(-1)
	for _, a := range file.EnumerateAttributes(v.ntfs) {
		if a.Type().Value == parser.ATTR_TYPE_DATA && a.Name() == "" && (a.IsResident() || a.Runlist_vcn_start() == 0) {
			size = a.DataSize()
			break
		}
	}
	switch {
	case size < 0:
		return nil, fmt.Errorf("%w: MFT record %d has no data", ErrCorrupt, record)
	case size == 0:
		return []byte{}, nil
	case size > limit:
		return nil, fmt.Errorf("%d bytes, more than %d", size, limit)
	}
	stream, err := parser.OpenStream(v.ntfs, file, parser.ATTR_TYPE_DATA, parser.WILDCARD_STREAM_ID, "")
	if err != nil {
		return nil, err
	}
	b := make([]byte, size)
	for n := 0; n < len(b); {
		m, err := stream.ReadAt(b[n:], int64(n))
		n += max(m, 0)
		if n >= len(b) {
			break
		}
		if m <= 0 || err != nil {
			return nil, errors.Join(fmt.Errorf("%w: %d of %d bytes can be read", ErrCorrupt, n, len(b)), err)
		}
	}
	return b, nil
}

func (v *Volume) resident(record int64, kind uint64) ([]byte, error) {
	file, err := v.ntfs.GetMFT(record)
	if err != nil {
		return nil, fmt.Errorf("%w: MFT record %d: %w", ErrCorrupt, record, err)
	}
	for _, a := range file.EnumerateAttributes(v.ntfs) {
		if a.Type().Value != kind || !a.IsResident() {
			continue
		}
		b := make([]byte, min(a.DataSize(), 1024))
		n, err := a.Data(v.ntfs).ReadAt(b, 0)
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		return b[:n], nil
	}
	return nil, fmt.Errorf("%w: MFT record %d has no attribute %#x", ErrCorrupt, record, kind)
}

// guarded keeps the first error below, and stops a call that reads for ever.
type guarded struct {
	ctx  context.Context
	r    io.ReaderAt
	left int64
	err  error
}

func (g *guarded) ReadAt(p []byte, off int64) (int, error) {
	if err := g.ctx.Err(); err != nil {
		g.err = err
		panic(err)
	}
	if g.left -= int64(len(p)) + 1; g.left < 0 {
		panic("its structures have no end")
	}
	if off < 0 {
		return 0, io.EOF
	}
	n, err := g.r.ReadAt(p, off)
	if err != nil && !errors.Is(err, io.EOF) && g.err == nil {
		g.err = err
	}
	return n, err
}
