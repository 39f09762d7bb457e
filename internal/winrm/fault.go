package winrm

import (
	"errors"
	"fmt"
	"strings"
)

// ErrOperationTimeout matches the *Fault that says "nothing to report yet".
var ErrOperationTimeout = errors.New("OperationTimeout")

// Codes of wsmerror.h and winerror.h that callers ask for.
const (
	CodeOperationTimeout uint32 = 2150858793 // nothing to report within OperationTimeout
	CodeShellNotFound    uint32 = 2150858843 // the shell, or the boot it lived in, is gone
	CodeNotReady         uint32 = 2147942421 // the device is not ready: Windows starts or stops
)

// Fault is a SOAP fault of the guest's WinRM service. Only the code is fit to
// decide on: the reason is in the guest's language.
type Fault struct {
	Operation string // "Create", "Command", "Send", "Receive", "Signal", "Delete"
	Status    int    // HTTP status, usually 500
	Code      uint32 // WSManFault's code, 0 when there is none
	Subcode   string // local name, as "TimedOut", "InvalidSelectors"
	Reason    string // the guest's text, in the guest's language
}

type faultMeaning struct {
	text      string // what it means, and what to try
	transient bool
}

// faults explains the codes that are seen in builds.
var faults = map[uint32]faultMeaning{
	// The name must be in the text in every guest language: masterzen/winrm
	// compares with it to tell "no output yet" from an error.
	CodeOperationTimeout: {"OperationTimeout: nothing to report yet", false},
	CodeShellNotFound:    {"the shell is gone; has the guest restarted, or was WinRM restarted in it?", true},
	CodeNotReady:         {"the device is not ready: Windows is starting or shutting down", true},
	2147943515:           {"a shutdown is in progress", true},                                              // ERROR_SHUTDOWN_IN_PROGRESS
	2147943395:           {"the operation was aborted; WinRM is stopping or the process was killed", true}, // ERROR_OPERATION_ABORTED
	995:                  {"the operation was aborted; WinRM is stopping or the process was killed", true},
	2147943418:           {"WinRM could not read its registry: a logon session ended under it", true}, // ERROR_KEY_DELETED
	2147942632:           {"the process no longer reads its standard input", false},                   // ERROR_NO_DATA
	2147942405:           {"access denied: the account is no administrator over the network (LocalAccountTokenFilterPolicy)", false},
	2150858824:           {"the request is larger than MaxEnvelopeSizekb", false},
	2150859173:           {"too many shells of this user (MaxShellsPerUser); wait for leaked ones to time out or restart WinRM", false},
	2150859174:           {"too many operations at once of this user (MaxConcurrentOperationsPerUser)", false},
	2150859241:           {"too many processes in this shell (MaxProcessesPerShell)", false},
}

func (e *Fault) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "WinRM's %s failed", e.Operation)
	if m := faults[e.Code].text; m != "" {
		b.WriteString(": " + m)
	}
	fmt.Fprintf(&b, " (fault %d, 0x%08X", e.Code, e.Code)
	if e.Subcode != "" {
		b.WriteString(" " + e.Subcode)
	}
	fmt.Fprintf(&b, ", HTTP %d)", e.Status)
	if e.Reason != "" {
		b.WriteString("; the guest says: " + e.Reason)
	}
	return b.String()
}

// Is matches ErrOperationTimeout when the fault says so, by its code or, for
// services that give none, by its subcode.
func (e *Fault) Is(target error) bool { return target == ErrOperationTimeout && e.timedOut() }

func (e *Fault) timedOut() bool {
	return e.Code == CodeOperationTimeout || (e.Code == 0 && e.Subcode == "TimedOut")
}
