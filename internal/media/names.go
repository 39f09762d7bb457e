package media

import (
	"regexp"
	"strings"
)

// deviceName is what Windows takes for a device, in every folder and with any
// extension (learn.microsoft.com/windows/win32/fileio/naming-a-file).
var deviceName = regexp.MustCompile(`(?i)^(CON|PRN|AUX|NUL|CONIN\$|CONOUT\$|COM[0-9¹²³]|LPT[0-9¹²³]) *(\.|$)`)

// NotForWindows says why Windows can't open a file or folder of that name, or
// nothing.
func NotForWindows(element string) string {
	switch {
	case strings.ContainsAny(element, `<>:"|?*\`) || strings.ContainsFunc(element, func(r rune) bool { return r < 0x20 }):
		return "has a name with a character that Windows doesn't allow"
	case deviceName.MatchString(element):
		return "has a name that is a device to Windows"
	case element != strings.TrimRight(element, ". "):
		return "has a name that ends in a dot or a space, which Windows cuts off"
	}
	return ""
}
