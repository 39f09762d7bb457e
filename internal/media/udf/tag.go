package udf

import "encoding/binary"

// Tag identifiers, 3/7.2.1 and 4/7.2.1.
const (
	tagPrimaryVolume     = 1
	tagAnchor            = 2
	tagImplementationUse = 4
	tagPartition         = 5
	tagLogicalVolume     = 6
	tagUnallocatedSpace  = 7
	tagTerminating       = 8
	tagIntegrity         = 9
	tagFileSet           = 256
	tagFileIdentifier    = 257
	tagAllocationExtent  = 258
	tagFileEntry         = 261
	tagExtendedFileEntry = 266
)

const tagSize = 16

var le = binary.LittleEndian

// crcTable is of the polynomial x^16+x^12+x^5+1, 3/7.2.6.
var crcTable = func() (t [256]uint16) {
	for i := range t {
		c := uint16(i) << 8
		for range 8 {
			if c&0x8000 != 0 {
				c = c<<1 ^ 0x1021
			} else {
				c <<= 1
			}
		}
		t[i] = c
	}
	return t
}()

func crc16(b []byte) uint16 {
	var c uint16
	for _, x := range b {
		c = c<<8 ^ crcTable[byte(c>>8)^x]
	}
	return c
}

func tagChecksum(b []byte) byte {
	var s byte
	for i, x := range b[:tagSize] {
		if i != 4 {
			s += x
		}
	}
	return s
}

// tagID is the identifier of the descriptor in b, 0 when b is too short.
func tagID(b []byte) uint16 {
	if len(b) < tagSize {
		return 0
	}
	return le.Uint16(b)
}

// tagLocation is where the descriptor says that it lies: a sector in the
// volume's sequence and anchors, a block within the partition.
func tagLocation(b []byte) uint32 { return le.Uint32(b[12:]) }

// checkTag says what is wrong with the tag of the descriptor at the start of b.
// Windows' udfs.sys stops at a bad CRC, so it must not be let pass.
func checkTag(object string, b []byte, want ...uint16) error {
	if len(b) < tagSize {
		return malformed(object, "only %d bytes are left for a descriptor", len(b))
	}
	id := le.Uint16(b)
	known := len(want) == 0
	for _, w := range want {
		known = known || id == w
	}
	if !known {
		return malformed(object, "descriptor tag %d where %v is wanted", id, want)
	}
	if got := tagChecksum(b); got != b[4] {
		return malformed(object, "tag checksum %#02x, computed %#02x", b[4], got)
	}
	n := int(le.Uint16(b[10:]))
	if n > len(b)-tagSize {
		return malformed(object, "CRC over %d bytes, %d are there", n, len(b)-tagSize)
	}
	if crc, got := le.Uint16(b[8:]), crc16(b[tagSize:tagSize+n]); crc != got {
		return malformed(object, "CRC %#04x, computed %#04x", crc, got)
	}
	return nil
}

// sealTag fills the tag in for the descriptor b: the CRC covers all of it.
func sealTag(b []byte, id uint16, location uint32) {
	le.PutUint16(b, id)
	le.PutUint16(b[2:], 2) // version: NSR02
	b[5] = 0
	le.PutUint16(b[6:], 1) // serial number; readers don't compare it
	resealTag(b, len(b)-tagSize, location)
}

// resealTag recomputes CRC and checksum of a changed descriptor.
func resealTag(b []byte, crcLength int, location uint32) {
	le.PutUint16(b[8:], crc16(b[tagSize:tagSize+crcLength]))
	le.PutUint16(b[10:], uint16(crcLength))
	le.PutUint32(b[12:], location)
	b[4] = tagChecksum(b)
}
