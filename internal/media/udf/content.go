package udf

import (
	"io"
	"sort"
)

// content is a file's bytes. It implements io.ReaderAt.
type content struct {
	v    *Volume
	e    *entry
	ends []int64 // where extent i ends within the file
}

func (v *Volume) content(e *entry) *content {
	c := &content{v: v, e: e, ends: make([]int64, len(e.extents))}
	var end int64
	for i, x := range e.extents {
		end += x.length
		c.ends[i] = end
	}
	return c
}

// Size is the file's length in bytes.
func (c *content) Size() int64 { return c.e.size }

// ReadAt implements io.ReaderAt.
func (c *content) ReadAt(b []byte, off int64) (int, error) {
	if off < 0 {
		return 0, errNegative
	}
	if off >= c.e.size {
		return 0, io.EOF
	}
	var short error
	if left := c.e.size - off; int64(len(b)) > left {
		b, short = b[:left], io.EOF
	}
	if c.e.isEmbed {
		return copy(b, c.e.inline[off:]), short
	}
	done := 0
	i := sort.Search(len(c.ends), func(i int) bool { return c.ends[i] > off })
	for ; done < len(b) && i < len(c.ends); i++ {
		x := c.e.extents[i]
		within := off + int64(done) - (c.ends[i] - x.length)
		n := min(int64(len(b)-done), x.length-within)
		part := b[done : done+int(n)]
		if x.hole {
			clear(part)
		} else {
			at := (int64(c.v.sequence.partition.Start)+int64(x.block))*SectorSize + within
			if err := c.v.readAt(part, at); err != nil {
				return done, err
			}
		}
		done += int(n)
	}
	if done < len(b) {
		return done, io.ErrUnexpectedEOF
	}
	return done, short
}
