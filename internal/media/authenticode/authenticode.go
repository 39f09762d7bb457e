// Package authenticode tells who signed a PE file: the name of the authority
// that issued the signer's certificate. It verifies nothing: the firmware does.
// It exists to keep a boot image and its replacement under one authority, since
// a machine may trust only one of "Microsoft Windows Production PCA 2011" and
// "Windows UEFI CA 2023".
package authenticode

import (
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/big"
)

var le = binary.LittleEndian

// ErrNotPE says that the file is no PE file.
var ErrNotPE = errors.New("not a PE file")

// maxTable bounds the certificate table; Microsoft's have about 20 KB.
const maxTable = 1 << 20

// Issuers gives the common names of the authorities behind the signatures of
// the PE file in r, size bytes long; none when it is not signed.
func Issuers(r io.ReaderAt, size int64) ([]string, error) {
	offset, length, err := certificateTable(r)
	if err != nil || length == 0 {
		return nil, err
	}
	if offset < 0 || length > maxTable || offset+length > size {
		return nil, fmt.Errorf("certificate table of %d bytes at %d in a file of %d", length, offset, size)
	}
	table := make([]byte, length)
	if n, err := r.ReadAt(table, offset); n < len(table) {
		return nil, err
	}
	var out []string
	for len(table) >= 8 {
		n := int(le.Uint32(table))
		if n < 8 || n > len(table) {
			return nil, fmt.Errorf("a certificate of %d bytes, %d are left", n, len(table))
		}
		const pkcsSignedData = 2
		if le.Uint16(table[6:]) == pkcsSignedData {
			names, err := issuers(table[8:n])
			if err != nil {
				return nil, fmt.Errorf("signature: %w", err)
			}
			out = append(out, names...)
		}
		table = table[min((n+7)&^7, len(table)):]
	}
	return out, nil
}

// certificateTable finds the security directory. Its address is an offset in
// the file, unlike that of the other directories.
func certificateTable(r io.ReaderAt) (offset, length int64, err error) {
	b := make([]byte, 64)
	if n, _ := r.ReadAt(b, 0); n < len(b) || b[0] != 'M' || b[1] != 'Z' {
		return 0, 0, ErrNotPE
	}
	at := int64(le.Uint32(b[60:]))
	header := make([]byte, 24+112+5*8)
	n, _ := r.ReadAt(header, at)
	if n < 24+96+5*8 || string(header[:4]) != "PE\x00\x00" {
		return 0, 0, ErrNotPE
	}
	optional := header[24:n]
	directories, count := 96, le.Uint32(optional[92:])
	switch le.Uint16(optional) {
	case 0x10b:
	case 0x20b:
		directories = 112
		if len(optional) < 112+5*8 {
			return 0, 0, ErrNotPE
		}
		count = le.Uint32(optional[108:])
	default:
		return 0, 0, ErrNotPE
	}
	const security = 4
	if count <= security {
		return 0, 0, nil
	}
	entry := optional[directories+security*8:]
	return int64(le.Uint32(entry)), int64(le.Uint32(entry[4:])), nil
}

// The part of PKCS #7 (RFC 2315) that names the signers.
type contentInfo struct {
	Type    asn1.ObjectIdentifier
	Content asn1.RawValue `asn1:"explicit,optional,tag:0"`
}

type signedData struct {
	Version      int
	Digests      asn1.RawValue
	Content      asn1.RawValue
	Certificates asn1.RawValue `asn1:"optional,tag:0"`
	CRLs         asn1.RawValue `asn1:"optional,tag:1"`
	Signers      []signerInfo  `asn1:"set"`
}

type signerInfo struct {
	Version int
	Issuer  struct {
		Name   asn1.RawValue
		Serial *big.Int
	}
	Digest              asn1.RawValue
	Attributes          asn1.RawValue `asn1:"optional,tag:0"`
	Algorithm           asn1.RawValue
	Signature           asn1.RawValue
	UnsignedAttributies asn1.RawValue `asn1:"optional,tag:1"`
}

func issuers(der []byte) ([]string, error) {
	var info contentInfo
	if _, err := asn1.Unmarshal(der, &info); err != nil {
		return nil, err
	}
	var data signedData
	if _, err := asn1.Unmarshal(info.Content.Bytes, &data); err != nil {
		return nil, err
	}
	var out []string
	for _, s := range data.Signers {
		var sequence pkix.RDNSequence
		if _, err := asn1.Unmarshal(s.Issuer.Name.FullBytes, &sequence); err != nil {
			return nil, err
		}
		var name pkix.Name
		name.FillFromRDNSequence(&sequence)
		if name.CommonName == "" {
			out = append(out, name.String())
		} else {
			out = append(out, name.CommonName)
		}
	}
	return out, nil
}
