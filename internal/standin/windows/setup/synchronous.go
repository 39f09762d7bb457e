package setup

import (
	"fmt"
	"regexp"
	"strconv"
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

// RunSynchronous runs the commands of the specialize pass one after another, as
// Windows does, and counts its restarts. run gives the exit code of a command.
// The codes count with WillReboot=OnRequest only: what Windows does about the
// code of another command is not documented, and it is known to go on.
func RunSynchronous(commands []Command, run func(Command) int) (restarts int, screen *Screen) {
	for _, c := range commands {
		reruns := 0
	again:
		code := run(c)
		switch {
		case c.WillReboot == "Always":
			restarts++
		case c.WillReboot != "OnRequest" || code == codeGoOn:
		case code == codeRestart:
			restarts++
		case code == codeRerun:
			restarts++
			if reruns++; reruns == patience {
				return restarts, endlessReboot(c)
			}
			goto again
		default:
			return restarts, &Screen{
				ID: "command-failed", Pass: "specialize", Title: "Install Windows",
				Text:   "Windows could not finish configuring the system. To attempt to resume configuration, restart the computer.",
				Log:    fmt.Sprintf("command %d ended with %d, which is none of 0, 1 and 2: %s", c.Order, code, c.Line),
				Source: "learn.microsoft.com: Microsoft-Windows-Deployment-RunSynchronous-RunSynchronousCommand-WillReboot",
			}
		}
	}
	return restarts, nil
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
	// Program is the program's path, as it stands between the quotes.
	Program          string
	Success, Failure int
}

var conditionalForm = regexp.MustCompile(`(?i)^(?:%COMSPEC%|cmd(?:\.exe)?) /c ""([^"]+)"(?: [^&|]*)? && exit (?:/b )?(\d+) \|\| exit (?:/b )?(\d+)"$`)

// ParseConditional reads `cmd.exe /c ""program" arguments && exit N || exit M"`.
func ParseConditional(line string) (Conditional, bool) {
	match := conditionalForm.FindStringSubmatch(line)
	if match == nil {
		return Conditional{}, false
	}
	success, err := strconv.Atoi(match[2])
	failure, err2 := strconv.Atoi(match[3])
	return Conditional{Program: match[1], Success: success, Failure: failure}, err == nil && err2 == nil
}

// Exit is cmd.exe's exit code when the program ends with code.
func (c Conditional) Exit(code int) int {
	if code == 0 {
		return c.Success
	}
	return c.Failure
}
