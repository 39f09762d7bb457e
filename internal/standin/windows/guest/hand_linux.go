package guest

import (
	"bufio"
	"encoding/json"
	"fmt"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/windows/hand"
)

// takeOrders does what a test asks for over COM2, one order after the other.
func (h *host) takeOrders() {
	com2 := diagnosisPort()
	if com2 == nil {
		return
	}
	logf("the test's hand may come in")
	lines := bufio.NewReader(com2)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			logf("COM2: %v", err)
			return
		}
		var o hand.Order
		if err := json.Unmarshal(line, &o); err != nil {
			logf("an order that cannot be read: %v", err)
			continue
		}
		a := hand.Answer{ID: o.ID}
		if err := h.obey(o, &a); err != nil {
			a.Error = err.Error()
		}
		b, err := json.Marshal(a)
		if err != nil {
			logf("%v", err)
			continue
		}
		logf(hand.Prefix+"%s", b)
		if o.Do == hand.Crash {
			h.crashing.Store(true)
			h.leave(restart)
		}
	}
}

func (h *host) obey(o hand.Order, a *hand.Answer) error {
	switch o.Do {
	case hand.Conditions:
		h.model.SetConditions(o.Conditions)
	case hand.Faults:
		h.mu.Lock()
		h.faults = o.Faults
		h.mu.Unlock()
		h.machine.port.show(o.Faults)
		return h.trouble(o.Faults.WinRM)
	case hand.WinRM:
		return h.trouble(o.WinRM)
	case hand.Look:
		for _, v := range o.Values {
			if text, ok := h.model.Value(v.Key, v.Name); ok {
				a.Values = append(a.Values, &text)
			} else {
				a.Values = append(a.Values, nil)
			}
		}
		for _, path := range o.Files {
			a.Files = append(a.Files, h.model.FileSHA256(path))
		}
	case hand.Refusals:
		a.Refusals = h.model.Refusals()
	case hand.Crash:
		// Windows has written its hives long since, or finds what is missing
		// in their logs; the restart itself follows the answer.
	default:
		return fmt.Errorf("there is no order %q", o.Do)
	}
	return nil
}
