package regf

import (
	"encoding/binary"
	"math/bits"
)

// marvin32 is the hash of log entries, with the seed that the kernel's
// configuration manager uses.
func marvin32(b []byte) uint64 {
	const seed = uint64(0xc5554e7a884def82)
	lo, hi := uint32(seed&0xffffffff), uint32(seed>>32)
	mix := func(v uint32) {
		lo += v
		hi ^= lo
		lo = bits.RotateLeft32(lo, 20) + hi
		hi = bits.RotateLeft32(hi, 9) ^ lo
		lo = bits.RotateLeft32(lo, 27) + hi
		hi = bits.RotateLeft32(hi, 19)
	}
	for ; len(b) >= 4; b = b[4:] {
		mix(binary.LittleEndian.Uint32(b))
	}
	last := append(append([]byte(nil), b...), 0x80, 0, 0, 0)
	mix(binary.LittleEndian.Uint32(last))
	mix(0)
	return uint64(hi)<<32 | uint64(lo)
}
