package winrm

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"

	"github.com/masterzen/winrm"
	"github.com/masterzen/winrm/soap"
)

// Decorator returns what communicator.Config.WinRMTransportDecorator wants:
// a maker of transports that log on with whatever live returns at that moment
// (the library keeps its own copy of the credentials unexported) and accept
// only the pinned certificate. All transports of one Decorator share one count
// of refused logons, because Packer makes a new one every five seconds while
// it waits.
func Decorator(live func() Credentials, pin Pin, opts ...Option) func() winrm.Transporter {
	d := &decorator{live: live, pin: pin, settings: newSettings(opts), exchanges: map[string]*exchange{}}
	return func() winrm.Transporter { return &transporter{shared: d} }
}

// decorator is what its transports share: the library makes a client, and so
// a transport, for every upload, and each would open connections of its own.
type decorator struct {
	live     func() Credentials
	pin      Pin
	settings settings

	mu        sync.Mutex
	exchanges map[string]*exchange // by address
}

func (d *decorator) exchange(host string, port int) *exchange {
	d.mu.Lock()
	defer d.mu.Unlock()
	x := newExchange(host, port, d.pin, d.live, d.settings)
	if known := d.exchanges[x.address]; known != nil {
		return known
	}
	d.exchanges[x.address] = x
	return x
}

// transporter carries the library's envelopes. The library has no context, so
// the limits alone end an exchange.
type transporter struct {
	shared *decorator
	guest  *exchange

	mu       sync.Mutex
	silences int // Receives in a row without an answer
}

// Transport takes the address; TLS settings of e are not asked: the pin is
// what is trusted.
func (t *transporter) Transport(e *winrm.Endpoint) error {
	if !e.HTTPS {
		return fmt.Errorf("winrm_use_ssl is false for %s:%d: this transport sends a password, so it needs HTTPS; leave winrm_use_ssl out or set it to true", e.Host, e.Port)
	}
	t.guest = t.shared.exchange(e.Host, e.Port)
	return nil
}

// Post sends an envelope of the library's and returns the answer.
func (t *transporter) Post(_ *winrm.Client, m *soap.SoapMessage) (string, error) {
	if t.guest == nil {
		return "", errors.New("the WinRM library posted before it named an endpoint")
	}
	if admit := t.shared.settings.admit; admit != nil {
		if err := admit(); err != nil {
			return "", err
		}
	}
	text := m.String()
	op, err := operationIn(text)
	if err != nil {
		return "", err
	}
	text, err = withOperationTimeout(text, t.shared.settings.limits.Operation)
	if err != nil {
		return "", err
	}
	answer, err := t.guest.post(context.Background(), op, []byte(text))
	if op == opReceive {
		return t.received(answer, err)
	}
	return string(answer), err
}

// received turns a Receive's error into what the library understands.
//
// It asks again after a url.Error that is a time-out and after any text with
// "OperationTimeout"; so a silent guest gets a few chances, and no more. Any
// other error leaves exit code 0, and winrmcp, which looks at nothing else,
// calls the upload done, unless the text holds "EOF": then the library makes
// it 16001.
func (t *transporter) received(answer []byte, err error) (string, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	var silence *SilenceError
	switch {
	case err == nil:
		if _, bad := readOutput(answer); bad != nil {
			return "", &outputLostError{t.guest.protocolError(opReceive, 200, bad.Error())}
		}
		t.silences = 0
		return string(answer), nil
	case errors.Is(err, ErrOperationTimeout):
		t.silences = 0
		return "", err
	case errors.As(err, &silence):
		if t.silences++; t.silences < t.shared.settings.limits.Silences {
			return "", &url.Error{Op: "Receive", URL: "https://" + t.guest.address + "/wsman", Err: silence}
		}
	}
	return "", &outputLostError{err}
}

// outputLostError is a Receive that failed for good, with the word in its text
// that makes the library set an exit code.
type outputLostError struct{ err error }

func (e *outputLostError) Error() string {
	return "the command's output and exit code are lost (unexpected EOF): " + e.err.Error()
}

func (e *outputLostError) Unwrap() error { return e.err }

// operationIn reads the action from the envelope's header.
func operationIn(envelope string) (operation, error) {
	header, _, _ := strings.Cut(envelope, "</env:Header>")
	_, rest, _ := strings.Cut(header, "<a:Action")
	_, rest, _ = strings.Cut(rest, ">")
	action, _, found := strings.Cut(rest, "<")
	op, known := operationOf(action)
	if !found || !known {
		return operation{}, fmt.Errorf("the WinRM library asks for the action %q, which is none of a command shell's", action)
	}
	return op, nil
}
