// Package qcow2 writes qcow2 overlays over a raw file: a disc that differs from
// another in a few places costs as many bytes. The format is QEMU's
// docs/interop/qcow2.txt, version 3. The same input gives the same bytes.
package qcow2

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
)

const (
	clusterBits = 16
	// ClusterSize is the granularity of an overlay in bytes.
	ClusterSize = 1 << clusterBits
	l2Entries   = ClusterSize / 8
	refEntries  = ClusterSize / 2
	headerSize  = 104
	// copied marks clusters of a reference count of one.
	copied = 1 << 63
	// maxBacking is the format's limit to the backing file's name.
	maxBacking = 1023
)

// Range is a run of bytes of the virtual disk.
type Range struct{ Offset, Length int64 }

// Overlay describes an overlay.
type Overlay struct {
	// Size is the virtual disk's, in bytes; it is rounded up to 512.
	Size int64
	// Backing is the raw file beneath, as QEMU's host names it.
	Backing string
	// Changed are the ranges that differ from the backing file.
	Changed []Range
	// Content is the virtual disk as it shall read; what is past its end is zero.
	Content io.ReaderAt
	// Readers is how many places of Content are read at a time; 0 is 1. With one,
	// it is read in ascending order.
	Readers int
}

// Write writes the overlay to w.
func Write(w io.WriterAt, o Overlay) error {
	if o.Backing == "" || len(o.Backing) > maxBacking {
		return fmt.Errorf("backing file name of %d bytes; 1 to %d are allowed", len(o.Backing), maxBacking)
	}
	l, err := layOut(o)
	if err != nil {
		return err
	}
	if err := l.writeData(w, o); err != nil {
		return err
	}
	if err := l.writeTables(w); err != nil {
		return err
	}
	// the header last: a file cut short by a failure is no qcow2
	_, err = w.WriteAt(l.header(o), 0)
	return err
}

// layout places everything, in clusters of the file: header, refcount table and
// blocks, L1 table, L2 tables, data.
type layout struct {
	size      int64
	clusters  []int64 // changed clusters of the virtual disk, ascending
	l2        []int64 // L1 indices that have an L2 table, ascending
	l1Entries int64

	refTable, refTableLen   int64
	refBlocks, refBlocksLen int64
	l1, l1Len               int64
	l2At                    int64
	data                    int64
	total                   int64
}

func layOut(o Overlay) (*layout, error) {
	l := &layout{size: (o.Size + 511) &^ 511}
	for _, r := range o.Changed {
		if r.Offset < 0 || r.Length < 0 || r.Offset+r.Length > l.size {
			return nil, fmt.Errorf("%d bytes at %d in a disk of %d", r.Length, r.Offset, l.size)
		}
		for c := r.Offset / ClusterSize; r.Length > 0 && c <= (r.Offset+r.Length-1)/ClusterSize; c++ {
			l.clusters = append(l.clusters, c)
		}
	}
	slices.Sort(l.clusters)
	l.clusters = slices.Compact(l.clusters)
	for _, c := range l.clusters {
		if i := c / l2Entries; len(l.l2) == 0 || l.l2[len(l.l2)-1] != i {
			l.l2 = append(l.l2, i)
		}
	}
	l.l1Entries = max(1, ceil(ceil(l.size, ClusterSize), l2Entries))
	l.l1Len = ceil(l.l1Entries*8, ClusterSize)
	rest := 1 + l.l1Len + int64(len(l.l2)) + int64(len(l.clusters))
	for l.refBlocksLen, l.refTableLen = 1, 1; ; {
		blocks := ceil(rest+l.refBlocksLen+l.refTableLen, refEntries)
		table := ceil(blocks*8, ClusterSize)
		if blocks == l.refBlocksLen && table == l.refTableLen {
			break
		}
		l.refBlocksLen, l.refTableLen = blocks, table
	}
	l.refTable = 1
	l.refBlocks = l.refTable + l.refTableLen
	l.l1 = l.refBlocks + l.refBlocksLen
	l.l2At = l.l1 + l.l1Len
	l.data = l.l2At + int64(len(l.l2))
	l.total = l.data + int64(len(l.clusters))
	return l, nil
}

func ceil(n, unit int64) int64 { return (n + unit - 1) / unit }

func (l *layout) header(o Overlay) []byte {
	be := binary.BigEndian
	b := make([]byte, ClusterSize)
	be.PutUint32(b, 0x514649fb) // "QFI\xfb"
	be.PutUint32(b[4:], 3)
	be.PutUint32(b[20:], clusterBits)
	be.PutUint64(b[24:], uint64(l.size))
	be.PutUint32(b[36:], uint32(l.l1Entries))
	be.PutUint64(b[40:], uint64(l.l1)*ClusterSize)
	be.PutUint64(b[48:], uint64(l.refTable)*ClusterSize)
	be.PutUint32(b[56:], uint32(l.refTableLen))
	be.PutUint32(b[96:], 4) // reference counts of 1<<4 bits
	be.PutUint32(b[100:], headerSize)
	// The format of the backing file must be said: QEMU refuses to guess, since
	// a guest could write a header of its own into a raw disk.
	at := headerSize
	be.PutUint32(b[at:], 0xe2792aca)
	be.PutUint32(b[at+4:], uint32(len("raw")))
	copy(b[at+8:], "raw")
	at += 16 // padded to 8; then the end-of-extensions header, all zero
	at += 8
	be.PutUint64(b[8:], uint64(at))
	be.PutUint32(b[16:], uint32(len(o.Backing)))
	copy(b[at:], o.Backing)
	return b
}

func (l *layout) writeTables(w io.WriterAt) error {
	be := binary.BigEndian
	refTable := make([]byte, l.refTableLen*ClusterSize)
	for i := range l.refBlocksLen {
		be.PutUint64(refTable[i*8:], uint64(l.refBlocks+i)*ClusterSize)
	}
	refs := make([]byte, l.refBlocksLen*ClusterSize)
	for i := range l.total {
		be.PutUint16(refs[i*2:], 1)
	}
	l1 := make([]byte, l.l1Len*ClusterSize)
	l2 := make([]byte, int64(len(l.l2))*ClusterSize)
	for i, index := range l.l2 {
		be.PutUint64(l1[index*8:], uint64(l.l2At+int64(i))*ClusterSize|copied)
	}
	table := 0
	for i, c := range l.clusters {
		if l.l2[table] != c/l2Entries {
			table++
		}
		be.PutUint64(l2[int64(table)*ClusterSize+c%l2Entries*8:], uint64(l.data+int64(i))*ClusterSize|copied)
	}
	for _, part := range []struct {
		at    int64
		bytes []byte
	}{{l.refTable, refTable}, {l.refBlocks, refs}, {l.l1, l1}, {l.l2At, l2}} {
		if _, err := w.WriteAt(part.bytes, part.at*ClusterSize); err != nil {
			return err
		}
	}
	return nil
}

// run is a run of neighbouring changed clusters: first in layout.clusters.
type run struct {
	first, count int
	buffer       []byte
	err          error
}

// maxRun is how many clusters are copied in one go.
const maxRun = 16

// runs divides the changed clusters into runs.
func (l *layout) runs() []run {
	var out []run
	for i, c := range l.clusters {
		if n := len(out) - 1; n >= 0 && out[n].count < maxRun && l.clusters[i-1] == c-1 {
			out[n].count++
			continue
		}
		out = append(out, run{first: i, count: 1})
	}
	return out
}

// writeData copies the changed clusters. Reading goes on while a run is
// written: the content comes from many files, and each begins with a wait for
// the disk.
func (l *layout) writeData(w io.WriterAt, o Overlay) error {
	readers := max(1, o.Readers)
	todo, done, free := make(chan run), make(chan run, readers), make(chan []byte, 2*readers)
	for range cap(free) {
		free <- make([]byte, maxRun*ClusterSize)
	}
	stop := make(chan struct{})
	go func() {
		defer close(todo)
		for _, r := range l.runs() {
			select {
			case todo <- r:
			case <-stop:
				return
			}
		}
	}()
	var wait sync.WaitGroup
	for range readers {
		wait.Go(func() {
			for r := range todo {
				r.buffer = (<-free)[:r.count*ClusterSize]
				n, err := o.Content.ReadAt(r.buffer, l.clusters[r.first]*ClusterSize)
				if !errors.Is(err, io.EOF) {
					r.err = err
				}
				clear(r.buffer[n:])
				done <- r
			}
		})
	}
	go func() {
		wait.Wait()
		close(done)
	}()
	var failed error
	for r := range done {
		if failed == nil {
			if failed = r.err; failed == nil {
				_, failed = w.WriteAt(r.buffer, (l.data+int64(r.first))*ClusterSize)
			}
			if failed != nil {
				close(stop)
			}
		}
		free <- r.buffer[:maxRun*ClusterSize]
	}
	return failed
}
