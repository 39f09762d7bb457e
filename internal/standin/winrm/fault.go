package winrm

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"strconv"
)

// fault is a SOAP fault with Microsoft's WSManFault detail. The texts are
// ours; Windows' are in the guest's language, and no client may read them.
type fault struct {
	code    uint32 // of wsmerror.h, or an HRESULT
	sender  bool   // the client is at fault
	subcode string // qualified, as "w:TimedOut"
	reason  string
}

func (f *fault) Error() string {
	return fmt.Sprintf("WSManFault %d %s: %s", f.code, f.subcode, f.reason)
}

// errGone says that there is nobody to answer.
var errGone = errors.New("the client went away")

func asFault(err error) *fault {
	var f *fault
	if errors.As(err, &f) {
		return f
	}
	return &fault{code: 2147549183, subcode: "w:InternalError", reason: err.Error()} // E_UNEXPECTED
}

// ERROR_WSMAN_OPERATION_TIMEDOUT: nothing to say within OperationTimeout.
func faultTimedOut() *fault {
	return &fault{code: 2150858793, subcode: "w:TimedOut", reason: "The WS-Management service cannot complete the operation within the time specified in OperationTimeout."}
}

// ERROR_WSMAN_UNEXPECTED_SELECTORS: how Windows says that a shell is not there.
func faultNoShell(id string) *fault {
	return &fault{code: 2150858843, sender: true, subcode: "w:InvalidSelectors", reason: "The request for the Windows Remote Shell with ShellId " + id + " failed because the shell was not found on the server."}
}

// faultNoCommand: no public source names the code for an unknown command;
// ERROR_INVALID_PARAMETER is what the shell's own API documents.
func faultNoCommand(id string) *fault {
	return &fault{code: 2147942487, sender: true, subcode: "w:InvalidParameter", reason: "There is no command " + id + " in this shell."}
}

// ERROR_WSMAN_MAX_ENVELOPE_SIZE_EXCEEDED.
func faultEnvelopeQuota(limit int) *fault {
	return &fault{code: 2150858824, sender: true, subcode: "w:EncodingLimit", reason: fmt.Sprintf("The size of the request exceeded the configured envelope size quota of %d bytes.", limit)}
}

// ERROR_WSMAN_QUOTA_MAX_SHELLS.
func faultShellsQuota(limit int) *fault {
	return &fault{code: 2150859173, subcode: "w:QuotaLimit", reason: fmt.Sprintf("This user is allowed a maximum number of %d concurrent shells, which has been exceeded.", limit)}
}

// ERROR_WSMAN_QUOTA_MAX_OPERATIONS.
func faultOperationsQuota(limit int) *fault {
	return &fault{code: 2150859174, subcode: "w:QuotaLimit", reason: fmt.Sprintf("The maximum number of %d concurrent operations for this user has been exceeded.", limit)}
}

// ERROR_WSMAN_QUOTA_MAX_COMMANDS_PER_SHELL_PPQ.
func faultProcessesQuota(limit int) *fault {
	return &fault{code: 2150859241, subcode: "w:QuotaLimit", reason: fmt.Sprintf("The maximum number of %d processes for this shell has been exceeded.", limit)}
}

// faultConsoleStdin: Windows takes the bytes in console mode and turns them
// into key strokes, so a byte stream arrives damaged or not at all; Ansible,
// which is proven at scale, never sends stdin in that mode. The stand-in
// refuses it outright.
func faultConsoleStdin() *fault {
	return &fault{code: 2147942487, sender: true, subcode: "w:InvalidParameter", reason: "stand-in: stdin was sent to a command started with WINRS_CONSOLEMODE_STDIN=TRUE; start it with FALSE."}
}

// ERROR_NO_DATA: the pipe is being closed.
func faultPipe() *fault {
	return &fault{code: 2147942632, sender: true, subcode: "w:InternalError", reason: "The process has ended or its standard input was closed."}
}

// ERROR_NOT_READY, as a starting or stopping Windows answers.
func faultNotReady() *fault {
	return &fault{code: 2147942421, subcode: "w:InternalError", reason: "The device is not ready."}
}

// The codes below are those of wsmerror.h: SCHEMA_VALIDATION_ERROR,
// INVALID_ACTIONURI, INVALID_RESOURCE_URI, MESSAGE_INFORMATION_HEADER_REQUIRED,
// SOAP_FAULT_MUST_UNDERSTAND, SHELL_INVALID_INPUT_STREAM and
// SHELL_INVALID_DESIRED_STREAMS.

func faultSchema(found string) *fault {
	return &fault{code: 2150858817, sender: true, subcode: "w:SchemaValidationError", reason: found}
}

func faultAction(action string) *fault {
	return &fault{code: 2150858753, sender: true, subcode: "a:ActionNotSupported", reason: "The action " + action + " is not supported by the service."}
}

func faultResource(uri string) *fault {
	return &fault{code: 2150858811, sender: true, subcode: "a:DestinationUnreachable", reason: "The service cannot find the resource " + uri + "; the stand-in has command shells only."}
}

func faultAddressing(subcode, found string) *fault {
	return &fault{code: 2150858769, sender: true, subcode: "a:" + subcode[len("wsa:"):], reason: found}
}

func faultMustUnderstand(name xml.Name) *fault {
	return &fault{code: 2150858768, sender: true, subcode: "s:MustUnderstand", reason: fmt.Sprintf("The header {%s}%s must be understood and is not.", name.Space, name.Local)}
}

func faultInputStream(name string) *fault {
	return &fault{code: 2150859147, sender: true, subcode: "w:InvalidParameter", reason: "There is no input stream " + strconv.Quote(name) + "; a command shell has stdin."}
}

func faultDesiredStreams(names string) *fault {
	return &fault{code: 2150859149, sender: true, subcode: "w:InvalidParameter", reason: "The desired streams " + strconv.Quote(names) + " are not of stdout and stderr."}
}

func (f *fault) envelope(m *message) []byte {
	var b bytes.Buffer
	who, sub, action := "s:Receiver", f.subcode, actionFault
	if f.sender {
		who = "s:Sender"
	}
	if sub[:2] == "a:" {
		action = actionAddrFault
	}
	openEnvelope(&b, m, action)
	b.WriteString(`<s:Body><s:Fault><s:Code><s:Value>` + who + `</s:Value><s:Subcode><s:Value>` + sub + `</s:Value></s:Subcode></s:Code><s:Reason><s:Text xml:lang="en-US">`)
	escape(&b, f.reason)
	b.WriteString(`</s:Text></s:Reason><s:Detail><f:WSManFault xmlns:f="` + nsFault + `" Code="` + strconv.FormatUint(uint64(f.code), 10) + `" Machine="localhost"><f:Message>`)
	escape(&b, f.reason)
	b.WriteString(`</f:Message></f:WSManFault></s:Detail></s:Fault></s:Body></s:Envelope>`)
	return b.Bytes()
}
