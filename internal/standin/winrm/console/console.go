// Package console runs the few command lines that Packer's own communicator
// and provisioners send over WinRM (the connection check, winrmcp's upload in
// echo lines, restore and clean-up scripts, windows-restart's shutdown and its
// checks, the powershell provisioner's runner) without any Windows: they are
// recognised by shape and carried out on a [FileSystem] and a [Machine].
//
// It is no shell and no PowerShell. Whatever it does not recognise is refused
// on stderr, naming the line, with exit code 1.
package console

import (
	"context"
	"io/fs"
	"time"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/winrm"
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
	// Shutdown asks for a power-off or restart after delay. An error with
	// code 1190 (one is scheduled) or 1115 (in progress) is an ExitCode.
	Shutdown(restart bool, delay time.Duration, reason string) (exit int)
	// AbortShutdown takes back a scheduled one; 1116 when there is none.
	AbortShutdown() (exit int)
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

// Start is a winrm.Starter.
func (c *Console) Start(ctx context.Context, p winrm.Process) (exit int) { return 1 }

// NewMemory returns an empty file system in memory.
func NewMemory() FileSystem { return nil }
