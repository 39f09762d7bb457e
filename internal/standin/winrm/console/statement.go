package console

import (
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// statements runs a script's statements one after the other and returns its
// exit code.
func (s *session) statements(text string) int {
	for number, line := range strings.Split(text, "\n") {
		for _, st := range splitStatements(line) {
			if s.ctx.Err() != nil {
				return 1
			}
			exit, ended, err := s.statement(st)
			switch {
			case errors.Is(err, errUnknown):
				return s.refuse("PowerShell", fmt.Sprintf("line %d: %s", number+1, st))
			case err != nil:
				return s.fail(err)
			case ended:
				return exit
			}
		}
	}
	return 0
}

// splitStatements cuts a line at semicolons outside quotes and braces, and
// drops comments.
func splitStatements(line string) []string {
	var out []string
	var quote byte
	depth, start := 0, 0
	add := func(end int) {
		if st := strings.TrimSpace(line[start:end]); st != "" {
			out = append(out, st)
		}
		start = end + 1
	}
	for i := 0; i < len(line); i++ {
		c := line[i]
		switch {
		case quote != 0:
			if c == '`' && quote == '"' {
				i++
			} else if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case c == '{' || c == '(':
			depth++
		case c == '}' || c == ')':
			depth--
		case c == ';' && depth == 0:
			add(i)
		case c == '#' && depth == 0 && strings.TrimSpace(line[start:i]) == "":
			return out
		}
	}
	add(len(line))
	return out
}

var errUnknown = errors.New("not understood")

var (
	setEnv     = regexp.MustCompile(`(?i)^\$env:(\w+)\s*=\s*(.+)$`)
	setPref    = regexp.MustCompile(`(?i)^\$(ProgressPreference|ErrorActionPreference|VerbosePreference|WarningPreference)\s*=\s*['"]?\w+['"]?$`)
	write      = regexp.MustCompile(`(?i)^(Write-Output|Write-Host|echo|Write-Error|throw)\s+(.+)$`)
	exitWith   = regexp.MustCompile(`(?i)^exit(?:\s+(-?\d+))?$`)
	sleepFor   = regexp.MustCompile(`(?i)^Start-Sleep\s+(-Seconds\s+|-s\s+|-Milliseconds\s+|-m\s+)?(\d+)$`)
	testRemove = regexp.MustCompile(`(?i)^if \(Test-Path ([^()]+)\) ?\{ ?Remove-Item ([^{}]+?) ?\}$`)
	remove     = regexp.MustCompile(`(?i)^Remove-Item (?:-LiteralPath |-Path )?(\S+|'[^']*'|"[^"]*")(?: -Force)?$`)
	testPath   = regexp.MustCompile(`(?i)^Test-Path (?:-LiteralPath |-Path )?(.+)$`)
	getContent = regexp.MustCompile(`(?i)^Get-Content (?:-Raw )?(?:-LiteralPath |-Path )?(\S+|'[^']*'|"[^"]*")$`)
	setContent = regexp.MustCompile(`(?i)^Set-Content (?:-LiteralPath |-Path )?(\S+|'[^']*'|"[^"]*") (?:-Value )?('[^']*'|"[^"]*")$`)
	newFolder  = regexp.MustCompile(`(?i)^New-Item -ItemType Directory(?: -Force)? (?:-Path )?(\S+|'[^']*'|"[^"]*")(?: -Force)?(?: \| Out-Null)?$`)
	restart    = regexp.MustCompile(`(?i)^Restart-Computer(?: -Force)?$`)
)

// statement runs one; ended says that the script ends with it.
func (s *session) statement(st string) (exit int, ended bool, err error) {
	if setPref.MatchString(st) {
		return 0, false, nil
	}
	if m := setEnv.FindStringSubmatch(st); m != nil {
		value, err := s.value(m[2])
		s.env[strings.ToUpper(m[1])] = value
		return 0, false, err
	}
	if m := write.FindStringSubmatch(st); m != nil {
		value, err := s.value(m[2])
		if err != nil {
			return 0, false, err
		}
		switch strings.ToLower(m[1]) {
		case "throw":
			return 0, false, errors.New(value)
		case "write-error":
			fmt.Fprintf(s.p.Stderr, "%s\r\n", value)
		default:
			s.out("%s\r\n", value)
		}
		return 0, false, nil
	}
	if m := exitWith.FindStringSubmatch(st); m != nil {
		return exitCode(m[1]), true, nil
	}
	if m := sleepFor.FindStringSubmatch(st); m != nil {
		n, _ := strconv.Atoi(m[2])
		unit := time.Second
		if strings.HasPrefix(strings.ToLower(m[1]), "-m") {
			unit = time.Millisecond
		}
		s.pause(time.Duration(n) * unit)
		return 0, false, nil
	}
	if restart.MatchString(st) {
		return s.Machine.Shutdown(true, 0, "Restart-Computer"), false, nil
	}
	return s.fileStatement(st)
}

func (s *session) fileStatement(st string) (exit int, ended bool, err error) {
	if m := testRemove.FindStringSubmatch(st); m != nil && m[1] == m[2] {
		return s.removeIfThere(m[1]), false, nil
	}
	if m := remove.FindStringSubmatch(st); m != nil {
		return 0, false, s.atPath(m[1], s.Files.Remove)
	}
	if m := getContent.FindStringSubmatch(st); m != nil {
		return 0, false, s.atPath(m[1], func(path string) error {
			data, err := s.Files.ReadFile(path)
			if err == nil {
				s.out("%s\r\n", strings.TrimRight(decodeText(data), "\r\n"))
			}
			return err
		})
	}
	if m := setContent.FindStringSubmatch(st); m != nil {
		value, err := s.value(m[2])
		if err != nil {
			return 0, false, err
		}
		return 0, false, s.atPath(m[1], func(path string) error { return s.Files.WriteFile(path, []byte(value+"\r\n")) })
	}
	if m := newFolder.FindStringSubmatch(st); m != nil {
		return 0, false, s.atPath(m[1], s.Files.Mkdir)
	}
	if m := testPath.FindStringSubmatch(st); m != nil {
		there, err := s.there(m[1])
		if err == nil {
			s.out("%s\r\n", map[bool]string{true: "True", false: "False"}[there])
		}
		return 0, false, err
	}
	return 0, false, errUnknown
}

// there is Test-Path, of a file or of a registry key.
func (s *session) there(expression string) (bool, error) {
	path, err := s.value(expression)
	if err != nil {
		return false, err
	}
	if upper := strings.ToUpper(path); strings.HasPrefix(upper, "HKLM:") || strings.HasPrefix(upper, "HKCU:") {
		r, ok := s.Machine.(Registry)
		return ok && r.HasKey(path), nil
	}
	if path, err = clean(path); err != nil {
		return false, err
	}
	_, err = s.Files.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

func (s *session) atPath(expression string, do func(path string) error) error {
	path, err := s.value(expression)
	if err != nil {
		return err
	}
	if path, err = clean(path); err != nil {
		return err
	}
	return do(path)
}

// value reads a literal: 'text', "text with $env:NAME", $env:NAME or one bare
// word.
func (s *session) value(text string) (string, error) {
	text = strings.TrimSpace(text)
	switch {
	case len(text) > 1 && text[0] == '\'' && text[len(text)-1] == '\'':
		inner := text[1 : len(text)-1]
		if strings.Contains(strings.ReplaceAll(inner, "''", ""), "'") {
			return "", errUnknown
		}
		return strings.ReplaceAll(inner, "''", "'"), nil
	case len(text) > 1 && text[0] == '"' && text[len(text)-1] == '"':
		return s.expandPowerShell(text[1 : len(text)-1]), nil
	case strings.ContainsAny(text, "\"'(){}|&<> ") || strings.HasPrefix(text, "@"):
		return "", errUnknown
	case strings.HasPrefix(text, "$") && !strings.HasPrefix(strings.ToLower(text), "$env:"):
		return "", errUnknown
	}
	return s.expandPowerShell(text), nil
}
