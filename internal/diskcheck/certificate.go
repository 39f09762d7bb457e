package diskcheck

import (
	"bytes"
	"crypto/rsa"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"slices"
)

const storeKey = `HKLM\SOFTWARE\Microsoft\SystemCertificates\MY\Certificates`

// keyFolder holds the machine's private keys: CryptoAPI's below RSA, CNG's in
// Keys and SystemKeys.
const keyFolder = `ProgramData\Microsoft\Crypto`

const (
	maxKeyFile  = 1 << 20
	maxKeyDepth = 3
)

// checkCertificate looks for the build's certificate in the machine's store.
func (c *checker) checkCertificate() {
	const id = "winrm-certificate"
	if c.want.Certificate == nil {
		return
	}
	subs, err := c.subkeys(storeKey)
	if err != nil {
		c.unknown(id, storeKey, err)
		return
	}
	for _, k := range subs {
		v, err := k.Value("Blob")
		if err != nil {
			c.missing(id, storeKey+`\`+k.Name(), err, "the store is damaged")
			return
		}
		if bytes.Equal(certificate(v.Data), c.want.Certificate) {
			c.fail(id, storeKey+`\`+k.Name(), "the build's certificate", "the seal must delete it with its private key")
			return
		}
	}
	c.ok(id, storeKey, "the build's certificate is not there")
}

// certificate finds the DER in a certificate's registry blob: properties of
// id, 1, length and data, of which 32 is the certificate itself.
func certificate(b []byte) []byte {
	for len(b) >= 12 {
		id, n := binary.LittleEndian.Uint32(b), binary.LittleEndian.Uint32(b[8:])
		if uint64(n) > uint64(len(b)-12) {
			return nil
		}
		if id == 32 {
			return b[12 : 12+n]
		}
		b = b[12+n:]
	}
	return nil
}

// checkPrivateKey looks for the build's key among the machine's: deleting a
// certificate leaves its key, which each clone would then have. A key file of
// CryptoAPI holds the public half unencrypted (RSA1, then the modulus with its
// lowest byte first; mimikatz, kull_m_key.h), and CNG's public blobs hold it
// with the highest first. A CNG file that keeps no public half cannot be told.
func (c *checker) checkPrivateKey() {
	const id, object = "winrm-private-key", `C:\` + keyFolder
	if c.want.Certificate == nil {
		return
	}
	leaf, err := x509.ParseCertificate(c.want.Certificate)
	if err != nil {
		c.unknown(id, "the build's certificate", err)
		return
	}
	key, ok := leaf.PublicKey.(*rsa.PublicKey)
	if !ok {
		c.unknown(id, "the build's certificate", fmt.Errorf("has a key of the kind %T, expected RSA", leaf.PublicKey))
		return
	}
	high := key.N.Bytes()
	low := slices.Clone(high)
	slices.Reverse(low)
	seen, bad := 0, false
	err = c.walkFiles(keyFolder, maxKeyDepth, func(path string) error {
		b, err := c.windows.ReadFile(path, maxKeyFile)
		if err != nil {
			return err
		}
		seen++
		if bytes.Contains(b, low) || bytes.Contains(b, high) {
			c.fail(id, `C:\`+path, "the private key of the build's certificate", "the seal must delete the certificate with its key (Remove-Item -DeleteKey)")
			bad = true
		}
		return nil
	})
	switch {
	case err != nil:
		c.unknown(id, object, err)
	case !bad:
		c.ok(id, object, fmt.Sprintf("none of %d key files is the build's", seen))
	}
}

// walkFiles visits the files below a folder; one that is not there has none.
func (c *checker) walkFiles(folder string, depth int, visit func(path string) error) error {
	list, err := c.windows.ReadDir(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range list {
		path := folder + `\` + e.Name
		switch {
		case !e.Directory:
			err = visit(path)
		case depth > 0:
			err = c.walkFiles(path, depth-1, visit)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
