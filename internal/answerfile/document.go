package answerfile

import (
	"encoding/xml"
	"fmt"
	"slices"
	"strings"
)

// The passes that a generated file uses, in the order in which Windows meets
// them; settings are written in this order.
const (
	passWindowsPE        = "windowsPE"
	passOfflineServicing = "offlineServicing"
	passGeneralize       = "generalize"
	passSpecialize       = "specialize"
	passAuditSystem      = "auditSystem"
	passAuditUser        = "auditUser"
	passOOBE             = "oobeSystem"
)

var passes = []string{passWindowsPE, passOfflineServicing, passGeneralize, passSpecialize, passAuditSystem, passAuditUser, passOOBE}

// Component names, as the "Unattended Windows Setup Reference" spells them.
const (
	componentSetup           = "Microsoft-Windows-Setup"
	componentWinPELocale     = "Microsoft-Windows-International-Core-WinPE"
	componentWinPEDrivers    = "Microsoft-Windows-PnpCustomizationsWinPE"
	componentShell           = "Microsoft-Windows-Shell-Setup"
	componentLocale          = "Microsoft-Windows-International-Core"
	componentDeployment      = "Microsoft-Windows-Deployment"
	componentActivationUX    = "Microsoft-Windows-Security-SPP-UX"
	componentActivation      = "Microsoft-Windows-Security-SPP"
	componentServerManager   = "Microsoft-Windows-ServerManager-SvrMgrNc"
	componentTerminal        = "Microsoft-Windows-TerminalServices-LocalSessionManager"
	componentTerminalStation = "Microsoft-Windows-TerminalServices-RDP-WinStationExtensions"
	componentFirewall        = "Networking-MPSSVC-Svc"
	componentDriveEncryption = "Microsoft-Windows-SecureStartup-FilterDriver"
	componentPnpSysprep      = "Microsoft-Windows-PnpSysprep"
)

// The identity of Microsoft's components, the same in every file that works.
const (
	microsoftToken = "31bf3856ad364e35"
	languageAny    = "neutral"
	versionScope   = "nonSxS"
)

// document is an answer file in the making: components by pass.
type document struct {
	architecture string
	root         *node
}

func newDocument(architecture string) *document {
	root := &node{name: "unattend", attrs: []xml.Attr{
		{Name: xml.Name{Local: "xmlns"}, Value: unattendNS},
		{Name: xml.Name{Local: "xmlns:wcm"}, Value: wcmNS},
	}}
	return &document{architecture: architecture, root: root}
}

// component finds or makes a component of a pass and adds children to it.
// Without children it makes nothing.
func (d *document) component(pass, name string, kids ...*node) *node {
	if !slices.ContainsFunc(kids, func(n *node) bool { return n != nil }) {
		return nil
	}
	settings := d.settings(pass)
	for _, c := range settings.kids {
		if c.name == "component" && strings.EqualFold(c.attr("name"), name) {
			return c.add(kids...)
		}
	}
	c := &node{name: "component", attrs: componentAttrs(name, d.architecture)}
	settings.add(c)
	return c.add(kids...)
}

// settings finds or makes a pass, in the order of passes.
func (d *document) settings(pass string) *node {
	at := len(d.root.kids)
	for i, s := range d.root.kids {
		if s.attr("pass") == pass {
			return s
		}
		if slices.Index(passes, s.attr("pass")) > slices.Index(passes, pass) && i < at {
			at = i
		}
	}
	s := &node{name: "settings", attrs: []xml.Attr{{Name: xml.Name{Local: "pass"}, Value: pass}}}
	d.root.kids = slices.Insert(d.root.kids, at, s)
	return s
}

func componentAttrs(name, architecture string) []xml.Attr {
	var out []xml.Attr
	for _, a := range [][2]string{
		{"name", name},
		{"processorArchitecture", architecture},
		{"publicKeyToken", microsoftToken},
		{"language", languageAny},
		{"versionScope", versionScope},
	} {
		out = append(out, xml.Attr{Name: xml.Name{Local: a[0]}, Value: a[1]})
	}
	return out
}

// runSynchronous is the list of commands of a RunSynchronous element, or nil.
func runSynchronous(commands []command) *node {
	if len(commands) == 0 {
		return nil
	}
	list := group("RunSynchronous")
	for i, c := range commands {
		entry := item("RunSynchronousCommand", number("Order", i+1), leaf("Path", c.line))
		if c.willReboot != "" {
			entry.add(leaf("WillReboot", c.willReboot))
		}
		list.add(entry)
	}
	return list
}

// command is one command that Setup runs.
type command struct {
	line, willReboot string
}

// Limits of Windows Setup, in characters. A RunSynchronous path may have 259
// by the reference and 255 by what unattend-generator found to work.
const (
	maxRunSynchronous = 255
	maxFirstLogon     = 1024
	maxDriverPath     = 259
)

func checkCommand(field, line string, limit int) error {
	if n := characters(line); n == 0 || n > limit {
		return fmt.Errorf("%s: a command of %d characters: %.40q…; Setup takes 1 to %d, put the rest into a script", field, n, line, limit)
	}
	return checkText(field, line)
}
