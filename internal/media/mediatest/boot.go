package mediatest

import (
	"bytes"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/binary"
	"math/big"
)

// Program gives a PE32+ file that does nothing, holding text, and signed (in
// form only) under each of issuers.
func Program(text string, issuers ...string) []byte {
	le := binary.LittleEndian
	b := make([]byte, 0x400)
	copy(b, "MZ")
	le.PutUint32(b[60:], 0x80)
	copy(b[0x80:], "PE\x00\x00")
	le.PutUint16(b[0x84:], 0x8664)
	optional := b[0x98:]
	le.PutUint16(optional, 0x20b)
	le.PutUint32(optional[108:], 16)
	copy(b[0x200:], text)
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
