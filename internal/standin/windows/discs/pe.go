package discs

import (
	"bytes"
	"encoding/binary"
)

// peStub is a Portable Executable with headers and no code, for files that
// programs recognise by their kind and nobody runs. The text says so.
func peStub(name string) []byte {
	const notice = "This is a stand-in for a file of the same name. It contains no program.\r\n"
	image := make([]byte, 0x400)
	copy(image, "MZ")
	binary.LittleEndian.PutUint32(image[0x3c:], 0x80)
	copy(image[0x80:], "PE\x00\x00")
	binary.LittleEndian.PutUint16(image[0x84:], 0x8664) // machine: x64
	binary.LittleEndian.PutUint16(image[0x94:], 0xf0)   // size of the optional header
	binary.LittleEndian.PutUint16(image[0x96:], 0x22)   // executable, large addresses
	binary.LittleEndian.PutUint16(image[0x98:], 0x20b)  // PE32+
	binary.LittleEndian.PutUint32(image[0xb8:], 0x1000) // section alignment
	binary.LittleEndian.PutUint32(image[0xbc:], 0x200)  // file alignment
	binary.LittleEndian.PutUint16(image[0xdc:], 1)      // subsystem: native
	binary.LittleEndian.PutUint32(image[0x104:], 16)    // data directories
	return append(image, bytes.Join([][]byte{[]byte(name), []byte(notice)}, []byte(": "))...)
}
