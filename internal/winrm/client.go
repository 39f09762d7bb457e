package winrm

import (
	"context"
)

// Client runs commands in one guest. It is safe for concurrent use; each Run
// has a shell of its own (Windows allows 30 per user).
type Client struct {
	endpoint Endpoint
	settings settings
	exchange *exchange
}

// New returns a client of the guest at e. Nothing is dialled yet.
func New(e Endpoint, opts ...Option) *Client {
	s := newSettings(opts)
	return &Client{endpoint: e, settings: s, exchange: newExchange(e.Host, e.Port, e.Pin, e.credentials, s)}
}

// Endpoint returns where this client connects.
func (c *Client) Endpoint() Endpoint { return c.endpoint }

// addressed fills in what every message of this client has.
func (c *Client) addressed(m message) message {
	m.url = "https://" + c.endpoint.Address() + "/wsman"
	m.timeout = c.settings.limits.Operation
	return m
}

func (c *Client) post(ctx context.Context, m message) ([]byte, error) {
	return c.exchange.post(ctx, m.op, c.addressed(m).bytes())
}
