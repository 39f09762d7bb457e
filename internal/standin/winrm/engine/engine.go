// Package engine puts a real PowerShell engine behind the stand-in's WinRM
// server, for tests that run the project's own scripts the whole way: client,
// transport, server, engine, and back.
package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"time"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/powershell"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/winrm"
)

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
	cmd := exec.CommandContext(ctx, e.Path, "-NoProfile", "-NonInteractive", "-EncodedCommand", powershell.Encode(e.Prologue+"\n"+script))
	cmd.Env = append(powershell.Environment(), e.Environment...)
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
			return powershell.Decode(fields[i+1])
		}
	}
	return "", errors.New("powershell.exe is known here with -EncodedCommand as its last option only")
}
