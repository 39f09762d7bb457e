package winrm

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"time"
)

// Process is one command of a shell, as its Starter sees it.
type Process struct {
	User        string // who logged on
	ShellID     string
	CommandLine string // command and arguments, joined by spaces
	Directory   string // the shell's working directory, "" when the client named none
	Environment map[string]string
	CodePage    int  // WINRS_CODEPAGE, 0 when the client named none
	SkipCmd     bool // WINRS_SKIP_CMD_SHELL
	ConsoleMode bool // WINRS_CONSOLEMODE_STDIN: stdin is a console's, Send is refused
	Stdin       io.Reader
	Stdout      io.Writer
	Stderr      io.Writer
}

// Starter runs one process to its end and returns its exit code. ctx ends when
// the client signals the process, deletes its shell, or the server closes.
type Starter func(ctx context.Context, p Process) (exit int)

// Quotas are the service's limits; a zero field means Windows' default.
type Quotas struct {
	EnvelopeBytes     int           // MaxEnvelopeSizekb: 500 KB = 512000
	ShellsPerUser     int           // MaxShellsPerUser: 30
	ProcessesPerShell int           // MaxProcessesPerShell: 25
	OperationsPerUser int           // MaxConcurrentOperationsPerUser: 1500
	MaxTimeout        time.Duration // MaxTimeoutms: 60 s
	LockoutFailures   int           // refused logons until the account locks: 10
	LockoutDuration   time.Duration // 10 minutes
}

// Config is what a Server needs.
type Config struct {
	Certificate  tls.Certificate // shown by Serve; ServeHTTP needs none
	Authenticate func(user, password string) bool
	Start        Starter
	Quotas       Quotas
	Log          func(format string, args ...any) // nil: silent
}

// Server is a WinRM service. It is an http.Handler for /wsman; Serve adds TLS.
type Server struct{ cfg Config }

// NewServer returns a server; it fails when Authenticate or Start is nil.
func NewServer(cfg Config) (*Server, error) {
	if cfg.Authenticate == nil || cfg.Start == nil {
		return nil, errors.New("standin/winrm: Config needs Authenticate and Start")
	}
	return &Server{cfg: cfg}, nil
}

// Serve answers HTTPS on l until Close.
func (s *Server) Serve(l net.Listener) error { return errors.New("not yet") }

// Close ends all processes, shells and connections.
func (s *Server) Close() error { return nil }

// ServeHTTP answers one WS-Management request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	http.Error(w, "not yet", http.StatusNotImplemented)
}
