package libvirtapi

import (
	"context"
	"io"
	"time"

	golibvirt "github.com/digitalocean/go-libvirt"
)

// ConnectImpatient is Connect with limits that a test can wait for.
func ConnectImpatient(ctx context.Context, uri string, open, call time.Duration) (*Conn, error) {
	return connect(ctx, uri, limits{open: open, ask: call, act: call})
}

// Impatient lets the connection's calls take no longer than that, until usual is called.
func (c *Conn) Impatient(call time.Duration) (usual func()) {
	before := c.limits
	c.limits.ask, c.limits.act = call, call
	return func() { c.limits = before }
}

// ProbeAs runs the probe with another accelerator, guest and limit.
func (c *Conn) ProbeAs(ctx context.Context, pool string, acc Accelerator, sector []byte, limit time.Duration) (Probe, error) {
	return c.probe(ctx, pool, acc, sector, limit)
}

// UntilOff is AwaitOff for a subscription that is there.
func (w *Watch) UntilOff(ctx context.Context) error { return w.untilOff(ctx) }

// What the pure parts of the package are, for their tests.
var (
	ProbeSector       = probeSector
	ParseCapabilities = parseCapabilities
	ParseDomainCaps   = parseDomainCaps
	ParseNetwork      = parseNetwork
	UndefineFlags     = undefineFlags
	FirmwareError     = firmwareError
	DriveFiles        = driveFiles
	NewestLease       = newestLease
)

// SplitLines feeds the chunks to a line splitter.
func SplitLines(chunks ...string) []string {
	var out []string
	s := &lineSplitter{emit: func(l string) { out = append(out, l) }}
	for _, c := range chunks {
		_, _ = s.Write([]byte(c))
	}
	s.flush()
	return out
}

// PacketWatch is a packetWatch for its tests.
type PacketWatch struct{ w *packetWatch }

// NewPacketWatch makes one.
func NewPacketWatch() PacketWatch { return PacketWatch{newPacketWatch()} }

// OnReply, Feed and Failed are its parts.
func (p PacketWatch) OnReply(proc uint32) <-chan bool { return p.w.onReply(proc) }

// Feed gives it bytes.
func (p PacketWatch) Feed(b []byte) { p.w.feed(b) }

// Failed is where a stream's error comes.
func (p PacketWatch) Failed() <-chan golibvirt.Error { return p.w.failed }

// NewReplyFirst puts replies before their streams.
func NewReplyFirst(r io.Reader) io.Reader { return newReplyFirst(r) }
