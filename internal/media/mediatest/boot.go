package mediatest

import (
	"bytes"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/binary"
	"math/big"
)

// ExitPort is the I/O port that the programs write to at their end: that of
// QEMU's -device isa-debug-exit,iobase=0xf4.
const ExitPort = 0xf4

// printing is the code, for 64-bit mode, that prints the text behind it on COM1
// and then writes to ExitPort.
var printing = []byte{
	0x48, 0x8d, 0x35, 0x16, 0, 0, 0, // lea rsi, [rip+text]
	0xba, 0xf8, 0x03, 0, 0, // mov edx, 0x3f8
	0xac,       // next: lodsb
	0x84, 0xc0, // test al, al
	0x74, 0x03, // jz done
	0xee,       // out dx, al
	0xeb, 0xf8, // jmp next
	0xba, ExitPort, 0, 0, 0, // done: mov edx, ExitPort
	0xee,       // out dx, al
	0xf4,       // hlt
	0xeb, 0xfd, // jmp to hlt
}

// printing16 is the same in real mode, at 0:0x7c00.
var printing16 = []byte{
	0x31, 0xc0, // xor ax, ax
	0x8e, 0xd8, // mov ds, ax
	0xfc,             // cld
	0xbe, 0x1a, 0x7c, // mov si, text
	0xba, 0xf8, 0x03, // mov dx, 0x3f8
	0xac,       // next: lodsb
	0x84, 0xc0, // test al, al
	0x74, 0x03, // jz done
	0xee,       // out dx, al
	0xeb, 0xf8, // jmp next
	0xba, ExitPort, 0, // done: mov dx, ExitPort
	0xee,       // out dx, al
	0xf4,       // hlt
	0xeb, 0xfd, // jmp to hlt
}

// BIOSProgram gives a boot image for BIOS that prints text on COM1, as long as
// Microsoft's etfsboot.com.
func BIOSProgram(text string) []byte {
	b := make([]byte, 4096)
	copy(b, printing16)
	copy(b[len(printing16):], text)
	return b
}

// Program gives an EFI application that prints text on COM1, signed (in form
// only) under each of issuers.
func Program(text string, issuers ...string) []byte {
	le := binary.LittleEndian
	const headers, section = 0x200, 0x200
	b := make([]byte, headers+section)
	copy(b, "MZ")
	le.PutUint32(b[60:], 0x80)
	coff := b[0x80:]
	copy(coff, "PE\x00\x00")
	le.PutUint16(coff[4:], 0x8664)
	le.PutUint16(coff[6:], 1)
	le.PutUint16(coff[20:], 240)
	le.PutUint16(coff[22:], 0x22) // executable, large addresses
	optional := coff[24:]
	le.PutUint16(optional, 0x20b)
	le.PutUint32(optional[4:], section)
	le.PutUint32(optional[16:], 0x1000) // entry point
	le.PutUint32(optional[20:], 0x1000)
	le.PutUint32(optional[32:], 0x1000)
	le.PutUint32(optional[36:], 0x200)
	le.PutUint32(optional[56:], 0x2000)
	le.PutUint32(optional[60:], headers)
	le.PutUint16(optional[68:], 10) // EFI application
	le.PutUint32(optional[108:], 16)
	text0 := optional[240:]
	copy(text0, ".text")
	le.PutUint32(text0[8:], section)
	le.PutUint32(text0[12:], 0x1000)
	le.PutUint32(text0[16:], section)
	le.PutUint32(text0[20:], headers)
	le.PutUint32(text0[36:], 0x60000020)
	copy(b[headers:], printing)
	copy(b[headers+len(printing):], text)
	var table []byte
	for _, issuer := range issuers {
		p7 := pkcs7(issuer)
		entry := make([]byte, (8+len(p7)+7)&^7)
		le.PutUint32(entry, uint32(8+len(p7)))
		le.PutUint16(entry[4:], 0x200)
		le.PutUint16(entry[6:], 2)
		copy(entry[8:], p7)
		table = append(table, entry...)
	}
	if len(table) > 0 {
		le.PutUint32(optional[112+4*8:], uint32(len(b)))
		le.PutUint32(optional[112+4*8+4:], uint32(len(table)))
	}
	return append(b, table...)
}

// pkcs7 gives a SignedData whose one signer was certified by issuer.
func pkcs7(issuer string) []byte {
	must := func(b []byte, err error) []byte {
		if err != nil {
			panic(err)
		}
		return b
	}
	sequence := asn1.RawValue{Tag: asn1.TagSequence, IsCompound: true}
	name := must(asn1.Marshal(pkix.Name{Organization: []string{"Test"}, CommonName: issuer}.ToRDNSequence()))
	type issuerAndSerial struct {
		Name   asn1.RawValue
		Serial *big.Int
	}
	type signer struct {
		Version   int
		Issuer    issuerAndSerial
		Digest    asn1.RawValue
		Algorithm asn1.RawValue
		Signature []byte
	}
	type signed struct {
		Version int
		Digests asn1.RawValue
		Content asn1.RawValue
		Signers []signer `asn1:"set"`
	}
	data := must(asn1.Marshal(signed{
		Version: 1,
		Digests: asn1.RawValue{Tag: asn1.TagSet, IsCompound: true},
		Content: sequence,
		Signers: []signer{{1, issuerAndSerial{asn1.RawValue{FullBytes: name}, big.NewInt(7)}, sequence, sequence, []byte{1, 2, 3}}},
	}))
	type content struct {
		Type    asn1.ObjectIdentifier
		Content asn1.RawValue
	}
	return must(asn1.Marshal(content{
		asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 2},
		asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 0, IsCompound: true, Bytes: data},
	}))
}

// BootImageSize is that of Microsoft's efisys.bin: a 2.88 MB floppy's half.
const BootImageSize = 1474560

// BootImage gives a FAT12 floppy image with EFI/BOOT/BOOTX64.EFI.
func BootImage(program []byte) []byte {
	const sector, reserved, fatSectors, rootEntries = 512, 1, 9, 224
	const data = (reserved + 2*fatSectors + rootEntries*32/sector) * sector
	le := binary.LittleEndian
	b := make([]byte, BootImageSize)
	copy(b, "\xeb\x3c\x90MSDOS5.0")
	le.PutUint16(b[11:], sector)
	b[13] = 1
	le.PutUint16(b[14:], reserved)
	b[16] = 2
	le.PutUint16(b[17:], rootEntries)
	le.PutUint16(b[19:], BootImageSize/sector)
	b[21] = 0xf0
	le.PutUint16(b[22:], fatSectors)
	le.PutUint16(b[24:], 18)
	le.PutUint16(b[26:], 2)
	copy(b[38:], "\x29\x01\x02\x03\x04EFISECTOR  FAT12   ")
	b[510], b[511] = 0x55, 0xaa
	fat := make([]byte, fatSectors*sector)
	set := func(cluster, value int) {
		at := cluster * 3 / 2
		if cluster%2 == 0 {
			fat[at], fat[at+1] = byte(value), fat[at+1]&0xf0|byte(value>>8)
		} else {
			fat[at], fat[at+1] = fat[at]&0x0f|byte(value<<4), byte(value>>4)
		}
	}
	set(0, 0xff0)
	set(1, 0xfff)
	set(2, 0xfff) // EFI
	set(3, 0xfff) // EFI/BOOT
	clusters := (len(program) + sector - 1) / sector
	for i := range clusters {
		next := 4 + i + 1
		if i == clusters-1 {
			next = 0xfff
		}
		set(4+i, next)
	}
	copy(b[reserved*sector:], fat)
	copy(b[(reserved+fatSectors)*sector:], fat)
	entry := func(at int, name string, attributes byte, cluster, size int) {
		copy(b[at:], bytes.Repeat([]byte{' '}, 11))
		copy(b[at:], name)
		b[at+11] = attributes
		le.PutUint16(b[at+26:], uint16(cluster))
		le.PutUint32(b[at+28:], uint32(size))
	}
	entry((reserved+2*fatSectors)*sector, "EFI", 0x10, 2, 0)
	for i, parent := range []int{0, 2} {
		at := data + i*sector
		entry(at, ".", 0x10, 2+i, 0)
		entry(at+32, "..", 0x10, parent, 0)
	}
	entry(data+64, "BOOT", 0x10, 3, 0)
	entry(data+sector+64, "BOOTX64 EFI", 0x20, 4, len(program))
	copy(b[data+2*sector:], program)
	return b
}
