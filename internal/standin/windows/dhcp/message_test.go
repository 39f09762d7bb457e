package dhcp

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"testing"
	"time"
)

// server answers a client's packets, after losing some.
type server struct {
	lose  int
	queue [][]byte
	asked []byte // message types in the order they came
	host  string
}

func (s *server) Broadcast(packet []byte) error {
	options := packet[fixedSize:]
	var kind byte
	for options[0] != optEnd {
		switch options[0] {
		case optMessageType:
			kind = options[2]
		case optHostName:
			s.host = string(options[2 : 2+options[1]])
		}
		options = options[2+int(options[1]):]
	}
	s.asked = append(s.asked, kind)
	if s.lose > 0 {
		s.lose--
		return nil
	}
	reply := make([]byte, fixedSize)
	copy(reply, packet[:fixedSize])
	reply[0] = 2
	copy(reply[16:], []byte{192, 168, 122, 45})
	reply = append(reply, optMessageType, 1, map[byte]byte{Discover: Offer, Request: Ack}[kind],
		optServerID, 4, 192, 168, 122, 1, optSubnetMask, 4, 255, 255, 255, 0, optRouter, 4, 192, 168, 122, 1,
		optLeaseTime, 4, 0, 0, 14, 16, optEnd)
	stranger := append([]byte(nil), reply...)
	binary.BigEndian.PutUint32(stranger[4:], binary.BigEndian.Uint32(reply[4:])+1)
	stranger[19] = 99
	s.queue = append(s.queue, stranger, []byte("noise"), reply)
	return nil
}

func (s *server) Receive(time.Time) ([]byte, error) {
	if len(s.queue) == 0 {
		return nil, errors.New("timeout")
	}
	packet := s.queue[0]
	s.queue = s.queue[1:]
	return packet, nil
}

func TestAcquire(t *testing.T) {
	s := &server{lose: 2}
	mac := net.HardwareAddr{0x52, 0x54, 0, 1, 2, 3}
	lease, err := Acquire(context.Background(), s, mac, "WIN-ABC")
	if err != nil {
		t.Fatal(err)
	}
	if got := lease.Offered.String(); got != "192.168.122.45" {
		t.Errorf("address %s: the answer to another client was taken, or none", got)
	}
	if lease.Router.String() != "192.168.122.1" || net.IP(lease.Mask).String() != "255.255.255.0" || lease.Lease != 3600 {
		t.Errorf("lease %+v", lease)
	}
	if s.host != "WIN-ABC" {
		t.Errorf("host name sent %q: leases are found by it", s.host)
	}
	if want := []byte{Discover, Discover, Discover, Request}; string(s.asked) != string(want) {
		t.Errorf("messages %v, want %v", s.asked, want)
	}
}

func TestAcquireEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	if _, err := Acquire(ctx, &server{lose: 1 << 30}, net.HardwareAddr{1, 2, 3, 4, 5, 6}, ""); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v", err)
	}
}

func TestParseRefusesTornReplies(t *testing.T) {
	for name, packet := range map[string][]byte{
		"empty":          nil,
		"a request":      Message{Type: Discover, MAC: net.HardwareAddr{1, 2, 3, 4, 5, 6}}.encode(),
		"torn option":    append(append([]byte{2}, Message{}.encode()[1:fixedSize]...), optServerID, 9, 1),
		"no type at all": append([]byte{2}, Message{}.encode()[1:fixedSize]...),
	} {
		if _, err := parse(packet); err == nil {
			t.Errorf("%s: parsed", name)
		}
	}
}
