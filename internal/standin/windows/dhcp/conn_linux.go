package dhcp

import (
	"time"

	"golang.org/x/sys/unix"
)

// socket is a Conn on one interface, which needs no address of its own.
type socket struct{ fd int }

// Listen opens a client's socket on an interface.
func Listen(device string) (Conn, func(), error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, err
	}
	for _, do := range []func() error{
		func() error { return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1) },
		func() error { return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_BROADCAST, 1) },
		func() error { return unix.BindToDevice(fd, device) },
		func() error { return unix.Bind(fd, &unix.SockaddrInet4{Port: 68}) },
	} {
		if err := do(); err != nil {
			unix.Close(fd)
			return nil, nil, err
		}
	}
	return socket{fd}, func() { unix.Close(fd) }, nil
}

func (s socket) Broadcast(packet []byte) error {
	return unix.Sendto(s.fd, packet, 0, &unix.SockaddrInet4{Port: 67, Addr: [4]byte{255, 255, 255, 255}})
}

func (s socket) Receive(deadline time.Time) ([]byte, error) {
	left := max(time.Until(deadline), time.Millisecond)
	timeout := unix.NsecToTimeval(left.Nanoseconds())
	if err := unix.SetsockoptTimeval(s.fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &timeout); err != nil {
		return nil, err
	}
	buffer := make([]byte, 1500)
	n, _, err := unix.Recvfrom(s.fd, buffer, 0)
	if err != nil {
		return nil, err
	}
	return buffer[:n], nil
}
