package console

import (
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"strings"
	"unicode/utf16"
)

// powershell runs powershell.exe with its arguments.
func (s *session) powershell(args string) int {
	for args != "" {
		word, rest := firstWord(args)
		switch strings.ToLower(word) {
		case "-noprofile", "-noninteractive", "-nologo":
			args = rest
		case "-executionpolicy", "-inputformat", "-outputformat":
			_, args = firstWord(rest)
		case "-encodedcommand", "-enc", "-e":
			script, err := decodeCommand(rest)
			if err != nil {
				return s.refuse("-EncodedCommand", err.Error())
			}
			return s.script(script)
		case "-file":
			path, _ := firstWord(rest)
			return s.scriptFile(path)
		case "-command", "-c":
			return s.script(unquote(rest))
		default:
			return s.script(unquote(args))
		}
	}
	return s.refuse("interactive PowerShell", "no command")
}

func unquote(text string) string {
	text = strings.TrimSpace(text)
	if len(text) > 1 && text[0] == '"' && text[len(text)-1] == '"' {
		return text[1 : len(text)-1]
	}
	return text
}

// decodeCommand reads base64 of UTF-16LE.
func decodeCommand(text string) (string, error) {
	raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
	if err != nil || len(raw)%2 != 0 {
		return "", errors.New("not base64 of UTF-16LE")
	}
	units := make([]uint16, len(raw)/2)
	for i := range units {
		units[i] = uint16(raw[2*i]) | uint16(raw[2*i+1])<<8
	}
	return string(utf16.Decode(units)), nil
}

func (s *session) scriptFile(path string) int {
	path, err := clean(s.expandPowerShell(path))
	if err != nil {
		return s.fail(err)
	}
	data, err := s.Files.ReadFile(path)
	if err != nil {
		fmt.Fprintf(s.p.Stderr, "The argument '%s' to the -File parameter does not exist.\r\n", path)
		return -196608 // what powershell.exe ends with
	}
	return s.script(decodeText(data))
}

// decodeText reads a script's bytes: UTF-8 with or without BOM, UTF-16LE with.
func decodeText(data []byte) string {
	if len(data) > 1 && data[0] == 0xff && data[1] == 0xfe {
		text, err := decodeCommand(base64.StdEncoding.EncodeToString(data[2 : len(data)-len(data)%2]))
		if err == nil {
			return text
		}
	}
	return strings.TrimPrefix(string(data), "\ufeff")
}

// The shapes of what Packer sends.
var (
	// masterzen/winrm puts this before every script.
	progress = regexp.MustCompile(`(?i)^\s*\$ProgressPreference\s*=\s*'SilentlyContinue';?`)
	// StepConnectWinRM, windows-restart and the powershell provisioner.
	progressGuard = regexp.MustCompile(`(?is)if \(Test-Path variable:global:ProgressPreference\)\s*\{[^}]*\};?`)
	// The powershell provisioner's runner of a script file.
	runner = regexp.MustCompile(`(?is)^&\s*\{\s*\.\s*(\S+);\s*&\s*'([^']+)';\s*exit \$LastExitCode\s*\}$`)
	// winrmcp's restore and clean-up scripts.
	restoreTemp = regexp.MustCompile(`\$tmp_file_path = \[System\.IO\.Path\]::GetFullPath\("([^"]+)"\)`)
	restoreDest = regexp.MustCompile(`\$dest_file_path = \[System\.IO\.Path\]::GetFullPath\("([^"]+)"\.Trim\("'"\)\)`)
	// windows-restart's checks.
	restarted = regexp.MustCompile(`(?i)^echo \("\{0\} restarted\." -f \[System\.Net\.Dns\]::GetHostName\(\)\)$`)
	// Communicator.Download.
	download = regexp.MustCompile(`^\$file=\[System\.IO\.File\]::ReadAllBytes\("([^"]+)"\); Write-Output \$\(\[System\.Convert\]::ToBase64String\(\$file\)\)$`)
	// The elevated runner: the command stands XML-escaped in a task's definition.
	elevated = regexp.MustCompile(`(?s)Schedule\.Service.*<Arguments>/c (.*?)( &gt; \S+ 2&gt;&amp;1)?</Arguments>`)
)

// script runs a script that has one of the known shapes, or else its
// statements one by one.
func (s *session) script(text string) int {
	text = strings.TrimSpace(progress.ReplaceAllString(text, ""))
	if m := restoreTemp.FindStringSubmatch(text); m != nil {
		if d := restoreDest.FindStringSubmatch(text); d != nil {
			return s.restore(m[1], d[1])
		}
		return s.removeIfThere(m[1])
	}
	if m := elevated.FindStringSubmatch(text); m != nil {
		var command string
		if err := xml.Unmarshal([]byte("<x>"+m[1]+"</x>"), &command); err != nil {
			return s.fail(err)
		}
		return s.command(command)
	}
	text = strings.TrimSpace(strings.ReplaceAll(progressGuard.ReplaceAllString(text, ""), "\r\n", "\n"))
	// The guard also stands inside the runner's braces.
	if m := runner.FindStringSubmatch(text); m != nil {
		if exit := s.scriptFile(m[1]); exit != 0 {
			return exit
		}
		return s.scriptFile(m[2])
	}
	switch {
	case restarted.MatchString(text):
		s.out("%s restarted.\r\n", s.env["COMPUTERNAME"])
		return 0
	case download.MatchString(text):
		return s.download(download.FindStringSubmatch(text)[1])
	}
	return s.statements(unwrap(text))
}

// unwrap takes the user's lines out of the try block that the powershell
// provisioner puts around them.
func unwrap(text string) string {
	lines := strings.Split(text, "\n")
	trimmed := func(i int) string { return strings.TrimSpace(lines[i]) }
	for i := 0; i+1 < len(lines); i++ {
		if trimmed(i) != "$exitCode = 0" || trimmed(i+1) != "try {" {
			continue
		}
		for j := i + 2; j+1 < len(lines); j++ {
			if trimmed(j) == "$exitCode = 0" && trimmed(j+1) == "} catch {" {
				return strings.Join(lines[i+2:j], "\n")
			}
		}
	}
	return text
}

// restore decodes winrmcp's temporary file, line by line, to its place. No
// temporary file means that nothing was uploaded: an empty file, as
// "echo $null > file" makes it, which is a byte order mark in 5.1.
func (s *session) restore(from, to string) int {
	from, err := clean(s.expandPowerShell(from))
	if err != nil {
		return s.fail(err)
	}
	to, err = clean(s.expandPowerShell(to))
	if err != nil {
		return s.fail(err)
	}
	if info, err := s.Files.Stat(to); err == nil && info.IsDir() {
		return 1
	}
	text, err := s.Files.ReadFile(from)
	if errors.Is(err, fs.ErrNotExist) {
		err = s.Files.WriteFile(to, []byte{0xff, 0xfe})
		if err != nil {
			return s.fail(err)
		}
		return 0
	}
	if err != nil {
		return s.fail(err)
	}
	var out []byte
	for line := range strings.Lines(string(text)) {
		piece, err := base64.StdEncoding.DecodeString(strings.TrimSpace(line))
		if err != nil {
			return s.fail(fmt.Errorf("%s: a line is not base64: %w", from, err))
		}
		out = append(out, piece...)
	}
	if err := s.Files.WriteFile(to, out); err != nil {
		return s.fail(err)
	}
	return 0
}

func (s *session) removeIfThere(path string) int {
	path, err := clean(s.expandPowerShell(path))
	if err == nil {
		err = s.Files.Remove(path)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return s.fail(err)
	}
	return 0
}

func (s *session) download(path string) int {
	path, err := clean(s.expandPowerShell(path))
	if err != nil {
		return s.fail(err)
	}
	data, err := s.Files.ReadFile(path)
	if err != nil {
		return s.fail(err)
	}
	s.out("%s\r\n", base64.StdEncoding.EncodeToString(data))
	return 0
}
