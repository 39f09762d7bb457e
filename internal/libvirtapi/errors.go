package libvirtapi

import (
	"errors"
	"fmt"
	"strings"
)

// Kinds of failure, for errors.Is.
var (
	// ErrNotFound: libvirt knows no such domain, pool, volume, network or lease.
	ErrNotFound = errors.New("not found")
	// ErrExists: the name, UUID or path is taken.
	ErrExists = errors.New("already exists")
	// ErrPermission: libvirt or its socket refuses this user.
	ErrPermission = errors.New("permission denied")
	// ErrUnavailable: no libvirt daemon answers at the connection's address.
	ErrUnavailable = errors.New("libvirt is not available")
	// ErrTimeout: libvirt did not answer before the call's deadline.
	ErrTimeout = errors.New("libvirt did not answer in time")
	// ErrDisconnected: the connection was lost while a call was under way;
	// whether libvirt carried it out is not known.
	ErrDisconnected = errors.New("the connection to libvirt was lost")
	// ErrState: the object is not in the state that the call needs, such as a
	// domain that is not running.
	ErrState = errors.New("wrong state")
	// ErrUnsupported: this libvirt or QEMU can't do what was asked.
	ErrUnsupported = errors.New("not supported")
	// ErrNoSpace: the file system under a pool or a guest's disk is full.
	ErrNoSpace = errors.New("no space left")
)

// Error is a failed libvirt operation: what was tried on which object, what
// libvirt said, and what the user can try. errors.Is finds its kind.
type Error struct {
	Op      string // what was tried: "define domain"
	Object  string // on what: the name of a domain, pool, volume …; may be empty
	Code    int    // libvirt's virErrorNumber; 0 when the answer did not come from libvirt
	Message string // what libvirt (or the system) said
	Remedy  string // what to try; may be empty
	Kind    error  // one of the Err… values above, or nil
}

// Error gives operation, object, what was found and what to try, in this order.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("libvirt: ")
	b.WriteString(e.Op)
	if e.Object != "" {
		fmt.Fprintf(&b, " %q", e.Object)
	}
	if e.Message != "" {
		b.WriteString(": ")
		b.WriteString(e.Message)
	} else if e.Kind != nil {
		b.WriteString(": ")
		b.WriteString(e.Kind.Error())
	}
	if e.Remedy != "" {
		b.WriteString("; ")
		b.WriteString(e.Remedy)
	}
	return b.String()
}

// Unwrap gives the kind, so that errors.Is(err, ErrNotFound) works.
func (e *Error) Unwrap() error { return e.Kind }

// withRemedy and withKind give a copy of an *Error with that part replaced; other errors pass.
func withRemedy(err error, remedy string) error {
	return amended(err, func(e *Error) { e.Remedy = remedy })
}

func withKind(err, kind error) error {
	return amended(err, func(e *Error) { e.Kind = kind })
}

func amended(err error, change func(*Error)) error {
	var e *Error
	if !errors.As(err, &e) {
		return err
	}
	n := *e
	change(&n)
	return &n
}
