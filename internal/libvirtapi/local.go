package libvirtapi

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"net/url"
	"runtime"
	"strings"
	"syscall"
)

// systemURI is the only connection for now.
const systemURI = "qemu:///system"

// systemSockets are where a system daemon listens: the modular virtqemud (Fedora, RHEL 9 and later) or
// the monolithic libvirtd (Debian, Ubuntu).
var systemSockets = []string{"/run/libvirt/virtqemud-sock", "/run/libvirt/libvirt-sock"}

// target parses a connection URI into the way to dial it and the URI that the daemon is asked for.
func target(uri string) (dialer, string, error) {
	if uri == "" {
		uri = systemURI
	}
	u, err := url.Parse(uri)
	if err != nil {
		return nil, "", &Error{
			Op: "connect to", Object: uri, Message: err.Error(), Kind: ErrUnsupported,
			Remedy: "write " + systemURI,
		}
	}
	driver, transport, _ := strings.Cut(u.Scheme, "+")
	refuse := func(found string) (dialer, string, error) {
		return nil, "", &Error{
			Op: "connect to", Object: uri, Message: found, Kind: ErrUnsupported,
			Remedy: "use " + systemURI + " on the machine that runs the guests",
		}
	}
	switch {
	case driver != "qemu":
		return refuse("only the qemu driver is supported")
	case transport != "" && transport != "unix", u.Host != "":
		return refuse("remote hosts are not supported yet")
	case u.Path == "/session":
		return refuse("the session daemon is not supported yet: its guests have no DHCP leases")
	case u.Path != "/system":
		return refuse("the path must be /system")
	}
	sockets := systemSockets
	if s := u.Query().Get("socket"); s != "" {
		sockets = []string{s}
	}
	return localDialer{uri: uri, sockets: sockets}, systemURI, nil
}

// localDialer tries unix sockets in order.
type localDialer struct {
	uri     string
	sockets []string
}

func (d localDialer) Dial(ctx context.Context) (net.Conn, error) {
	var nd net.Dialer
	var denied, refused []string
	var other error
	for _, socket := range d.sockets {
		conn, err := nd.DialContext(ctx, "unix", socket)
		switch {
		case err == nil:
			return conn, nil
		case errors.Is(err, fs.ErrPermission):
			denied = append(denied, socket)
		case errors.Is(err, syscall.ECONNREFUSED):
			refused = append(refused, socket)
		case errors.Is(err, fs.ErrNotExist):
		default:
			other = err
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return nil, dialError(d, denied, refused, other)
}

// dialError says which of the usual reasons it was, and what to do about it.
func dialError(d localDialer, denied, refused []string, other error) error {
	e := &Error{Op: "connect to", Object: d.uri, Kind: ErrUnavailable}
	switch {
	case len(denied) > 0:
		e.Kind = ErrPermission
		e.Message = "this user may not open " + strings.Join(denied, " or ")
		e.Remedy = groupRemedy
	case len(refused) > 0:
		e.Message = "nobody listens at " + strings.Join(refused, " or ")
		e.Remedy = "start the daemon: sudo systemctl start libvirtd (or virtqemud)"
	case other != nil:
		e.Message = other.Error()
	default:
		e.Message = "no socket " + strings.Join(d.sockets, " or ")
		e.Remedy = "install libvirt (Debian, Ubuntu: sudo apt install libvirt-daemon-system qemu-system-x86; " +
			"Fedora, RHEL: sudo dnf install @virtualization) and start it (sudo systemctl start libvirtd)"
		if runtime.GOOS != "linux" {
			e.Remedy = systemURI + " is a daemon on this machine, and " + runtime.GOOS + " has none; run Packer on the Linux host"
		}
	}
	return e
}

// groupRemedy is what a user without rights can do.
const groupRemedy = "add the user to libvirt's group and log in again: sudo usermod -aG libvirt $USER"
