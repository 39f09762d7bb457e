package winrm

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net"
	"strconv"
	"strings"
)

// Pin is the SHA-256 digest of a certificate's DER encoding. The all-zero Pin
// pins nothing and is refused wherever a connection would be made with it.
type Pin = [sha256.Size]byte

// PinOf returns the pin of a certificate given as DER.
func PinOf(der []byte) Pin { return sha256.Sum256(der) }

// ParsePin reads a pin written as 64 hexadecimal digits, colons allowed.
func ParsePin(text string) (Pin, error) {
	var pin Pin
	raw, err := hex.DecodeString(strings.ReplaceAll(text, ":", ""))
	if err != nil || len(raw) != len(pin) {
		return pin, fmt.Errorf("certificate pin %q: want the SHA-256 of the certificate as 64 hexadecimal digits", text)
	}
	return Pin(raw), nil
}

// Credentials are a local account of the guest. They never show their
// password when printed.
type Credentials struct {
	User     string
	Password string
}

// String returns the user name only.
func (c Credentials) String() string { return c.User }

// GoString keeps %#v from printing the password.
func (c Credentials) GoString() string { return fmt.Sprintf("winrm.Credentials{User:%q}", c.User) }

// Endpoint is where a guest's WinRM HTTPS listener is reached, who logs on,
// and the certificate that it must show. It never shows its password when
// printed.
type Endpoint struct {
	Host     string // name or address; IPv6 without brackets
	Port     int    // usually 5986
	User     string
	Password string
	Pin      Pin // of the listener's leaf certificate
}

// Address returns host:port.
func (e Endpoint) Address() string { return net.JoinHostPort(e.Host, strconv.Itoa(e.Port)) }

// String returns user@host:port.
func (e Endpoint) String() string { return e.User + "@" + e.Address() }

// GoString keeps %#v from printing the password.
func (e Endpoint) GoString() string { return fmt.Sprintf("winrm.Endpoint{%q}", e.String()) }

func (e Endpoint) credentials() Credentials {
	return Credentials{User: e.User, Password: e.Password}
}
