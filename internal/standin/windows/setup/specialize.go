package setup

import (
	"fmt"
	"strings"
)

// Specialized is what the specialize pass decides.
type Specialized struct {
	// ComputerName, empty for a random one ("*", or no setting).
	ComputerName string
	TimeZone     string // a Windows name; empty leaves the image's
	Owner        string
	Organization string
	Commands     []Command // in order
	// RemoteDesktop is true when the answer file allows connections.
	RemoteDesktop bool
}

// Installed is the Windows that starts from its disk.
type Installed struct {
	Type      string // InstallationType: Server, Server Core or Client
	EditionID string
	Build     int
}

// Specialize is the specialize pass. knownZone says whether Windows has a time
// zone of that name.
func (a *Answers) Specialize(installed Installed, knownZone func(string) bool) (Specialized, *Screen) {
	const pass = "specialize"
	if screen := a.Check(pass, installed.Type); screen != nil {
		return Specialized{}, screen
	}
	shell := a.component(pass, "Microsoft-Windows-Shell-Setup")
	deployment := a.component(pass, "Microsoft-Windows-Deployment")
	var s Specialized
	s.ComputerName, _ = shell.value("ComputerName")
	s.TimeZone, _ = shell.value("TimeZone")
	s.Owner, _ = shell.value("RegisteredOwner")
	s.Organization, _ = shell.value("RegisteredOrganization")
	s.Commands = commands(deployment, "RunSynchronous", "RunSynchronousCommand", "Path")
	sessions := a.component(pass, "Microsoft-Windows-TerminalServices-LocalSessionManager")
	denied, set := sessions.value("fDenyTSConnections")
	s.RemoteDesktop = set && denied == "false"
	if s.ComputerName == "*" {
		s.ComputerName = ""
	}
	if detail := checkComputerName(s.ComputerName); detail != "" {
		return s, a.refuse(pass, "Microsoft-Windows-Shell-Setup", detail)
	}
	if text, given := shell.value("ProductKey"); given {
		if detail := checkActivationKey(text, installed); detail != "" {
			screen := a.refuse(pass, "Microsoft-Windows-Shell-Setup", detail)
			screen.Source = "learn.microsoft.com: Microsoft-Windows-Shell-Setup-ProductKey; microsoft/SurfaceDeploymentAccelerator#2"
			return s, screen
		}
	}
	if s.TimeZone != "" && !knownZone(s.TimeZone) {
		return s, a.refuse(pass, "Microsoft-Windows-Shell-Setup", fmt.Sprintf("TimeZone %q: Windows has no such zone", s.TimeZone))
	}
	return s, nil
}

// checkComputerName: 15 bytes, not only digits, none of the characters that
// NetBIOS and DNS forbid (Microsoft, "ComputerName").
func checkComputerName(name string) string {
	switch {
	case name == "":
		return ""
	case len(name) > 15:
		return fmt.Sprintf("ComputerName %q has %d bytes, at most 15", name, len(name))
	case strings.Trim(name, "0123456789") == "":
		return fmt.Sprintf("ComputerName %q has only digits", name)
	case strings.ContainsAny(name, "{|}~[\\]^':;<=>?@!\"#$%`()+/.,*& _"):
		return fmt.Sprintf("ComputerName %q holds a forbidden character", name)
	}
	return ""
}
