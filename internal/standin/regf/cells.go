package regf

import "encoding/binary"

const (
	binHeaderSize = 32
	binAlign      = 4096
)

// cells lays out the hive bins data: cells of 8-byte multiples, none across
// the border of a bin. Offsets are relative to the first bin, which lies at
// 4096 in the file.
type cells struct {
	data []byte
	bin  int // offset of the open bin
	free int // offset of the first unused byte of the open bin
}

// add stores a cell and gives its offset.
func (c *cells) add(payload []byte) uint32 {
	size := (4 + len(payload) + 7) &^ 7
	if len(c.data) == 0 || c.free+size > len(c.data) {
		c.closeBin()
		c.openBin(size)
	}
	at := c.free
	binary.LittleEndian.PutUint32(c.data[at:], uint32(-int32(size)))
	copy(c.data[at+4:], payload)
	c.free += size
	return uint32(at)
}

// payload is the space of a stored cell, for offsets that are known later.
func (c *cells) payload(offset uint32) []byte {
	size := -int32(binary.LittleEndian.Uint32(c.data[offset:]))
	return c.data[offset+4 : int32(offset)+size]
}

func (c *cells) openBin(need int) {
	c.bin = len(c.data)
	size := (binHeaderSize + need + binAlign - 1) &^ (binAlign - 1)
	c.data = append(c.data, make([]byte, size)...)
	copy(c.data[c.bin:], "hbin")
	binary.LittleEndian.PutUint32(c.data[c.bin+4:], uint32(c.bin))
	binary.LittleEndian.PutUint32(c.data[c.bin+8:], uint32(size))
	c.free = c.bin + binHeaderSize
}

// closeBin makes one free cell (a positive size) of what is left of the bin.
func (c *cells) closeBin() {
	if rest := len(c.data) - c.free; len(c.data) > 0 && rest > 0 {
		binary.LittleEndian.PutUint32(c.data[c.free:], uint32(rest))
	}
}
