package media

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
)

// change is a run of bytes of the patched disc that differs from the disc
// beneath.
type change struct {
	at int64
	Source
}

func (c change) end() int64 { return c.at + c.Size() }

// overlaid is a disc with changes laid over it. What lies past the disc beneath
// and in no change reads as zeros.
type overlaid struct {
	base     io.ReaderAt
	baseSize int64
	size     int64
	changes  []change // ascending, not overlapping
}

func newOverlaid(base io.ReaderAt, baseSize, size int64, changes []change) (*overlaid, error) {
	changes = slices.Clone(changes)
	slices.SortStableFunc(changes, func(a, b change) int { return cmp.Compare(a.at, b.at) })
	for i, c := range changes {
		if c.at < 0 || c.end() > size {
			return nil, fmt.Errorf("a change of %d bytes at %d in a disc of %d", c.Size(), c.at, size)
		}
		if i > 0 && changes[i-1].end() > c.at {
			return nil, fmt.Errorf("two changes overlap at %d", c.at)
		}
	}
	return &overlaid{base: base, baseSize: baseSize, size: size, changes: changes}, nil
}

// ReadAt implements io.ReaderAt.
func (o *overlaid) ReadAt(b []byte, off int64) (int, error) {
	if off < 0 {
		return 0, errors.New("negative offset")
	}
	if off >= o.size {
		return 0, io.EOF
	}
	var short error
	if left := o.size - off; int64(len(b)) > left {
		b, short = b[:left], io.EOF
	}
	i, _ := slices.BinarySearchFunc(o.changes, off, func(c change, off int64) int {
		if c.end() <= off {
			return -1
		}
		return 1
	})
	done := 0
	for done < len(b) {
		at := off + int64(done)
		part := b[done:]
		var n int
		var err error
		switch {
		case i < len(o.changes) && o.changes[i].at <= at:
			c := o.changes[i]
			part = part[:min(int64(len(part)), c.end()-at)]
			n, err = c.ReadAt(part, at-c.at)
			i++
		default:
			if i < len(o.changes) {
				part = part[:min(int64(len(part)), o.changes[i].at-at)]
			}
			n, err = o.readBase(part, at)
		}
		done += n
		if n < len(part) {
			if err == nil || errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return done, err
		}
	}
	return done, short
}

func (o *overlaid) readBase(b []byte, off int64) (int, error) {
	have := max(0, min(int64(len(b)), o.baseSize-off))
	clear(b[have:])
	if have == 0 {
		return len(b), nil
	}
	if n, err := o.base.ReadAt(b[:have], off); int64(n) < have {
		return n, err
	}
	return len(b), nil
}
