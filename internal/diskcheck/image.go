package diskcheck

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"

	qcow "github.com/lima-vm/go-qcow2reader/image"
	"github.com/lima-vm/go-qcow2reader/image/qcow2"
	"github.com/lima-vm/go-qcow2reader/image/raw"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/diskcheck/remnant"
)

// image is a disk as a machine sees it.
type image struct {
	io.ReaderAt
	size   int64
	format string // qcow2 or raw
	// marks are what the header says against the image: dirty, corrupt.
	marks []string
	// data is the image without the cache, for reading it from end to end.
	data  extents
	close func() error
}

const (
	maxDisk    = 64 << 40
	maxL1Bytes = 32 << 20 // QEMU's own limit (block/qcow2.h, QCOW_MAX_L1_SIZE)
)

// Bits of a qcow2 header's incompatible features
// (docs/interop/qcow2.txt in QEMU).
const (
	qcowDirty        = 1 << 0
	qcowCorrupt      = 1 << 1
	qcowExternalData = 1 << 2
)

// errDependent is for an image whose data lie in other files too. The reader
// would open whatever path the header names.
var errDependent = errors.New("the image is not whole: it names another file")

// openImage opens a disk image for reading. The header is looked at first: the
// qcow2 module opens any backing file it names, and makes tables of any size.
func openImage(r io.ReaderAt, size int64) (*image, error) {
	header := make([]byte, 112)
	n, err := r.ReadAt(header, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	header = header[:n]
	if len(header) < 72 || string(header[:4]) != "QFI\xfb" {
		if size%512 != 0 || size < 1<<20 {
			return nil, fmt.Errorf("neither a qcow2 image nor a raw disk: %d bytes", size)
		}
		img, err := raw.Open(r)
		if err != nil {
			return nil, err
		}
		return newImage(img, size, "raw", nil, img.Close), nil
	}
	marks, virtual, err := checkQcow2(header)
	if err != nil {
		return nil, err
	}
	img, err := qcow2.Open(r, nil)
	if err != nil {
		return nil, fmt.Errorf("qcow2: %w", err)
	}
	if err := img.Readable(); err != nil {
		return nil, fmt.Errorf("qcow2: %w", err)
	}
	return newImage(img, virtual, "qcow2", marks, img.Close), nil
}

func checkQcow2(h []byte) (marks []string, virtual int64, err error) {
	be := binary.BigEndian
	version, clusterBits := be.Uint32(h[4:]), be.Uint32(h[20:])
	size, l1 := be.Uint64(h[24:]), be.Uint32(h[36:])
	switch {
	case version != 2 && version != 3:
		return nil, 0, fmt.Errorf("qcow2 of version %d, this reader knows 2 and 3", version)
	case be.Uint64(h[8:]) != 0:
		return nil, 0, fmt.Errorf("%w as its backing file; flatten it with qemu-img convert", errDependent)
	case clusterBits < 9 || clusterBits > 21:
		return nil, 0, fmt.Errorf("qcow2 clusters of 2^%d bytes; QEMU knows 2^9 to 2^21", clusterBits)
	case be.Uint32(h[32:]) != 0:
		return nil, 0, errors.New("the qcow2 image is encrypted")
	case size == 0 || size > maxDisk:
		return nil, 0, fmt.Errorf("the qcow2 image claims a disk of %d bytes", size)
	case uint64(l1)*8 > maxL1Bytes:
		return nil, 0, fmt.Errorf("the qcow2 image claims an L1 table of %d entries", l1)
	case l1 == 0:
		return nil, 0, errors.New("the qcow2 image has no L1 table")
	}
	if version == 3 {
		if len(h) < 104 {
			return nil, 0, io.ErrUnexpectedEOF
		}
		features := be.Uint64(h[72:])
		if features&qcowExternalData != 0 {
			return nil, 0, fmt.Errorf("%w for its data", errDependent)
		}
		if features&qcowDirty != 0 {
			marks = append(marks, "dirty (its reference counts are not up to date)")
		}
		if features&qcowCorrupt != 0 {
			marks = append(marks, "corrupt")
		}
	}
	return marks, int64(size), nil
}

// extents is a disk that knows which of its bytes are there.
type extents interface {
	io.ReaderAt
	Extent(start, length int64) (qcow.Extent, error)
}

// allocated lists what is stored of the disk, in order, and its sum.
func (i *image) allocated(ctx context.Context) (list []remnant.Extent, total int64, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("the tables of the disk image cannot be read: %v", r)
		}
	}()
	for at := int64(0); at < i.size; {
		if err := ctx.Err(); err != nil {
			return nil, 0, err
		}
		e, err := i.data.Extent(at, i.size-at)
		if err != nil {
			return nil, 0, err
		}
		if e.Start != at || e.Length <= 0 {
			return nil, 0, fmt.Errorf("the tables of the disk image name %d bytes at %d, expected %d", e.Length, e.Start, at)
		}
		length := min(e.Length, i.size-at)
		at += length
		if !e.Allocated || e.Zero {
			continue
		}
		total += length
		if n := len(list); n > 0 && list[n-1].Start+list[n-1].Length == e.Start {
			list[n-1].Length += length
			continue
		}
		list = append(list, remnant.Extent{Start: e.Start, Length: length})
	}
	return list, total, nil
}

func newImage(r extents, size int64, format string, marks []string, closer func() error) *image {
	return &image{ReaderAt: &blocks{r: r, size: size, cached: map[int64][]byte{}}, data: r, size: size, format: format, marks: marks, close: closer}
}

const (
	blockSize  = 64 << 10
	blockCount = 512 // 32 MiB
)

// blocks reads in blocks of 64 KiB and keeps the newest: the readers above ask
// for a few bytes at a time, and each time a compressed cluster would be
// decompressed anew. It also keeps requests within the disk, and turns a panic
// of the reader below into an error.
type blocks struct {
	mu     sync.Mutex
	r      io.ReaderAt
	size   int64
	cached map[int64][]byte
	order  []int64
}

func (b *blocks) ReadAt(p []byte, off int64) (n int, err error) {
	if off < 0 {
		return 0, fmt.Errorf("read at %d", off)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for n < len(p) {
		at := off + int64(n)
		if at >= b.size {
			return n, io.EOF
		}
		block, err := b.block(at / blockSize)
		if err != nil {
			return n, err
		}
		n += copy(p[n:], block[at%blockSize:])
	}
	return n, nil
}

func (b *blocks) block(i int64) (block []byte, err error) {
	if block, ok := b.cached[i]; ok {
		return block, nil
	}
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("the disk image cannot be read at %d: %v", i*blockSize, r)
		}
	}()
	block = make([]byte, min(blockSize, b.size-i*blockSize))
	for n := 0; n < len(block); {
		m, err := b.r.ReadAt(block[n:], i*blockSize+int64(n))
		if n += max(m, 0); n >= len(block) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("read the disk at %d: %w", i*blockSize+int64(n), err)
		}
		if m <= 0 {
			return nil, io.ErrUnexpectedEOF
		}
	}
	if len(b.order) >= blockCount {
		delete(b.cached, b.order[0])
		b.order = b.order[1:]
	}
	b.cached[i] = block
	b.order = append(b.order, i)
	return block, nil
}
