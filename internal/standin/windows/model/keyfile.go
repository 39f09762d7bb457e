package model

import (
	"bytes"
	"crypto/rsa"
	"crypto/x509"
	"encoding/binary"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
)

// keyFileHeader is how a key file of CryptoAPI begins: lengths, then name,
// hash, the signature key's halves and flag, the exchange key's (mimikatz,
// kull_m_key.h, KULL_M_KEY_CAPI_BLOB).
type keyFileHeader struct {
	Version, Unknown, Name         uint32
	SiPublic, SiPrivate            uint32
	ExPublic, ExPrivate            uint32
	Hash, SiExportFlag, ExportFlag uint32
}

// keyFile is a private key as the machine's key folder holds it. The public
// half is in the clear, as on Windows; the private half, which Windows encrypts
// with DPAPI, is PEM.
func keyFile(key any, name string) ([]byte, error) {
	private, ok := key.(*rsa.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("a key of the kind %T", key)
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return nil, err
	}
	half := append([]byte("\n"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})...)
	modulus := private.N.Bytes()
	slices.Reverse(modulus)
	le := binary.LittleEndian
	public := []byte("RSA1")
	for _, n := range []int{len(modulus) + 8, private.N.BitLen(), len(modulus) - 1, private.E} {
		public = le.AppendUint32(public, uint32(n))
	}
	public = append(append(public, modulus...), make([]byte, 8)...)
	hash := make([]byte, 20)
	var b bytes.Buffer
	h := keyFileHeader{
		Version: 2, Name: uint32(len(name) + 1), ExPublic: uint32(len(public)), ExPrivate: uint32(len(half)), Hash: uint32(len(hash)),
	}
	if err := binary.Write(&b, le, h); err != nil {
		return nil, err
	}
	b.WriteString(name + "\x00")
	b.Write(hash)
	b.Write(public)
	b.Write(half)
	return b.Bytes(), nil
}

func readKeyFile(b []byte) (any, error) {
	p, _ := pem.Decode(b)
	if p == nil {
		return nil, errors.New("not a key")
	}
	return x509.ParsePKCS8PrivateKey(p.Bytes)
}
