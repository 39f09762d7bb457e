package setup

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// Action is what one command of an answer file does here. The stand-in has no
// cmd.exe: it knows two kinds of commands and refuses every other.
type Action struct {
	// Beacon is the line that an echo sends to COM1.
	Beacon string
	// Registry is the value that reg.exe add writes; nil for another command.
	Registry *RegistryValue
}

// RegistryValue is what reg.exe add writes. Name is empty for the default
// value; Type is empty when only the key is made.
type RegistryValue struct{ Key, Name, Type, Data string }

var errCommand = errors.New("the stand-in runs only echoes to COM1 and reg.exe add")

// beaconForm is `cmd /c (echo text)>COM1 2>nul`, or that in quotes with
// `& exit /b 0` after it, so that a machine without the port goes on. The parentheses matter: a
// digit before > names a handle.
var beaconForm = regexp.MustCompile(`(?i)^(?:%COMSPEC%|cmd(?:\.exe)?) /c "?\(\s*echo ([^()]*)\)\s*>\s*(?:\\\\\.\\)?COM1(?:\s+2>\s*nul)?(?:\s*&\s*exit /b 0)?"?$`)

// cmdMeta are characters that cmd.exe does not echo as they are.
const cmdMeta = "&|<>^%"

// Interpret reads one command line.
func Interpret(line string) (Action, error) {
	if match := beaconForm.FindStringSubmatch(line); match != nil {
		if strings.ContainsAny(match[1], cmdMeta) {
			return Action{}, fmt.Errorf("%q: cmd.exe gives %q a meaning", line, cmdMeta)
		}
		return Action{Beacon: match[1]}, nil
	}
	words, err := splitArguments(line)
	if err != nil {
		return Action{}, fmt.Errorf("%q: %w", line, err)
	}
	if len(words) > 3 && strings.EqualFold(words[0], "cmd.exe") && strings.EqualFold(words[1], "/c") {
		words = words[2:]
	}
	if len(words) < 3 || !strings.EqualFold(words[1], "add") ||
		!strings.EqualFold(words[0], "reg.exe") && !strings.EqualFold(words[0], "reg") {
		return Action{}, fmt.Errorf("%q: %w", line, errCommand)
	}
	value, err := registryAdd(words[2:])
	if err != nil {
		return Action{}, fmt.Errorf("%q: %w", line, err)
	}
	return Action{Registry: value}, nil
}

// registryAdd reads reg.exe add's arguments, as "reg add /?" lists them.
func registryAdd(words []string) (*RegistryValue, error) {
	v := &RegistryValue{Key: words[0]}
	named, force := false, false
	for i := 1; i < len(words); i++ {
		flag := strings.ToLower(words[i])
		switch flag {
		case "/f":
			force = true
			continue
		case "/ve":
			named = true
			continue
		case "/reg:64", "/reg:32":
			continue
		case "/v", "/t", "/d":
		default:
			return nil, fmt.Errorf("reg.exe add has no argument %q", words[i])
		}
		if i++; i == len(words) {
			return nil, fmt.Errorf("reg.exe add: %s without a value", flag)
		}
		switch flag {
		case "/v":
			v.Name, named = words[i], true
		case "/t":
			v.Type = strings.ToUpper(words[i])
		case "/d":
			v.Data = words[i]
		}
	}
	if !force {
		return nil, errors.New("reg.exe add without /f asks when the value exists, and nobody answers")
	}
	if named && v.Type == "" {
		v.Type = "REG_SZ"
	}
	root, _, _ := strings.Cut(v.Key, `\`)
	if !strings.EqualFold(root, "HKLM") && !strings.EqualFold(root, "HKEY_LOCAL_MACHINE") {
		return nil, fmt.Errorf("key %q: the stand-in keeps HKLM only", v.Key)
	}
	return v, nil
}

// splitArguments splits a command line at spaces outside quotes, as the
// Microsoft C runtime does for lines without backslashes before quotes.
func splitArguments(line string) ([]string, error) {
	var words []string
	var word strings.Builder
	quoted, open := false, false
	for i, r := range line {
		switch {
		case r == '"':
			if i > 0 && line[i-1] == '\\' {
				return nil, errors.New(`a backslash before a quote escapes it`)
			}
			quoted, open = !quoted, true
		case r == ' ' && !quoted:
			if open {
				words = append(words, word.String())
				word.Reset()
				open = false
			}
		default:
			word.WriteRune(r)
			open = true
		}
	}
	if quoted {
		return nil, errors.New("a quote is not closed")
	}
	if open {
		words = append(words, word.String())
	}
	return words, nil
}
