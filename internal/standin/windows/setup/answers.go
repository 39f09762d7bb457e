package setup

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
)

// Passes are the configuration passes in the order in which Windows runs them.
var passes = []string{"windowsPE", "offlineServicing", "generalize", "specialize", "auditSystem", "auditUser", "oobeSystem"}

// Answers is a parsed answer file. Parsing proves only that it is one; each
// pass is checked when Windows comes to it.
type Answers struct {
	Path string // where Windows found it, for its screens
	root *node
}

// Parse reads an answer file. path is what Windows would name on its screen.
func Parse(path string, data []byte) (*Answers, *Screen) {
	a := &Answers{Path: path}
	root, err := parseXML(data)
	if err != nil {
		return nil, a.invalid(err.Error())
	}
	if root.name != "unattend" {
		return nil, a.invalid(fmt.Sprintf("the root element is <%s>, not <unattend>", root.name))
	}
	for _, settings := range root.children {
		switch {
		case settings.name == "servicing":
		case settings.name != "settings":
			return nil, a.invalid(fmt.Sprintf("<%s> below <unattend>", settings.name))
		case !slices.Contains(passes, settings.attrs["pass"]):
			return nil, a.invalid(fmt.Sprintf("<settings pass=%q>: no such pass", settings.attrs["pass"]))
		}
	}
	a.root = root
	return a, nil
}

func (a *Answers) invalid(detail string) *Screen {
	return &Screen{
		ID: "unattend-parse", Pass: "windowsPE", Title: "Windows Setup",
		Text:   fmt.Sprintf("Windows could not parse or process the unattend answer file [%s]. The answer file is invalid.", a.Path),
		Log:    detail,
		Source: "cloudbase/windows-imaging-tools#1",
	}
}

// Check proves every setting of one pass against the schema: unknown
// elements, values of the wrong kind, texts that are too long, list items
// without wcm:action. installation is "Server", "Server Core" or "Client": a
// component of the other side is passed over, as Windows does
// (antifob/incus-windows ships server components in client files).
func (a *Answers) Check(pass, installation string) *Screen {
	for _, settings := range a.root.children {
		if settings.name != "settings" || settings.attrs["pass"] != pass {
			continue
		}
		for _, c := range settings.children {
			if screen := a.checkComponent(pass, installation, c); screen != nil {
				return screen
			}
		}
	}
	return nil
}

func (a *Answers) checkComponent(pass, installation string, c *node) *Screen {
	if c.name != "component" {
		return a.refuse(pass, "", fmt.Sprintf("<%s> below <settings>", c.name))
	}
	name := c.attrs["name"]
	for attr, want := range map[string]string{
		"publicKeyToken": "31bf3856ad364e35", "language": "neutral", "versionScope": "nonSxS",
	} {
		if got := c.attrs[attr]; !strings.EqualFold(got, want) {
			return a.refuse(pass, name, fmt.Sprintf("%s=%q, not %q", attr, got, want))
		}
	}
	if c.attrs["processorArchitecture"] != "amd64" {
		return nil // a component for other machines
	}
	known, ok := schema[schemaKey{pass, name}]
	if !ok {
		return a.refuse(pass, name, "the component has no settings in this pass")
	}
	side := "server"
	if installation == "Client" {
		side = "client"
	}
	if known.side != "" && known.side != side {
		return nil
	}
	if detail := checkChildren(known.settings, "", c); detail != "" {
		return a.refuse(pass, name, detail)
	}
	return nil
}

// checkChildren proves the elements below one element and returns what is
// wrong with the first bad one.
func checkChildren(settings map[string]setting, path string, n *node) string {
	seen := map[string]bool{}
	keys := map[string]bool{}
	for _, child := range n.children {
		at := strings.TrimPrefix(path+"/"+child.name, "/")
		s, ok := settings[at]
		switch {
		case !ok:
			return fmt.Sprintf("unknown element <%s>", at)
		case seen[child.name] && !s.list:
			return fmt.Sprintf("<%s> stands twice", at)
		case s.list && child.attrs["wcm:action"] != "add":
			return fmt.Sprintf("list item <%s> has no wcm:action=\"add\"", at)
		case s.keyValue && (child.attrs["wcm:keyValue"] == "" || keys[child.attrs["wcm:keyValue"]]):
			return fmt.Sprintf("list item <%s> has no wcm:keyValue of its own", at)
		}
		seen[child.name] = true
		keys[child.attrs["wcm:keyValue"]] = true
		if detail := s.check(at, child); detail != "" {
			return detail
		}
		if detail := checkChildren(settings, at, child); detail != "" {
			return detail
		}
	}
	return checkOrders(path, n)
}

// checkOrders: the Order of the items of one list is unique.
func checkOrders(path string, n *node) string {
	orders := map[string]bool{}
	for _, child := range n.children {
		order, ok := child.value("Order")
		if !ok {
			continue
		}
		if orders[child.name+" "+order] {
			return fmt.Sprintf("<%s/%s>: Order %s stands twice", path, child.name, order)
		}
		orders[child.name+" "+order] = true
	}
	return ""
}

// check proves one value.
func (s setting) check(at string, n *node) string {
	text := strings.TrimSpace(n.text)
	if s.kind != "" && len(n.children) > 0 {
		return fmt.Sprintf("<%s> holds elements, not a value", at)
	}
	switch s.kind {
	case "":
		if text != "" {
			return fmt.Sprintf("<%s> holds text", at)
		}
	case "bool":
		if text != "true" && text != "false" {
			return fmt.Sprintf("<%s> is %q: true or false", at, text)
		}
	case "int":
		number, err := strconv.ParseInt(text, 10, 64)
		if err != nil || number < s.low || number > s.high {
			return fmt.Sprintf("<%s> is %q: a number from %d to %d", at, text, s.low, s.high)
		}
	case "enum":
		if !slices.Contains(s.values, text) {
			return fmt.Sprintf("<%s> is %q: one of %s", at, text, strings.Join(s.values, ", "))
		}
	case "text":
		if length := len(utf16.Encode([]rune(n.text))); s.max > 0 && length > s.max {
			return fmt.Sprintf("<%s> has %d characters, at most %d", at, length, s.max)
		}
	}
	return ""
}

func (a *Answers) refuse(pass, component, detail string) *Screen {
	text := fmt.Sprintf("Windows could not parse or process unattend answer file [%s] for pass [%s].", a.Path, pass)
	if component != "" {
		text += fmt.Sprintf(" The settings specified in the answer file cannot be applied. The error was detected while processing settings for component [%s].", component)
	}
	return &Screen{
		ID: "unattend-parse", Pass: pass, Title: "Windows Setup", Text: text, Log: detail,
		Source: "cloudbase/windows-imaging-tools#1",
	}
}

// component finds a component for amd64 in a pass, or gives nil.
func (a *Answers) component(pass, name string) *node {
	for _, settings := range a.root.children {
		if settings.attrs["pass"] != pass {
			continue
		}
		for _, c := range settings.children {
			if c.attrs["name"] == name && c.attrs["processorArchitecture"] == "amd64" {
				return c
			}
		}
	}
	return nil
}

// Command is a command of the answer file.
type Command struct {
	Order      int
	Line       string
	WillReboot string // Always, Never, OnRequest; specialize only
}

// commands reads a RunSynchronous list or one of first-logon commands, in
// their order.
func commands(component *node, list, item, line string) []Command {
	var all []Command
	for _, n := range component.all(list, item) {
		order, _ := n.number("Order")
		text, _ := n.value(line)
		reboot, _ := n.value("WillReboot")
		all = append(all, Command{Order: order, Line: text, WillReboot: reboot})
	}
	slices.SortStableFunc(all, func(a, b Command) int { return a.Order - b.Order })
	return all
}
