package guest

import (
	"errors"
	"fmt"
	"net"

	"golang.org/x/sys/unix"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/windows/dhcp"
)

// withSocket runs an ioctl on a socket of the address family.
func withSocket(do func(fd int) error) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return do(fd)
}

// setLink brings an adapter up or down.
func setLink(device string, up bool) error {
	return withSocket(func(fd int) error {
		request, err := unix.NewIfreq(device)
		if err != nil {
			return err
		}
		if err := unix.IoctlIfreq(fd, unix.SIOCGIFFLAGS, request); err != nil {
			return err
		}
		flags := request.Uint16() &^ unix.IFF_UP
		if up {
			flags |= unix.IFF_UP
		}
		request.SetUint16(flags)
		return unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, request)
	})
}

// configure gives an adapter its address, mask and default route.
func configure(device string, lease dhcp.Message) error {
	return withSocket(func(fd int) error {
		for _, step := range []struct {
			request uint
			address []byte
		}{
			{unix.SIOCSIFADDR, lease.Offered.To4()},
			{unix.SIOCSIFNETMASK, lease.Mask},
		} {
			request, err := unix.NewIfreq(device)
			if err != nil {
				return err
			}
			if err := request.SetInet4Addr(step.address); err != nil {
				return err
			}
			if err := unix.IoctlIfreq(fd, step.request, request); err != nil {
				return err
			}
		}
		if lease.Router == nil {
			return nil
		}
		if err := addDefaultRoute(lease.Router.To4()); err != nil && !errors.Is(err, unix.EEXIST) {
			return fmt.Errorf("default route by %s: %w", lease.Router, err)
		}
		return nil
	})
}

// addDefaultRoute adds a route by rtnetlink (RTM_NEWROUTE).
func addDefaultRoute(router net.IP) error {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	const length = unix.SizeofNlMsghdr + unix.SizeofRtMsg + unix.SizeofRtAttr + 4
	m := make([]byte, length)
	m[0] = length
	m[4] = unix.RTM_NEWROUTE
	flags := unix.NLM_F_REQUEST | unix.NLM_F_CREATE | unix.NLM_F_REPLACE | unix.NLM_F_ACK
	m[6], m[7] = byte(flags), byte(flags>>8)
	route := m[unix.SizeofNlMsghdr:]
	route[0] = unix.AF_INET
	route[4] = unix.RT_TABLE_MAIN
	route[5] = unix.RTPROT_DHCP
	route[6] = unix.RT_SCOPE_UNIVERSE
	route[7] = unix.RTN_UNICAST
	attr := route[unix.SizeofRtMsg:]
	attr[0], attr[2] = unix.SizeofRtAttr+4, unix.RTA_GATEWAY
	copy(attr[unix.SizeofRtAttr:], router)
	if err := unix.Sendto(fd, m, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return err
	}
	reply := make([]byte, 4096)
	n, _, err := unix.Recvfrom(fd, reply, 0)
	if err != nil || n < 20 {
		return err
	}
	if code := int32(uint32(reply[16]) | uint32(reply[17])<<8 | uint32(reply[18])<<16 | uint32(reply[19])<<24); code != 0 {
		return unix.Errno(-code)
	}
	return nil
}
