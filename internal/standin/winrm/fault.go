package winrm

import "time"

// Mischief is a fault that the server commits on request.
type Mischief struct {
	Operation string // "Create", "Command", "Send", "Receive", "Signal", "Delete"; "" any
	After     int    // let this many matching requests pass first
	Times     int    // commit it this often; 0: until removed
	Do        Deed
	Delay     time.Duration // for Delay; for Freeze: how long, 0 for ever
	Code      uint32        // for FaultCode
}

// Deed is what a Mischief does to a request.
type Deed int

// The deeds. Before* act before the operation takes effect, After* after it.
const (
	Reset           Deed = iota + 1 // TCP RST instead of an answer
	EOF                             // connection closed without an answer
	Freeze                          // no answer, connection stays open
	Delay                           // answer late
	Unauthorized                    // 401 although the password is right
	NotReady                        // fault 2147942421, "the device is not ready"
	FaultCode                       // a fault with Code
	ResetAfter                      // the operation happens, its answer is lost by RST
	Garbage                         // 200 with a body that is no SOAP
	TruncatedAnswer                 // 200, Content-Length larger than the body, then EOF
)

// Commit arms m and returns a function that disarms it.
func (s *Server) Commit(m Mischief) (undo func()) { return func() {} }
