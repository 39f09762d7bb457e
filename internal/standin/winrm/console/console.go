// Package console runs the few command lines that Packer's own communicator
// and provisioners send over WinRM (the connection check, winrmcp's upload in
// echo lines, restore and clean-up scripts, windows-restart's shutdown and its
// checks, the runners of the powershell and windows-shell provisioners) and
// this project's own upload and download, without any Windows: they are recognised by shape
// and carried out on a [FileSystem] and a [Machine].
//
// It is no shell and no PowerShell. Of a script it understands single
// statements that write text, wait, set an environment variable, read, write
// or remove a file, restart, exit or throw. Whatever else it meets it refuses
// on stderr, naming the line, with exit code 1.
package console

import (
	"context"
	"fmt"
	"io/fs"
	"strings"
	"time"
	"unicode/utf16"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/delivery/pull"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/winrm"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/winrm/upload"
)

// FileSystem is the guest's disk. Paths are absolute Windows paths with a
// drive letter and backslashes, cleaned; case does not matter.
type FileSystem interface {
	ReadFile(path string) ([]byte, error)      // fs.ErrNotExist when absent
	WriteFile(path string, data []byte) error  // makes the folder
	AppendFile(path string, data []byte) error // makes the file and the folder
	Remove(path string) error                  // fs.ErrNotExist when absent
	Mkdir(path string) error                   // with parents
	Stat(path string) (fs.FileInfo, error)     // fs.ErrNotExist when absent
}

// Machine is what a command may ask of the guest as a whole.
type Machine interface {
	ComputerName() string
	// Shutdown asks for a power-off or restart after delay and returns
	// shutdown.exe's exit code: 0, 1190 when one is scheduled already, 1115
	// when one is under way.
	Shutdown(restart bool, delay time.Duration, reason string) (exit int)
	// AbortShutdown takes back a scheduled one; 1116 when there is none.
	AbortShutdown() (exit int)
}

// Registry may be implemented by a Machine: windows-restart with
// check_registry asks whether keys are there. Without it no key is.
type Registry interface {
	// HasKey takes a key as PowerShell names it, "HKLM:Software\X".
	HasKey(key string) bool
}

// Console interprets Packer's commands.
type Console struct {
	Files   FileSystem
	Machine Machine
	// Environment expands %NAME% and $env:NAME; TEMP, SystemRoot, USERNAME
	// and COMPUTERNAME have defaults.
	Environment map[string]string
	// Next is asked first (nil: nobody); handled=false passes the process on.
	Next func(ctx context.Context, p winrm.Process) (exit int, handled bool)
}

// commandLineMax is cmd.exe's limit.
const commandLineMax = 8191

// Start is a winrm.Starter.
func (c *Console) Start(ctx context.Context, p winrm.Process) (exit int) {
	// WinRM runs every line as cmd /c; a longer one never starts.
	if !p.SkipCmd && len(utf16.Encode([]rune(p.CommandLine))) > commandLineMax {
		fmt.Fprint(p.Stderr, "The command line is too long.\r\n")
		return 1
	}
	if c.Next != nil {
		if exit, handled := c.Next(ctx, p); handled {
			return exit
		}
	}
	switch p.CommandLine { // a failure is in the answer
	case upload.Command():
		_ = upload.Take(p.Stdin, p.Stdout, store{c.Files})
		return 0
	case pull.Command():
		_ = pull.Take(ctx, p.Stdin, p.Stdout, store{c.Files})
		return 0
	}
	s := &session{Console: c, ctx: ctx, p: p, env: c.environment(p)}
	return s.command(p.CommandLine)
}

func (c *Console) environment(p winrm.Process) map[string]string {
	user := p.User[strings.LastIndexByte(p.User, '\\')+1:]
	env := map[string]string{
		"TEMP":         `C:\Users\` + user + `\AppData\Local\Temp`,
		"TMP":          `C:\Users\` + user + `\AppData\Local\Temp`,
		"SYSTEMROOT":   `C:\Windows`,
		"WINDIR":       `C:\Windows`,
		"SYSTEMDRIVE":  `C:`,
		"PROGRAMDATA":  `C:\ProgramData`,
		"USERNAME":     user,
		"COMPUTERNAME": c.Machine.ComputerName(),
	}
	for k, v := range c.Environment {
		env[strings.ToUpper(k)] = v
	}
	for k, v := range p.Environment {
		env[strings.ToUpper(k)] = v
	}
	return env
}

// session is one process: its environment is its own.
type session struct {
	*Console
	ctx   context.Context
	p     winrm.Process
	env   map[string]string
	depth int
}

func (s *session) out(format string, args ...any) { fmt.Fprintf(s.p.Stdout, format, args...) }

// refuse says what is not understood.
func (s *session) refuse(what, text string) int {
	fmt.Fprintf(s.p.Stderr, "stand-in: this is not Windows and runs no %s beyond what Packer itself sends; not understood: %s\r\n", what, text)
	return 1
}

func (s *session) fail(err error) int {
	fmt.Fprintf(s.p.Stderr, "%v\r\n", err)
	return 1
}

// pause waits, unless the process is told to end.
func (s *session) pause(d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-s.ctx.Done():
		return false
	}
}
