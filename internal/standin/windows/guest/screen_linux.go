package guest

import (
	"fmt"
	"os"
	"strings"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/windows/setup"
)

// show draws a screen on the VGA console. Its id stands in a corner for the
// tests that look at the text console.
func show(s *setup.Screen) {
	logf("screen %s: %s: %s (%s)", s.ID, s.Title, s.Text, s.Log)
	draw(s.Title, append(wrap(s.Text, 70), "", s.Log, "", "[stand-in: "+s.ID+"]")...)
}

// progress draws what Windows shows while it works.
func progress(title string, lines ...string) {
	logf("%s: %s", title, strings.Join(lines, ", "))
	draw(title, lines...)
}

func draw(title string, lines ...string) {
	var b strings.Builder
	b.WriteString("\x1b[0;37;44m\x1b[2J\x1b[3;4H\x1b[1m" + title + "\x1b[0;37;44m")
	for i, line := range lines {
		fmt.Fprintf(&b, "\x1b[%d;4H%s", 5+i, line)
	}
	// A machine without a screen works on.
	_ = os.WriteFile("/dev/tty0", []byte(b.String()), 0)
}

// wrap breaks a text into lines at spaces.
func wrap(text string, width int) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && len(line)+1+len(word) > width {
			lines = append(lines, line)
			line = ""
		}
		line = strings.TrimPrefix(line+" "+word, " ")
	}
	return append(lines, line)
}
