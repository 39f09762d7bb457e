// Package dhcp is the stand-in's DHCP client (RFC 2131, RFC 2132), with the
// options that Windows' client sends.
package dhcp

import (
	"encoding/binary"
	"errors"
	"net"
)

// Message types (option 53).
const (
	Discover = 1
	Offer    = 2
	Request  = 3
	Ack      = 5
	Nak      = 6
)

// Options that are used here.
const (
	optSubnetMask  = 1
	optRouter      = 3
	optHostName    = 12
	optRequestedIP = 50
	optLeaseTime   = 51
	optMessageType = 53
	optServerID    = 54
	optParameters  = 55
	optVendorClass = 60
	optClientID    = 61
	optEnd         = 255
)

const fixedSize = 240

var magic = [4]byte{99, 130, 83, 99}

// Message is a DHCP message as far as a client needs it.
type Message struct {
	Type     byte
	XID      uint32
	MAC      net.HardwareAddr
	HostName string
	Offered  net.IP // yiaddr of a reply; requested address of a request
	Server   net.IP
	Mask     net.IPMask
	Router   net.IP
	Lease    uint32 // seconds
}

// encode writes a client's message. The answer is asked for by broadcast: the
// client has no address yet to be reached at.
func (m Message) encode() []byte {
	b := make([]byte, fixedSize, 400)
	b[0], b[1], b[2] = 1, 1, byte(len(m.MAC))
	binary.BigEndian.PutUint32(b[4:], m.XID)
	b[10] = 0x80
	copy(b[28:], m.MAC)
	copy(b[236:], magic[:])
	option := func(code byte, value []byte) {
		b = append(b, code, byte(len(value)))
		b = append(b, value...)
	}
	option(optMessageType, []byte{m.Type})
	option(optClientID, append([]byte{1}, m.MAC...))
	if m.Offered != nil {
		option(optRequestedIP, m.Offered.To4())
	}
	if m.Server != nil {
		option(optServerID, m.Server.To4())
	}
	if m.HostName != "" {
		option(optHostName, []byte(m.HostName))
	}
	option(optVendorClass, []byte("MSFT 5.0"))
	option(optParameters, []byte{optSubnetMask, optRouter, optLeaseTime, optServerID})
	b = append(b, optEnd)
	for len(b) < 300 { // the least that BOOTP relays accept
		b = append(b, 0)
	}
	return b
}

var errMessage = errors.New("not a DHCP reply")

// parse reads a server's reply.
func parse(b []byte) (Message, error) {
	if len(b) < fixedSize || b[0] != 2 || [4]byte(b[236:240]) != magic {
		return Message{}, errMessage
	}
	m := Message{
		XID:     binary.BigEndian.Uint32(b[4:]),
		Offered: net.IP(append([]byte(nil), b[16:20]...)),
		MAC:     net.HardwareAddr(append([]byte(nil), b[28:34]...)),
	}
	for options := b[fixedSize:]; len(options) > 0 && options[0] != optEnd; {
		if options[0] == 0 {
			options = options[1:]
			continue
		}
		if len(options) < 2 || len(options) < 2+int(options[1]) {
			return Message{}, errMessage
		}
		value := append([]byte(nil), options[2:2+int(options[1])]...)
		switch options[0] {
		case optMessageType:
			if len(value) == 1 {
				m.Type = value[0]
			}
		case optServerID:
			m.Server = value
		case optSubnetMask:
			m.Mask = value
		case optRouter:
			if len(value) >= 4 {
				m.Router = value[:4]
			}
		case optLeaseTime:
			if len(value) == 4 {
				m.Lease = binary.BigEndian.Uint32(value)
			}
		}
		options = options[2+int(options[1]):]
	}
	if m.Type == 0 {
		return Message{}, errMessage
	}
	return m, nil
}
