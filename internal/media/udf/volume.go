package udf

import (
	"errors"
	"fmt"
	"io"
	"sync"
	"time"
)

// Volume is an opened UDF volume. It is safe for concurrent use.
type Volume struct {
	r    io.ReaderAt
	size int64

	label    string
	recorded time.Time
	sequence sequence
	rootICB  uint32 // block

	mu   sync.Mutex
	dirs map[uint32]*directory // by block of the ICB
	// claims are where the directories in claimed have their names, ascending;
	// names is how many bytes they are.
	claims  []claim
	claimed map[uint32]bool
	names   int64
	// owners keeps, of every directory seen, its one place in the tree: a
	// directory that turns up at a second place is a loop, or a hostile disc that
	// would make a walk endless.
	owners map[uint32]owner
}

type owner struct {
	parent uint32
	entry  int
}

// Partition is where the volume's files lie.
type Partition struct {
	// Start and Length are in sectors.
	Start, Length uint32
}

// Open reads the volume structures of the disc in r, size bytes long. The error
// is ErrNotUDF when there are none, a *TruncatedError when the disc is too short
// for them, else a *FormatError or the reader's.
func Open(r io.ReaderAt, size int64) (*Volume, error) {
	v := &Volume{r: r, size: size, dirs: map[uint32]*directory{}, owners: map[uint32]owner{}, claimed: map[uint32]bool{}}
	if err := v.recognize(); err != nil {
		return nil, err
	}
	anchor, err := v.findAnchor()
	if err != nil {
		return nil, err
	}
	v.sequence, err = v.readSequence(anchor.main)
	var format *FormatError
	if errors.As(err, &format) && anchor.reserve != anchor.main {
		// the reserve sequence is there for exactly this
		if s, reserveErr := v.readSequence(anchor.reserve); reserveErr == nil {
			v.sequence, err = s, nil
		}
	}
	if err != nil {
		return nil, err
	}
	v.label, v.recorded = v.sequence.label, v.sequence.recorded
	p := v.sequence.partition
	if end := (int64(p.Start) + int64(p.Length)) * SectorSize; end > size {
		return nil, &TruncatedError{Size: size, Want: end}
	}
	if err := v.checkEnd(); err != nil {
		return nil, err
	}
	return v, v.readFileSet()
}

// Label is the logical volume's identifier: what Windows shows.
func (v *Volume) Label() string { return v.label }

// Recorded is when the volume was made.
func (v *Volume) Recorded() time.Time { return v.recorded }

// Size is the length of the disc in bytes.
func (v *Volume) Size() int64 { return v.size }

// Partition is where the volume's files lie.
func (v *Volume) Partition() Partition { return v.sequence.partition }

// recognize looks for the volume recognition sequence, 2/8.3: BEA01, NSR02 (or
// NSR03) and TEA01 among the descriptors from sector 16 on.
func (v *Volume) recognize() error {
	for sector := uint32(16); sector < 16+64; sector++ {
		b, err := v.sector(sector)
		var truncated *TruncatedError
		if errors.As(err, &truncated) {
			return ErrNotUDF
		}
		if err != nil {
			return err // what can't be read may well be a volume
		}
		switch string(b[1:6]) {
		case "NSR02", "NSR03":
			return nil
		case "CD001", "BEA01", "BOOT2", "CDW02":
		default:
			return ErrNotUDF
		}
	}
	return ErrNotUDF
}

type extentAD struct{ length, sector uint32 }

type anchorPoint struct{ main, reserve extentAD }

// findAnchor looks at sector 256, then at the disc's last one and 256 before
// it, 3/8.4.2.
func (v *Volume) findAnchor() (anchorPoint, error) {
	if v.size < 257*SectorSize {
		return anchorPoint{}, &TruncatedError{Size: v.size, Want: 257 * SectorSize}
	}
	last := uint32(v.size/SectorSize) - 1
	var first error
	for _, sector := range []uint32{256, last, last - 256} {
		b, err := v.sector(sector)
		if err == nil {
			err = checkTag(fmt.Sprintf("anchor at sector %d", sector), b, tagAnchor)
		}
		if err == nil {
			return parseAnchor(b), nil
		}
		if first == nil {
			first = err
		}
	}
	return anchorPoint{}, first
}

func parseAnchor(b []byte) anchorPoint {
	return anchorPoint{
		main:    extentAD{le.Uint32(b[16:]), le.Uint32(b[20:])},
		reserve: extentAD{le.Uint32(b[24:]), le.Uint32(b[28:])},
	}
}

// readFileSet finds the root directory, 4/14.1.
func (v *Volume) readFileSet() error {
	b, err := v.block(v.sequence.fileSet)
	if err != nil {
		return err
	}
	if err := checkTag("file set descriptor", b, tagFileSet); err != nil {
		return err
	}
	if ref := le.Uint16(b[408:]); ref != 0 {
		return malformed("root directory", "in partition map %d of 1", ref)
	}
	v.rootICB = le.Uint32(b[404:])
	return nil
}

// sector reads a whole sector of the disc.
func (v *Volume) sector(n uint32) ([]byte, error) {
	b := make([]byte, SectorSize)
	if err := v.readAt(b, int64(n)*SectorSize); err != nil {
		return nil, err
	}
	return b, nil
}

// block reads a whole block of the partition.
func (v *Volume) block(n uint32) ([]byte, error) {
	p := v.sequence.partition
	if n >= p.Length {
		return nil, malformed("partition", "block %d of %d is asked for", n, p.Length)
	}
	return v.sector(p.Start + n)
}

func (v *Volume) readAt(b []byte, off int64) error {
	if off < 0 || off+int64(len(b)) > v.size {
		return &TruncatedError{Size: v.size, Want: off + int64(len(b))}
	}
	n, err := v.r.ReadAt(b, off)
	if n == len(b) {
		return nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("reading %d bytes at %d: %w", len(b), off, err)
}
