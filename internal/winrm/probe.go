package winrm

import (
	"context"
	"crypto/tls"
	"errors"
)

// Probe connects, checks the pinned certificate and hangs up. Nobody logs on,
// so it never counts towards an account lock-out and may be repeated at will.
// Errors: *ConnectionError, *PinError, or ctx's.
func (c *Client) Probe(ctx context.Context) error {
	limited, cancel := context.WithTimeout(ctx, c.settings.limits.Dial)
	defer cancel()
	err := func() error {
		conn, err := c.settings.dial(limited, "tcp", c.endpoint.Address())
		if err != nil {
			return err
		}
		defer conn.Close()
		return tls.Client(conn, c.exchange.tlsConfig()).HandshakeContext(limited)
	}()
	var pin *PinError
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.As(err, &pin):
		return pin
	}
	return &ConnectionError{Operation: "Probe", Address: c.endpoint.Address(), Err: err}
}
