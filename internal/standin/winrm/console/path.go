package console

import (
	"fmt"
	"strings"
)

// clean makes a Windows path absolute in the one form that FileSystem takes.
func clean(path string) (string, error) {
	path = strings.ReplaceAll(strings.Trim(path, `'"`), "/", `\`)
	if len(path) < 3 || path[1] != ':' || path[2] != '\\' {
		return "", fmt.Errorf("stand-in: %q is not an absolute path with a drive letter", path)
	}
	parts := []string{}
	for _, part := range strings.Split(path[3:], `\`) {
		switch part {
		case "", ".":
		case "..":
			if len(parts) > 0 {
				parts = parts[:len(parts)-1]
			}
		default:
			parts = append(parts, part)
		}
	}
	return strings.ToUpper(path[:1]) + `:\` + strings.Join(parts, `\`), nil
}

// expandCmd replaces %NAME% as cmd.exe does; an unknown name stays.
func (s *session) expandCmd(text string) string {
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(text, "%")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		name, after, closed := strings.Cut(rest, "%")
		value, known := s.env[strings.ToUpper(name)]
		if !closed || !known {
			b.WriteString("%")
			text = rest
			continue
		}
		b.WriteString(value)
		text = after
	}
}

// expandPowerShell reads a double-quoted string's inside: $env:NAME,
// $($env:NAME), ${env:NAME} and back-ticks.
func (s *session) expandPowerShell(text string) string {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		switch rest := text[i:]; {
		case text[i] == '`' && i+1 < len(text):
			i++
			switch text[i] {
			case 'n':
				b.WriteByte('\n')
			case 'r':
				b.WriteByte('\r')
			case 't':
				b.WriteByte('\t')
			default:
				b.WriteByte(text[i])
			}
		case text[i] == '$':
			name, length := envReference(rest)
			if length == 0 {
				b.WriteByte('$')
				continue
			}
			b.WriteString(s.env[strings.ToUpper(name)])
			i += length - 1
		default:
			b.WriteByte(text[i])
		}
	}
	return b.String()
}

// envReference reads $env:NAME in its three forms at the start of text.
func envReference(text string) (name string, length int) {
	for _, form := range []struct{ open, end string }{{"$($env:", ")"}, {"${env:", "}"}, {"$env:", ""}} {
		if len(text) < len(form.open) || !strings.EqualFold(text[:len(form.open)], form.open) {
			continue
		}
		n := len(form.open)
		for n < len(text) && (text[n] == '_' || text[n] >= '0' && text[n] <= '9' || text[n] >= 'A' && text[n] <= 'Z' || text[n] >= 'a' && text[n] <= 'z') {
			n++
		}
		name = text[len(form.open):n]
		if name == "" || !strings.HasPrefix(text[n:], form.end) {
			continue
		}
		return name, n + len(form.end)
	}
	return "", 0
}
