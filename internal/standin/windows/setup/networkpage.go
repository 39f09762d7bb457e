package setup

import "strings"

// NetworkPage is Windows 11's OOBE page that wants a network, and goes no
// further without one unless BypassNRO is set (kubevirt-tekton-tasks#845). The
// machine has no network at that time: the plugin keeps its cable unplugged
// until the first logon, since OOBE with a network installs updates and
// restarts (unattend-generator#54). commands are those of the specialize pass.
func NetworkPage(build int, installation string, commands []Command) *Screen {
	if build < firstWindows11 || installation != "Client" {
		return nil
	}
	for _, c := range commands {
		action, err := Interpret(c.Line)
		if err != nil || action.Registry == nil {
			continue
		}
		v := action.Registry
		if strings.EqualFold(v.Key, `HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\OOBE`) && strings.EqualFold(v.Name, "BypassNRO") && v.Data == "1" {
			return nil
		}
	}
	return oobeScreen("oobe-network", "Let's connect you to a network", "no network, and BypassNRO is not set", "kubevirt-tekton-tasks#845")
}
