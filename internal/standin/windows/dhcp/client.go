package dhcp

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"time"
)

// Conn sends to and receives from the network's DHCP servers.
type Conn interface {
	Broadcast(packet []byte) error
	// Receive waits for a packet until the deadline.
	Receive(deadline time.Time) ([]byte, error)
}

// retry is how long a client waits for an answer before it asks again. RFC
// 2131 doubles it; a build machine's network answers or is down.
const retry = 2 * time.Second

// Acquire gets a lease. It asks again and again until ctx ends.
func Acquire(ctx context.Context, c Conn, mac net.HardwareAddr, hostName string) (Message, error) {
	for {
		lease, err := attempt(ctx, c, mac, hostName)
		if err == nil {
			return lease, nil
		}
		if ctx.Err() != nil {
			return Message{}, fmt.Errorf("no DHCP lease: %w", errors.Join(ctx.Err(), err))
		}
	}
}

func attempt(ctx context.Context, c Conn, mac net.HardwareAddr, hostName string) (Message, error) {
	ask := Message{Type: Discover, XID: rand.Uint32(), MAC: mac, HostName: hostName}
	offer, err := exchange(ctx, c, ask, Offer)
	if err != nil {
		return Message{}, err
	}
	ask.Type, ask.Offered, ask.Server = Request, offer.Offered, offer.Server
	return exchange(ctx, c, ask, Ack)
}

func exchange(ctx context.Context, c Conn, ask Message, want byte) (Message, error) {
	if err := c.Broadcast(ask.encode()); err != nil {
		time.Sleep(retry / 4)
		return Message{}, err
	}
	deadline := time.Now().Add(retry)
	if end, ok := ctx.Deadline(); ok && end.Before(deadline) {
		deadline = end
	}
	for {
		packet, err := c.Receive(deadline)
		if err != nil {
			return Message{}, err
		}
		reply, err := parse(packet)
		if err != nil || reply.XID != ask.XID || reply.MAC.String() != ask.MAC.String() {
			continue
		}
		if reply.Type == Nak {
			return Message{}, errors.New("the DHCP server refused the address")
		}
		if reply.Type == want {
			return reply, nil
		}
	}
}
