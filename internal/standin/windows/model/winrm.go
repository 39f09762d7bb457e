package model

import (
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // a thumbprint is SHA-1
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"software.sslmate.com/src/go-pkcs12"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/regf"
)

// machineKeys holds the private keys of the machine's certificates.
const machineKeys = `ProgramData\Microsoft\Crypto\RSA\MachineKeys`

// Ids of a certificate's properties in the registry ([MS-GPEF] 2.2.3).
const (
	propertyKeyContainer = 2
	propertyDER          = 32
)

// importPFX does Import-PfxCertificate into Cert:\LocalMachine\My. Builds
// before 17763 know only the old algorithms and call a file with newer ones a
// wrong password (ansible.windows#582, openssl#27035).
func (m *Model) importPFX(pfx []byte, password string) ([]byte, error) {
	build, _ := m.software.Text(versionKey, "CurrentBuildNumber")
	pbes2 := []byte{0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x05, 0x0d}
	if n, _ := strconv.Atoi(build); n < 17763 && slicesContain(pfx, pbes2) {
		return nil, errors.New("the specified network password is not correct")
	}
	key, certificate, err := pkcs12.Decode(pfx, password)
	if errors.Is(err, pkcs12.ErrIncorrectPassword) {
		return nil, errors.New("the specified network password is not correct")
	}
	if err != nil {
		return nil, fmt.Errorf("import the PFX: %w", err)
	}
	container := digest(certificate.Raw)[:32] + "_8b7d1d2e-0000-4000-8000-000000000001"
	file, err := keyFile(key, container)
	if err != nil {
		return nil, err
	}
	if err := m.disk.write(machineKeys+`\`+container, file); err != nil {
		return nil, err
	}
	m.software.Create(machineStoreKey + `\` + thumbprint(certificate.Raw)).Set(regf.BinaryValue("Blob", certificateBlob(certificate.Raw, container)))
	return certificate.Raw, nil
}

func slicesContain(b, part []byte) bool { return strings.Contains(string(b), string(part)) }

// removeCertificate deletes the certificate of a digest with its private key:
// the store's entry alone would leave the key in every clone.
func (m *Model) removeCertificate(sha256hex string) {
	store := m.software.Open(machineStoreKey)
	if store == nil || sha256hex == "" {
		return
	}
	for _, k := range store.Subkeys() {
		v, _ := k.Get("Blob")
		der, container := readBlob(v.Data)
		if digest(der) == strings.ToLower(sha256hex) {
			_ = m.disk.remove(machineKeys + `\` + container)
			store.Delete(k.Name)
		}
	}
}

func thumbprint(der []byte) string {
	sum := sha1.Sum(der) //nolint:gosec // as Windows names it
	return strings.ToUpper(hex.EncodeToString(sum[:]))
}

// certificateBlob is a certificate as the store keeps it: properties, each of
// id, 1, length, data; the last is the certificate itself.
func certificateBlob(der []byte, container string) []byte {
	var b []byte
	add := func(id uint32, data []byte) {
		b = binary.LittleEndian.AppendUint32(b, id)
		b = binary.LittleEndian.AppendUint32(b, 1)
		b = binary.LittleEndian.AppendUint32(b, uint32(len(data)))
		b = append(b, data...)
	}
	if container != "" {
		add(propertyKeyContainer, []byte(container))
	}
	add(propertyDER, der)
	return b
}

func readBlob(b []byte) (der []byte, container string) {
	for len(b) >= 12 {
		id, n := binary.LittleEndian.Uint32(b), binary.LittleEndian.Uint32(b[8:])
		if uint64(n) > uint64(len(b)-12) {
			break
		}
		switch id {
		case propertyDER:
			der = b[12 : 12+n]
		case propertyKeyContainer:
			container = string(b[12 : 12+n])
		}
		b = b[12+n:]
	}
	return der, container
}

// readCertificate takes a .cer file, DER or PEM.
func readCertificate(b []byte) ([]byte, error) {
	if p, _ := pem.Decode(b); p != nil {
		b = p.Bytes
	}
	c, err := x509.ParseCertificate(b)
	if err != nil {
		return nil, err
	}
	return c.Raw, nil
}

// addListener does New-Item WSMan:\localhost\Listener for HTTPS: the
// certificate must be in the machine's store, with a key, in date and for
// servers, else WinRM refuses it.
func (m *Model) addListener(der []byte, port int) error {
	c, err := x509.ParseCertificate(der)
	if err != nil {
		return err
	}
	if now := time.Now(); now.Before(c.NotBefore) || now.After(c.NotAfter) {
		return fmt.Errorf("the certificate is valid from %s to %s, the clock says %s", c.NotBefore, c.NotAfter, now)
	}
	if !slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageServerAuth) {
		return errors.New("the certificate is not for server authentication")
	}
	if key, ok := c.PublicKey.(*rsa.PublicKey); !ok || key.N.BitLen() < 2048 {
		return errors.New("the certificate's key is not RSA of 2048 bits or more")
	}
	k := m.software.Create(wsmanKey + `\Listener\*+HTTPS`)
	k.Set(regf.StringValue("certThumbprint", thumbprint(der)))
	k.Set(regf.DWordValue("Port", uint32(port)))
	k.Set(regf.StringValue("hostname", ""))
	k.Set(regf.StringValue("uriprefix", "wsman"))
	k.Set(regf.DWordValue("enabled", 1))
	sum := sha256.Sum256(der)
	m.controlSet().Create(fmt.Sprintf(`%s\0.0.0.0:%d`, sslBindingKey, port)).Set(regf.BinaryValue("SslCertHash", sum[:20]))
	return nil
}

// removeListener deletes a listener and what HTTP.SYS holds for it.
func (m *Model) removeListener(transport string) {
	k := m.software.Open(wsmanKey + `\Listener\*+` + transport)
	if k == nil {
		return
	}
	port, _ := k.Number("", "Port")
	m.software.Delete(wsmanKey + `\Listener\*+` + transport)
	m.controlSet().Delete(fmt.Sprintf(`%s\0.0.0.0:%d`, sslBindingKey, port))
}

// setWSMan sets an item below WSMan:\localhost, which WinRM refuses on a Public
// network.
func (m *Model) setWSMan(item, value string) error {
	if m.network() == publicNetwork {
		return errPublic
	}
	folder, name := "", item
	if i := strings.LastIndexByte(item, '\\'); i >= 0 {
		folder, name = `\`+item[:i], item[i+1:]
	}
	n, err := strconv.ParseUint(value, 10, 32)
	if err != nil {
		return fmt.Errorf(`WSMan:\localhost\%s takes a number, not %q`, item, value)
	}
	m.software.SetDWord(wsmanKey+folder, name, uint32(n))
	return nil
}

// wsman reads a number below WSMan:\localhost.
func (m *Model) wsman(item string) (uint64, bool) {
	folder, name := wsmanKey, item
	if i := strings.LastIndexByte(item, '\\'); i >= 0 {
		folder, name = wsmanKey+`\`+item[:i], item[i+1:]
	}
	return m.software.Number(folder, name)
}

// openWinRM starts listening when everything says so: the service runs, there
// is an HTTPS listener with its certificate and key, Basic is on, and the
// firewall lets its port in.
func (m *Model) openWinRM() error {
	k := m.software.Open(wsmanKey + `\Listener\*+HTTPS`)
	if k == nil || !m.serviceRunning("WinRM") {
		return nil
	}
	port, _ := k.Number("", "Port")
	thumb, _ := k.Text("", "certThumbprint")
	if basic, _ := m.software.Number(wsmanKey+`\Service`, "auth_basic"); basic != 1 || !m.portOpen(port) {
		return nil
	}
	v, ok := m.software.Open(machineStoreKey + `\` + thumb).Get("Blob")
	if !ok {
		return fmt.Errorf("WinRM's listener names the certificate %s, which is not in the machine's store", thumb)
	}
	der, container := readBlob(v.Data)
	b, err := m.disk.read(machineKeys + `\` + container)
	if err != nil {
		return fmt.Errorf("private key of WinRM's certificate: %w", err)
	}
	key, err := readKeyFile(b)
	if err != nil {
		return fmt.Errorf("private key of WinRM's certificate: %w", err)
	}
	return m.host.StartWinRM(tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, int(port))
}

// portOpen says whether the firewall lets TCP in on the network that there is.
func (m *Model) portOpen(port uint64) bool {
	if m.firewallOff() {
		return true
	}
	for _, v := range m.controlSet().Create(firewallRulesKey).Values() {
		if letsIn(v.String(), port, m.network()) {
			return true
		}
	}
	return false
}
