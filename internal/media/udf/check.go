package udf

import (
	"io/fs"
	"path"
)

// Check reads the entries of all files and directories, and none of their
// content: an entry that can't be read, or a file that runs past the end of the
// disc, is an *fs.PathError that names it.
func (v *Volume) Check() error {
	c := checker{v: v, seen: map[uint32]bool{}}
	return c.check(fid{block: v.rootICB, dir: true}, ".", 0)
}

// checker goes by blocks and not by paths, and reads a file of several names
// once.
type checker struct {
	v    *Volume
	seen map[uint32]bool // by block of the entry
	// ahead are blocks of the partition from first on: entries lie one behind the
	// other, and most of the time goes into asking for them one by one.
	ahead []byte
	first uint32
}

// readAhead is how many blocks are read at once.
const readAhead = 32

func (c *checker) check(f fid, at string, depth int) error {
	fail := func(err error) error { return &fs.PathError{Op: "check", Path: Printable(at), Err: err} }
	if c.seen[f.block] && !f.dir {
		return nil
	}
	c.seen[f.block] = true
	b, err := c.block(f.block)
	if err != nil {
		return fail(err)
	}
	e, err := c.v.parseEntry(f.block, b)
	if err != nil {
		return fail(err)
	}
	if err := f.agrees(e); err != nil {
		return fail(err)
	}
	if !f.dir {
		return nil
	}
	if depth > maxDepth {
		return fail(malformed("path", "deeper than %d", maxDepth))
	}
	d, err := c.v.readDirectory(f.block)
	if err != nil {
		return fail(err)
	}
	for _, child := range d.fids {
		if err := c.check(child, path.Join(at, child.name), depth+1); err != nil {
			return err
		}
	}
	return nil
}

// block gives a block of the partition; it holds until the next call.
func (c *checker) block(n uint32) ([]byte, error) {
	if n < c.first || n-c.first >= uint32(len(c.ahead)/SectorSize) {
		p := c.v.sequence.partition
		if n >= p.Length {
			return c.v.block(n) // which says so
		}
		if c.ahead == nil {
			c.ahead = make([]byte, readAhead*SectorSize)
		}
		c.ahead, c.first = c.ahead[:min(readAhead, int(p.Length-n))*SectorSize], n
		if err := c.v.readAt(c.ahead, (int64(p.Start)+int64(n))*SectorSize); err != nil {
			c.ahead = c.ahead[:0]
			return nil, err
		}
	}
	at := int(n-c.first) * SectorSize
	return c.ahead[at : at+SectorSize], nil
}
