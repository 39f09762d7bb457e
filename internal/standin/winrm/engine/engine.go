// Package engine puts a real PowerShell engine behind the stand-in's WinRM
// server, for tests that run the project's own scripts the whole way: client,
// transport, server, engine, and back.
package engine

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/winrm"
)

// Find returns the engine: WINTEMPLATE_PWSH, else ../shared/powershell/pwsh
// beside the repository, else pwsh on PATH. Without one the test is skipped,
// loudly.
func Find(t testing.TB) string {
	t.Helper()
	if path := os.Getenv("WINTEMPLATE_PWSH"); path != "" {
		return path
	}
	if root, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}").Output(); err == nil {
		path := filepath.Join(strings.TrimSpace(string(root)), "..", "shared", "powershell", "pwsh")
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	if path, err := exec.LookPath("pwsh"); err == nil {
		return path
	}
	t.Skip("NOT TESTED: no PowerShell engine; set WINTEMPLATE_PWSH to one, or put pwsh on PATH")
	return ""
}

// Engine runs powershell.exe's command lines.
type Engine struct {
	// Path is the engine's program.
	Path string
	// Environment is added to this process's, as "NAME=value".
	Environment []string
	// Prologue is put before every script: stubs of Windows' commands.
	Prologue string
}

// Start is a winrm.Starter for "powershell.exe [options] -EncodedCommand X";
// any other line is refused. Output, as on a Windows with code page 65001, is
// UTF-8 with CRLF or LF, whatever the script wrote.
func (e Engine) Start(ctx context.Context, p winrm.Process) int {
	script, err := scriptOf(p.CommandLine)
	if err != nil {
		fmt.Fprintf(p.Stderr, "stand-in: %v\r\n", err)
		return 1
	}
	cmd := exec.CommandContext(ctx, e.Path, "-NoProfile", "-NonInteractive", "-EncodedCommand", encode(e.Prologue+"\n"+script))
	cmd.Env = append(os.Environ(), e.Environment...)
	cmd.Stdout, cmd.Stderr = p.Stdout, p.Stderr
	cmd.WaitDelay = 5 * time.Second
	stdin, err := cmd.StdinPipe()
	if err != nil {
		fmt.Fprintf(p.Stderr, "stand-in: %v\r\n", err)
		return 1
	}
	if err := cmd.Start(); err != nil {
		fmt.Fprintf(p.Stderr, "stand-in: %v\r\n", err)
		return 1
	}
	// Not cmd.Stdin: Wait would then wait for a client that sends nothing more.
	go func() {
		_, _ = io.Copy(stdin, p.Stdin)
		_ = stdin.Close()
	}()
	err = cmd.Wait()
	var ended *exec.ExitError
	if err != nil && !errors.As(err, &ended) {
		fmt.Fprintf(p.Stderr, "stand-in: %v\r\n", err)
		return 1
	}
	return cmd.ProcessState.ExitCode()
}

func scriptOf(line string) (string, error) {
	name, args, _ := strings.Cut(line, " ")
	if !strings.EqualFold(strings.TrimSuffix(strings.ToLower(name), ".exe"), "powershell") {
		return "", fmt.Errorf("%q is not recognized; only powershell.exe is here", name)
	}
	fields := strings.Fields(args)
	for i, f := range fields {
		if strings.EqualFold(f, "-EncodedCommand") && i+1 == len(fields)-1 {
			return decode(fields[i+1])
		}
	}
	return "", errors.New("powershell.exe is known here with -EncodedCommand as its last option only")
}

func decode(text string) (string, error) {
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(raw)%2 != 0 {
		return "", errors.New("-EncodedCommand is not base64 of UTF-16LE")
	}
	units := make([]uint16, len(raw)/2)
	for i := range units {
		units[i] = uint16(raw[2*i]) | uint16(raw[2*i+1])<<8
	}
	return string(utf16.Decode(units)), nil
}

func encode(script string) string {
	var raw bytes.Buffer
	for _, u := range utf16.Encode([]rune(script)) {
		raw.Write([]byte{byte(u), byte(u >> 8)})
	}
	return base64.StdEncoding.EncodeToString(raw.Bytes())
}
