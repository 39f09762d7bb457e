package winrm

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// exchange posts envelopes to one guest: the part that Client and the
// library's transport share.
type exchange struct {
	address string
	pin     Pin
	live    func() Credentials
	limits  Limits
	guard   *Guard
	dial    func(ctx context.Context, network, address string) (net.Conn, error)
	http    *http.Transport
}

func newExchange(host string, port int, pin Pin, live func() Credentials, s settings) *exchange {
	x := &exchange{
		address: net.JoinHostPort(host, strconv.Itoa(port)),
		pin:     pin,
		live:    live,
		limits:  s.limits,
		guard:   s.guard,
		dial:    s.dial,
	}
	x.http = &http.Transport{
		Proxy:                 nil, // a guest of this host is never behind the user's HTTPS_PROXY (packer#7224)
		DialContext:           x.dialBounded,
		TLSClientConfig:       x.tlsConfig(),
		TLSHandshakeTimeout:   s.limits.Dial,
		ResponseHeaderTimeout: s.limits.Header,
		IdleConnTimeout:       30 * time.Second, // http.sys drops them after 120 s
		MaxIdleConnsPerHost:   4,
		DisableCompression:    true,
		TLSNextProto:          map[string]func(string, *tls.Conn) http.RoundTripper{}, // no HTTP/2
	}
	return x
}

func (x *exchange) dialBounded(ctx context.Context, network, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, x.limits.Dial)
	defer cancel()
	return x.dial(ctx, network, address)
}

// tlsConfig trusts the pinned certificate and nothing else. Its name and dates
// do not matter: it was made for this build, for a guest whose address and
// clock nobody knew.
func (x *exchange) tlsConfig() *tls.Config {
	return &tls.Config{
		MinVersion:         tls.VersionTLS12,
		InsecureSkipVerify: true, //nolint:gosec // VerifyConnection compares the certificate itself
		NextProtos:         []string{"http/1.1"},
		VerifyConnection: func(cs tls.ConnectionState) error {
			e := &PinError{Address: x.address, Want: x.pin}
			if len(cs.PeerCertificates) > 0 {
				e.Got = PinOf(cs.PeerCertificates[0].Raw)
				e.Subject = cs.PeerCertificates[0].Subject.String()
			}
			if x.pin == (Pin{}) || e.Got != x.pin {
				return e
			}
			return nil
		},
	}
}

// post sends an envelope and returns the body of a good answer: HTTP 200 with
// the operation's own response in it. Everything else is a typed error.
func (x *exchange) post(ctx context.Context, op operation, envelope []byte) ([]byte, error) {
	cred := x.live()
	if err := x.guard.admit(cred.User, x.address); err != nil {
		return nil, err
	}
	limited, cancel := context.WithTimeout(ctx, x.limits.Exchange)
	defer cancel()

	var connected atomic.Bool
	traced := httptrace.WithClientTrace(limited, &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { connected.Store(true) }})
	req, err := http.NewRequestWithContext(traced, http.MethodPost, "https://"+x.address+"/wsman", bytes.NewReader(envelope))
	if err != nil {
		return nil, fmt.Errorf("%s is no address for WinRM: %w", x.address, err)
	}
	req.Header.Set("Content-Type", "application/soap+xml;charset=UTF-8")
	req.Header.Set("User-Agent", "packer-plugin-wintemplate")
	req.SetBasicAuth(cred.User, cred.Password)

	began := time.Now()
	// RoundTrip, not Do: a redirect from whoever answers is not to be followed
	// with a password.
	res, err := x.http.RoundTrip(req)
	if err != nil {
		return nil, x.failure(ctx, op, err, connected.Load(), began)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, x.limits.AnswerBytes+1))
	if err != nil {
		return nil, x.failure(ctx, op, err, true, began)
	}
	if int64(len(body)) > x.limits.AnswerBytes {
		return nil, x.protocolError(op, res.StatusCode, fmt.Sprintf("the body is larger than %d bytes", x.limits.AnswerBytes))
	}
	if res.StatusCode == http.StatusUnauthorized {
		return nil, x.guard.refused(cred.User, x.address)
	}
	return x.accept(op, res, body)
}

// accept tells a good answer from a fault and from what is no WS-Management.
func (x *exchange) accept(op operation, res *http.Response, body []byte) ([]byte, error) {
	if !strings.Contains(res.Header.Get("Content-Type"), "application/soap+xml") {
		return nil, x.protocolError(op, res.StatusCode, "Content-Type "+strconv.Quote(res.Header.Get("Content-Type"))+", "+snippet(body))
	}
	action, fault, err := readOutline(body)
	switch {
	case err != nil:
		return nil, x.protocolError(op, res.StatusCode, err.Error())
	case fault != nil:
		x.guard.accepted()
		fault.Operation, fault.Status = op.name, res.StatusCode
		return nil, fault
	case res.StatusCode != http.StatusOK:
		return nil, x.protocolError(op, res.StatusCode, "no fault in it; "+snippet(body))
	case action != op.response:
		return nil, x.protocolError(op, res.StatusCode, "the action is "+strconv.Quote(action))
	}
	x.guard.accepted()
	return body, nil
}

// failure types an error of dialling, sending or reading.
func (x *exchange) failure(ctx context.Context, op operation, err error, connected bool, began time.Time) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	var pin *PinError
	if errors.As(err, &pin) {
		return pin
	}
	var timeout interface{ Timeout() bool }
	if connected && errors.As(err, &timeout) && timeout.Timeout() {
		return &SilenceError{Operation: op.name, Address: x.address, Waited: time.Since(began)}
	}
	return &ConnectionError{Operation: op.name, Address: x.address, Err: err}
}

func (x *exchange) protocolError(op operation, status int, found string) error {
	return &ProtocolError{Operation: op.name, Address: x.address, Status: status, Found: found}
}

// snippet shows the start of a body that should not be there.
func snippet(body []byte) string {
	const limit = 160
	text := strings.Join(strings.Fields(string(body[:min(len(body), 4*limit)])), " ")
	if len(text) > limit {
		text = text[:limit] + "…"
	}
	if text == "" {
		return "an empty body"
	}
	return "it begins " + strconv.Quote(text)
}
