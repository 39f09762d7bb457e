package console

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// command runs one line as cmd.exe would.
func (s *session) command(line string) int {
	if s.depth++; s.depth > 8 {
		return s.refuse("commands nested so deep", line)
	}
	defer func() { s.depth-- }()
	line = strings.TrimSpace(line)
	// The windows-shell provisioner: set "A=b" && set "C=d" && "c:/…/script.bat"
	for {
		rest, ok := strings.CutPrefix(line, `set "`)
		if !ok {
			break
		}
		pair, after, ok := strings.Cut(rest, `"`)
		name, value, isPair := strings.Cut(pair, "=")
		if !ok || !isPair {
			return s.refuse("command", line)
		}
		s.env[strings.ToUpper(name)] = s.expandCmd(value)
		if line, ok = strings.CutPrefix(strings.TrimSpace(after), "&&"); !ok {
			return 0
		}
		line = strings.TrimSpace(line)
	}
	name, args := firstWord(line)
	switch strings.TrimSuffix(strings.ToLower(name), ".exe") {
	case "echo":
		return s.echo(args)
	case "rem", "@echo":
		return 0
	case "exit":
		return exitCode(strings.TrimSpace(strings.TrimPrefix(args, "/b")))
	case "cmd":
		if rest, ok := cutFold(args, "/c "); ok {
			return s.command(strings.TrimSpace(rest))
		}
	case "hostname":
		s.out("%s\r\n", s.env["COMPUTERNAME"])
		return 0
	case "whoami":
		s.out("%s\\%s\r\n", strings.ToLower(s.env["COMPUTERNAME"]), strings.ToLower(s.env["USERNAME"]))
		return 0
	case "type":
		return s.show(s.expandCmd(args))
	case "shutdown":
		return s.shutdown(args)
	case "powershell", "pwsh":
		return s.powershell(args)
	}
	if lower := strings.ToLower(name); strings.HasSuffix(lower, ".bat") || strings.HasSuffix(lower, ".cmd") {
		return s.batch(s.expandCmd(name))
	}
	return s.refuse("command", line)
}

// firstWord splits a line after its program, which may be quoted.
func firstWord(line string) (word, rest string) {
	if after, ok := strings.CutPrefix(line, `"`); ok {
		if word, rest, ok = strings.Cut(after, `"`); ok {
			return word, strings.TrimSpace(rest)
		}
	}
	word, rest, _ = strings.Cut(line, " ")
	return word, strings.TrimSpace(rest)
}

// cutFold is strings.CutPrefix without regard to ASCII case.
func cutFold(text, prefix string) (string, bool) {
	if len(text) < len(prefix) || !strings.EqualFold(text[:len(prefix)], prefix) {
		return text, false
	}
	return text[len(prefix):], true
}

func exitCode(text string) int {
	n, _ := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
	return int(n)
}

// echo writes to stdout or, with > or >>, to a file; winrmcp's whole upload is
// made of: echo BASE64 >> "%TEMP%\winrmcp-ID.tmp"
func (s *session) echo(args string) int {
	text, target, redirected := strings.Cut(args, ">")
	if !redirected {
		s.out("%s\r\n", s.expandCmd(args))
		return 0
	}
	appending := strings.HasPrefix(target, ">")
	path, err := clean(s.expandCmd(strings.TrimSpace(strings.TrimPrefix(target, ">"))))
	if err != nil {
		return s.fail(err)
	}
	line := []byte(s.expandCmd(text) + "\r\n") // the space before > is part of the text
	if appending {
		err = s.Files.AppendFile(path, line)
	} else {
		err = s.Files.WriteFile(path, line)
	}
	if err != nil {
		return s.fail(err)
	}
	return 0
}

func (s *session) show(path string) int {
	path, err := clean(path)
	if err != nil {
		return s.fail(err)
	}
	data, err := s.Files.ReadFile(path)
	if err != nil {
		fmt.Fprint(s.p.Stderr, "The system cannot find the file specified.\r\n")
		return 1
	}
	_, _ = s.p.Stdout.Write(data)
	return 0
}

// shutdown is shutdown.exe with the options that Packer uses.
func (s *session) shutdown(args string) int {
	var restart, off bool
	delay := 30 * time.Second // its default
	reason := ""
	for args != "" {
		var word string
		word, args = firstWord(args)
		switch strings.ToLower(strings.Replace(word, "-", "/", 1)) {
		case "/a":
			return s.Machine.AbortShutdown()
		case "/r":
			restart = true
		case "/s":
			off = true
		case "/f":
		case "/t":
			word, args = firstWord(args)
			n, err := strconv.Atoi(word)
			if err != nil || n < 0 {
				return s.refuse("shutdown option", "/t "+word)
			}
			delay = time.Duration(n) * time.Second
		case "/c", "/d":
			reason, args = firstWord(args)
		default:
			return s.refuse("shutdown option", word)
		}
	}
	if restart == off {
		return s.refuse("shutdown without one of /r and /s", args)
	}
	return s.Machine.Shutdown(restart, delay, reason)
}

// batch runs a file line by line.
func (s *session) batch(path string) int {
	path, err := clean(path)
	if err != nil {
		return s.fail(err)
	}
	data, err := s.Files.ReadFile(path)
	if err != nil {
		return s.fail(err)
	}
	exit := 0
	for line := range strings.Lines(string(data)) {
		line = strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(line), "@"))
		if line == "" || strings.HasPrefix(line, "::") || strings.EqualFold(line, "echo off") {
			continue
		}
		if s.ctx.Err() != nil {
			return 1
		}
		if exit = s.command(line); exit != 0 || strings.HasPrefix(strings.ToLower(line), "exit") {
			return exit
		}
	}
	return exit
}
