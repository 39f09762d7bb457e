package winrm

import (
	"context"
	"net"
	"time"
)

// Limits bound every exchange with the guest. The zero value of a field means
// its default.
type Limits struct {
	// Dial bounds the TCP connection, and once more the TLS handshake. 10 s.
	Dial time.Duration
	// Operation is the <w:OperationTimeout> that goes into every envelope,
	// whoever built it: how long the guest holds a Receive that has nothing to
	// say. 20 s. The guest cuts longer ones to its own MaxTimeoutms (60 s),
	// which would be above Header, and every silent minute of a command would
	// be taken for a dead guest.
	Operation time.Duration
	// Header bounds the wait for an answer's first byte; it must exceed
	// Operation. 35 s.
	Header time.Duration
	// Exchange bounds one request from dial to the answer's last byte. 75 s.
	Exchange time.Duration
	// Silences is how many Receives in a row may pass Header without an
	// answer before the guest counts as gone; a guest that is busy to the hilt
	// misses one. 2.
	Silences int
	// AnswerBytes bounds an answer's body. 4 MiB.
	AnswerBytes int64
	// CleanUp bounds the signal and the shell's deletion that end a Run, in
	// all. 10 s.
	CleanUp time.Duration
}

func (l Limits) withDefaults() Limits {
	def := func(v *time.Duration, d time.Duration) {
		if *v <= 0 {
			*v = d
		}
	}
	def(&l.Dial, 10*time.Second)
	def(&l.Operation, 20*time.Second)
	def(&l.Header, l.Operation+15*time.Second)
	def(&l.Exchange, l.Header+40*time.Second)
	def(&l.CleanUp, 10*time.Second)
	if l.Silences <= 0 {
		l.Silences = 2
	}
	if l.AnswerBytes <= 0 {
		l.AnswerBytes = 4 << 20
	}
	return l
}

// Option changes how a Client or a Decorator reaches its guest.
type Option func(*settings)

type settings struct {
	limits Limits
	dial   func(ctx context.Context, network, address string) (net.Conn, error)
	guard  *Guard
	admit  func() error
}

func newSettings(opts []Option) settings {
	var s settings
	for _, o := range opts {
		o(&s)
	}
	s.limits = s.limits.withDefaults()
	if s.dial == nil {
		d := &net.Dialer{Timeout: s.limits.Dial, KeepAliveConfig: net.KeepAliveConfig{
			// A guest that was cut off while a Receive is held is noticed
			// after 20 s, where the default takes more than two minutes.
			Enable: true, Idle: 5 * time.Second, Interval: 5 * time.Second, Count: 3,
		}}
		s.dial = d.DialContext
	}
	if s.guard == nil {
		s.guard = NewGuard()
	}
	return s
}

// WithLimits replaces the default limits.
func WithLimits(l Limits) Option { return func(s *settings) { s.limits = l } }

// WithDialer replaces the TCP dialer, as for a guest behind a tunnel.
func WithDialer(dial func(ctx context.Context, network, address string) (net.Conn, error)) Option {
	return func(s *settings) { s.dial = dial }
}

// WithGuard shares one count of refused logons among several clients of the
// same guest.
func WithGuard(g *Guard) Option { return func(s *settings) { s.guard = g } }

// WithAdmission asks admit before each exchange of a Decorator's transports, and
// gives its error in the place of the exchange: for a guest that is known not
// to answer any more, and whose silence would be retried.
func WithAdmission(admit func() error) Option { return func(s *settings) { s.admit = admit } }
