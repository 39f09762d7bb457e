package guest

import (
	"fmt"
	"time"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/windows"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/winrm"
)

// deeds are the kinds of windows.WinRMFault.
var deeds = map[string]winrm.Deed{
	"unauthorized": winrm.Unauthorized,
	"not-ready":    winrm.NotReady,
	"unavailable":  winrm.Unavailable,
	"fault":        winrm.FaultCode,
	"reset":        winrm.Reset,
	"eof":          winrm.EOF,
	"freeze":       winrm.Freeze,
	"delay":        winrm.Delay,
	"garbage":      winrm.Garbage,
	"truncated":    winrm.Truncated,
	"reset-after":  winrm.ResetAfter,
}

// trouble takes back the troubles of the WinRM service that there are, and
// commits these.
func (h *host) trouble(faults []windows.WinRMFault) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, undo := range h.undo {
		undo()
	}
	h.undo = nil
	for _, f := range faults {
		deed, known := deeds[f.Kind]
		if !known {
			return fmt.Errorf("WinRM has no trouble of the kind %q", f.Kind)
		}
		if h.server == nil {
			return fmt.Errorf("WinRM does not listen")
		}
		m := winrm.Mischief{Operation: f.Operation, Times: f.Times, Do: deed, Code: f.Code}
		if deed == winrm.Delay {
			m.Delay = time.Duration(f.Seconds) * time.Second
		}
		undo := h.server.Commit(m)
		h.undo = append(h.undo, undo)
		if f.Seconds > 0 && deed != winrm.Delay {
			time.AfterFunc(time.Duration(f.Seconds)*time.Second, undo)
		}
	}
	return nil
}
