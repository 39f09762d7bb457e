package windows

import (
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
)

// KMSHost is where Windows activates itself.
type KMSHost struct {
	// Name is a host's name or address; an IPv6 address stands in brackets, as
	// slmgr.vbs /skms hands it to Windows.
	Name string
	// Port is 0 when none was given: Windows then takes 1688.
	Port int
}

// IPv6 says whether the host is given by such an address.
func (h KMSHost) IPv6() bool { return strings.HasPrefix(h.Name, "[") }

// A host's name: letters, digits and hyphens between dots. Windows allows the
// underscore too.
var hostForm = regexp.MustCompile(`^[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?)*$`)

const maxHostName = 253 // RFC 1035, without the last dot

// ParseKMSHost reads host, host:port, [IPv6] or [IPv6]:port.
func ParseKMSHost(text string) (KMSHost, error) {
	fail := func(why string) (KMSHost, error) {
		return KMSHost{}, fmt.Errorf("%q is no KMS host: %s; give host, host:port or [IPv6]:port", text, why)
	}
	if a, err := netip.ParseAddr(text); err == nil && a.Is6() {
		return fail("an IPv6 address stands in brackets")
	}
	name, port := text, 0
	if h, p, err := net.SplitHostPort(text); err == nil {
		n, err := strconv.Atoi(p)
		if err != nil || n < 1 || n > 65535 {
			return fail(fmt.Sprintf("the port %q is no number from 1 to 65535", p))
		}
		port, name = n, h
		if strings.HasPrefix(text, "[") {
			name = "[" + h + "]"
		}
	}
	if inner, ok := strings.CutPrefix(name, "["); ok {
		inner, closed := strings.CutSuffix(inner, "]")
		if a, err := netip.ParseAddr(inner); !closed || err != nil || !a.Is6() {
			return fail(fmt.Sprintf("%s is no IPv6 address in brackets", name))
		}
		return KMSHost{Name: name, Port: port}, nil
	}
	if strings.Trim(name, "0123456789.") == "" {
		if _, err := netip.ParseAddr(name); err != nil {
			return fail(fmt.Sprintf("%q is no IPv4 address", name))
		}
	}
	if len(name) > maxHostName || !hostForm.MatchString(name) {
		return fail(fmt.Sprintf("%q is no host's name", name))
	}
	return KMSHost{Name: name, Port: port}, nil
}
