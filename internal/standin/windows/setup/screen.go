// Package setup is the stand-in's Windows Setup: it reads an answer file as
// strictly as the documented rules say and either plans an installation or
// stops with the screen that Windows would stop with.
//
// It is pure: what it sees of the machine comes in as values, what it wants
// done comes out as an Installation.
package setup

import "fmt"

// Screen is where Setup stops and waits for somebody to come: an error box
// or a page that asks. Windows sends nothing anywhere when it shows one.
type Screen struct {
	ID     string // short name for tests: "language-page", "unattend-parse"
	Pass   string // pass that was being worked on: "windowsPE", "specialize", "oobeSystem"
	Title  string // window title
	Text   string // what the screen says
	Log    string // line in setupact.log or setuperr.log, may be empty
	Source string // public source of the behaviour
}

// Error makes a Screen usable as an error inside tests and logs.
func (s *Screen) Error() string {
	return fmt.Sprintf("%s: %s: %s", s.ID, s.Title, s.Text)
}
