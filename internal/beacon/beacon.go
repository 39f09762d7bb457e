// Package beacon is the one-line protocol in which the guest tells the host on
// COM1 how far it has come.
//
// A line reads
//
//	wintemplate: <stage> <state>[ <text>]
//
// in ASCII, and holds none of the characters that cmd.exe gives a meaning to
// (& | < > ^ %), since in Windows PE and in the specialize pass it is written
// by `(echo …)>COM1`. A missing line proves nothing: the port is exclusive,
// and a program in the guest may hold it.
package beacon

import (
	"strings"
	"unicode/utf8"
)

// Prefix opens every beacon line.
const Prefix = "wintemplate:"

// State says what became of a stage.
type State string

// The states of a stage. Info carries a remark and changes nothing; Fail ends
// the build with its text.
const (
	Start State = "start"
	OK    State = "ok"
	Fail  State = "fail"
	Info  State = "info"
)

// The stages in the order in which an installation meets them.
const (
	SetupWinPE       = "setup.winpe"
	SetupSpecialize  = "setup.specialize"
	Bootstrap        = "bootstrap"
	BootstrapDrivers = "bootstrap.drivers"
	BootstrapAgent   = "bootstrap.agent"
	BootstrapNetwork = "bootstrap.network"
	BootstrapWinRM   = "bootstrap.winrm"
	BootstrapReady   = "bootstrap.ready"
	RecoveryKept     = "guest.recovery.keep"
	CloudbaseInstall = "guest.cloudbase.install"
	Seal             = "seal"
	SealSysprep      = "seal.sysprep"
)

var titles = map[string]string{
	SetupWinPE:       "Setup: partitioning and copying files",
	SetupSpecialize:  "Setup: specialize",
	Bootstrap:        "First logon",
	BootstrapDrivers: "First logon: virtio drivers",
	BootstrapAgent:   "First logon: QEMU guest agent",
	BootstrapNetwork: "First logon: network",
	BootstrapWinRM:   "First logon: WinRM",
	BootstrapReady:   "Windows is ready for provisioning",
	RecoveryKept:     "The recovery partition stays",
	CloudbaseInstall: "Installing cloudbase-init",
	Seal:             "Seal",
	SealSysprep:      "Seal: sysprep",
}

// Title is the stage in words for a person; an unknown stage is its own title.
func Title(stage string) string {
	if t, ok := titles[stage]; ok {
		return t
	}
	return stage
}

// Event is one beacon line.
type Event struct {
	Stage string
	State State
	Text  string // what the guest adds: a reason, a count; may be empty
}

// Parse reads one line from the serial port. The line may carry what OVMF or
// the boot manager left before it (escape sequences, a cursor position), so
// the prefix is looked for anywhere. ok is false for a line that is no beacon.
func Parse(line string) (e Event, ok bool) {
	at := strings.LastIndex(line, Prefix)
	if at < 0 {
		return Event{}, false
	}
	fields := strings.Fields(clean(line[at+len(Prefix):]))
	if len(fields) < 2 {
		return Event{}, false
	}
	switch s := State(fields[1]); s {
	case Start, OK, Fail, Info:
		return Event{Stage: fields[0], State: s, Text: strings.Join(fields[2:], " ")}, true
	}
	return Event{}, false
}

// String is the line as the guest writes it, without its end. Bytes that can't
// stand in such a line are replaced by a space.
func (e Event) String() string {
	s := Prefix + " " + e.Stage + " " + string(e.State)
	if e.Text != "" {
		s += " " + strings.Join(strings.Fields(clean(e.Text)), " ")
	}
	return s
}

func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' || r == utf8.RuneError || strings.ContainsRune("&|<>^%", r) {
			return ' '
		}
		return r
	}, s)
}
