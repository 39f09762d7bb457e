package libvirtapi

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"

	golibvirt "github.com/digitalocean/go-libvirt"
)

// kinds tells what libvirt's error numbers mean for a caller.
var kinds = map[golibvirt.ErrorNumber]error{
	golibvirt.ErrNoDomain:             ErrNotFound,
	golibvirt.ErrNoDomainMetadata:     ErrNotFound,
	golibvirt.ErrNoNetwork:            ErrNotFound,
	golibvirt.ErrNoStoragePool:        ErrNotFound,
	golibvirt.ErrNoStorageVol:         ErrNotFound,
	golibvirt.ErrDeviceMissing:        ErrNotFound,
	golibvirt.ErrDomExist:             ErrExists,
	golibvirt.ErrNetworkExist:         ErrExists,
	golibvirt.ErrStorageVolExist:      ErrExists,
	golibvirt.ErrAccessDenied:         ErrPermission,
	golibvirt.ErrOperationDenied:      ErrPermission,
	golibvirt.ErrAuthFailed:           ErrPermission,
	golibvirt.ErrAuthCancelled:        ErrPermission,
	golibvirt.ErrAuthUnavailable:      ErrPermission,
	golibvirt.ErrOperationInvalid:     ErrState,
	golibvirt.ErrNoSupport:            ErrUnsupported,
	golibvirt.ErrConfigUnsupported:    ErrUnsupported,
	golibvirt.ErrOperationUnsupported: ErrUnsupported,
	golibvirt.ErrArgumentUnsupported:  ErrUnsupported,
}

// callError turns what a call returned into an *Error, by libvirt's error number.
func callError(op, object string, err error) error {
	if err == nil {
		return nil
	}
	e := &Error{Op: op, Object: object, Message: err.Error()}
	var lv golibvirt.Error
	switch {
	case errors.As(err, &lv):
		e.Code, e.Kind = int(lv.Code), kinds[golibvirt.ErrorNumber(lv.Code)]
		if errors.Is(e.Kind, ErrPermission) {
			e.Remedy = groupRemedy
		}
	case errors.Is(err, golibvirt.ErrUnsupported):
		e.Kind = ErrUnsupported
	case lost(err):
		e.Kind, e.Message = ErrDisconnected, ErrDisconnected.Error()
	}
	return e
}

// lost tells the ways in which go-libvirt says that the connection is gone.
func lost(err error) bool {
	var op *net.OpError
	return errors.Is(err, golibvirt.ErrInterrupted) || errors.Is(err, syscall.EINVAL) || errors.Is(err, net.ErrClosed) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.ErrClosedPipe) || errors.As(err, &op)
}

// connectError is a daemon that was reached and did not let us in.
func connectError(uri string, err error) error {
	wrapped := callError("connect to", uri, err)
	var e *Error
	if !errors.As(wrapped, &e) {
		return wrapped
	}
	switch {
	case errors.Is(e.Kind, ErrDisconnected):
		e.Kind, e.Message = ErrUnavailable, "the daemon closed the connection"
		e.Remedy = "too many clients, or a daemon that stops: look at its journal (journalctl -u libvirtd -u virtqemud)"
	case e.Kind == nil:
		e.Kind = ErrUnavailable
		if os.Geteuid() != 0 {
			// The daemon asks polkit, whose refusals have several numbers and, where polkit does not run, none.
			e.Kind, e.Remedy = ErrPermission, groupRemedy
		}
	}
	return e
}

// code tells whether err is libvirt's error of this number.
func code(err error, n golibvirt.ErrorNumber) bool {
	var e *Error
	return errors.As(err, &e) && e.Code == int(n)
}
