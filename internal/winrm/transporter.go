package winrm

import (
	"errors"

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
	s := newSettings(opts)
	return func() winrm.Transporter { return &transporter{live: live, pin: pin, settings: s} }
}

type transporter struct {
	live     func() Credentials
	pin      Pin
	settings settings
}

func (t *transporter) Transport(e *winrm.Endpoint) error { return errors.New("not yet") }

func (t *transporter) Post(_ *winrm.Client, m *soap.SoapMessage) (string, error) {
	return "", errors.New("not yet")
}
