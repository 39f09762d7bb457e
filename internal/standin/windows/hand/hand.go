// Package hand is the test's hand inside a running stand-in guest: orders on
// COM2, which only a test's machine has, and their answers in the stand-in's
// log on the same port. It needs no network, so it works while a fault has
// taken that away, and nothing of it can be seen by the plugin under test,
// whose machines have no COM2. One booted guest can so serve many cases.
package hand

import (
	"encoding/json"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/windows"
)

// What an Order may ask for.
const (
	Conditions = "conditions" // make Windows sound, then put it into Order.Conditions
	Faults     = "faults"     // show Order.Faults from now on; conditions are left as they are
	WinRM      = "winrm"      // commit Order.WinRM's troubles, and take back those of earlier orders
	Look       = "look"       // read Order.Values, Order.Files and what is pending
	Refusals   = "refusals"   // how sysprep would refuse now, without running it
	Crash      = "crash"      // restart without a word to anybody, as after a blue screen
)

// Order is one line to COM2.
type Order struct {
	ID         int                  `json:"id"`
	Do         string               `json:"do"`
	Conditions windows.Conditions   `json:"conditions,omitzero"`
	Faults     windows.Faults       `json:"faults,omitzero"`
	WinRM      []windows.WinRMFault `json:"winrm,omitempty"`
	Values     []Value              `json:"values,omitempty"`
	Files      []string             `json:"files,omitempty"` // C:\…
}

// Value is a registry value by its key (HKLM\…) and name.
type Value struct {
	Key  string `json:"key"`
	Name string `json:"name"`
}

// Answer is one line from COM2, after Prefix.
type Answer struct {
	ID    int    `json:"id"`
	Error string `json:"error,omitempty"`
	// Values has a text for each of the order's, null for what is not there.
	Values []*string `json:"values,omitempty"`
	// Files has the SHA-256 of each of the order's, "" for what is not there.
	Files    []string `json:"files,omitempty"`
	Refusals []string `json:"refusals,omitempty"`
}

// Prefix begins an answer in the log.
const Prefix = "hand "

// Line is the order as it is sent.
func (o Order) Line() ([]byte, error) {
	b, err := json.Marshal(o)
	return append(b, '\n'), err
}
