package setup

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// The exit codes of a command with WillReboot=OnRequest (learn.microsoft.com:
// Microsoft-Windows-Deployment-RunSynchronous-RunSynchronousCommand-WillReboot).
const (
	codeGoOn    = 0 // done
	codeRestart = 1 // done; restart, then the next command
	codeRerun   = 2 // not done; restart, then the same command, as often as it says so
)

// patience is how often a command may ask to be run again before a watcher
// would call it endless: Windows itself never does.
const patience = 20

// Progress is how far a specialize pass has come; it outlives a restart.
type Progress struct {
	Next   int `json:"next"`   // index of the command to run
	Reruns int `json:"reruns"` // of that command
}

// Run runs the commands from where p stands, one after another as Windows does,
// until all are done or one wants the machine to restart: p is then where to go
// on. run gives the exit code of a command. The codes count with
// WillReboot=OnRequest only: what Windows does about the code of another command
// is not documented, and it is known to go on.
func (p *Progress) Run(commands []Command, run func(Command) int) (restart bool, screen *Screen) {
	for p.Next < len(commands) {
		c := commands[p.Next]
		code := run(c)
		switch {
		case c.WillReboot == "OnRequest" && code == codeRerun:
			if p.Reruns++; p.Reruns == patience {
				return true, endlessReboot(c)
			}
			return true, nil
		case c.WillReboot == "OnRequest" && code != codeGoOn && code != codeRestart:
			return false, &Screen{
				ID: "command-failed", Pass: "specialize", Title: "Install Windows",
				Text:   "Windows could not finish configuring the system. To attempt to resume configuration, restart the computer.",
				Log:    fmt.Sprintf("command %d ended with %d, which is none of 0, 1 and 2: %s", c.Order, code, c.Line),
				Source: "learn.microsoft.com: Microsoft-Windows-Deployment-RunSynchronous-RunSynchronousCommand-WillReboot",
			}
		}
		p.Next, p.Reruns = p.Next+1, 0
		if c.WillReboot == "Always" || c.WillReboot == "OnRequest" && code == codeRestart {
			return true, nil
		}
	}
	return false, nil
}

// RunSynchronous plays a whole pass and counts its restarts.
func RunSynchronous(commands []Command, run func(Command) int) (restarts int, screen *Screen) {
	var p Progress
	for {
		restart, screen := p.Run(commands, run)
		if restart {
			restarts++
		}
		if screen != nil || !restart {
			return restarts, screen
		}
	}
}

// endlessReboot is no screen that stands still: the same one comes after each
// restart, for ever.
func endlessReboot(c Command) *Screen {
	return &Screen{
		ID: "endless-reboot", Pass: "specialize", Title: "Getting ready", Text: "Windows restarts, and restarts again.",
		Log:    fmt.Sprintf("command %d ends with 2 each time, and is run again after each restart: %s", c.Order, c.Line),
		Source: "cloudbase/cloudbase-init-installer#15",
	}
}

// Conditional is the command by which cloudbase-init runs in the specialize
// pass: cmd.exe makes one exit code of success and another of any failure.
type Conditional struct {
	// Program is the program's path, as it stands between the quotes, and
	// Arguments what follows it.
	Program          string
	Arguments        string
	Success, Failure int
}

var conditionalForm = regexp.MustCompile(`(?i)^(?:%COMSPEC%|cmd(?:\.exe)?) /c ""([^"]+)"( [^&|]*)? && exit (?:/b )?(\d+) \|\| exit (?:/b )?(\d+)"$`)

// ParseConditional reads `cmd.exe /c ""program" arguments && exit N || exit M"`.
func ParseConditional(line string) (Conditional, bool) {
	match := conditionalForm.FindStringSubmatch(line)
	if match == nil {
		return Conditional{}, false
	}
	success, err := strconv.Atoi(match[3])
	failure, err2 := strconv.Atoi(match[4])
	return Conditional{Program: match[1], Arguments: strings.TrimSpace(match[2]), Success: success, Failure: failure}, err == nil && err2 == nil
}

// Exit is cmd.exe's exit code when the program ends with code.
func (c Conditional) Exit(code int) int {
	if code == 0 {
		return c.Success
	}
	return c.Failure
}
