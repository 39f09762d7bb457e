package winrm

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
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
	ConsoleMode bool // WINRS_CONSOLEMODE_STDIN: stdin is a console's, and Send is refused
	Stdin       io.Reader
	Stdout      io.Writer
	Stderr      io.Writer
}

// Starter runs one process to its end and returns its exit code. ctx ends when
// the client signals the process, deletes its shell, or the server closes;
// from then on Stdin is at its end and writes fail.
type Starter func(ctx context.Context, p Process) (exit int)

// Quotas are the service's limits; a zero field means Windows' default
// (winrm get winrm/config).
type Quotas struct {
	EnvelopeBytes     int           // MaxEnvelopeSizekb: 500 KB = 512000
	ShellsPerUser     int           // MaxShellsPerUser: 30
	ProcessesPerShell int           // MaxProcessesPerShell: 25
	OperationsPerUser int           // MaxConcurrentOperationsPerUser: 1500
	MaxTimeout        time.Duration // MaxTimeoutms: 60 s
	LockoutFailures   int           // refused logons until the account locks: 10
	LockoutDuration   time.Duration // 10 minutes
}

func (q Quotas) withDefaults() Quotas {
	def := func(v *int, d int) {
		if *v == 0 {
			*v = d
		}
	}
	def(&q.EnvelopeBytes, 500*1024)
	def(&q.ShellsPerUser, 30)
	def(&q.ProcessesPerShell, 25)
	def(&q.OperationsPerUser, 1500)
	def(&q.LockoutFailures, 10)
	if q.MaxTimeout == 0 {
		q.MaxTimeout = time.Minute
	}
	if q.LockoutDuration == 0 {
		q.LockoutDuration = 10 * time.Minute
	}
	return q
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
type Server struct {
	cfg      Config
	quotas   Quotas
	accounts *accounts
	mischief mischiefs
	ctx      context.Context
	stop     context.CancelFunc
	done     sync.WaitGroup // running processes

	mu         sync.Mutex
	shells     map[string]*shell
	operations map[string]int // in flight, by user
	counts     map[string]int // answered requests, by operation
	http       *http.Server
}

// NewServer returns a server; it fails when Authenticate or Start is nil.
func NewServer(cfg Config) (*Server, error) {
	if cfg.Authenticate == nil || cfg.Start == nil {
		return nil, errors.New("standin/winrm: Config needs Authenticate and Start")
	}
	if cfg.Log == nil {
		cfg.Log = func(string, ...any) {}
	}
	s := &Server{
		cfg:        cfg,
		quotas:     cfg.Quotas.withDefaults(),
		shells:     map[string]*shell{},
		operations: map[string]int{},
		counts:     map[string]int{},
	}
	s.accounts = &accounts{quotas: s.quotas, check: cfg.Authenticate, now: time.Now}
	s.ctx, s.stop = context.WithCancel(context.Background())
	return s, nil
}

// Serve answers HTTPS on l until Close; it returns http.ErrServerClosed then.
func (s *Server) Serve(l net.Listener) error {
	hs := &http.Server{
		Handler: s,
		TLSConfig: &tls.Config{
			Certificates: []tls.Certificate{s.cfg.Certificate},
			MinVersion:   tls.VersionTLS12,
			NextProtos:   []string{"http/1.1"},
		},
		ReadHeaderTimeout: 30 * time.Second,
		IdleTimeout:       2 * time.Minute, // http.sys drops idle connections after 120 s
		ErrorLog:          log.New(logWriter(s.cfg.Log), "", 0),
		TLSNextProto:      map[string]func(*http.Server, *tls.Conn, http.Handler){},
	}
	s.mu.Lock()
	if s.ctx.Err() != nil {
		s.mu.Unlock()
		return http.ErrServerClosed
	}
	s.http = hs
	s.mu.Unlock()
	return hs.ServeTLS(l, "", "")
}

// Close ends all processes, shells and connections, and waits for the
// Starters to return.
func (s *Server) Close() error {
	s.stop()
	s.mu.Lock()
	hs := s.http
	open := make([]*shell, 0, len(s.shells))
	for id, sh := range s.shells {
		open = append(open, sh)
		delete(s.shells, id)
	}
	s.mu.Unlock()
	for _, sh := range open {
		sh.close()
	}
	var err error
	if hs != nil {
		err = hs.Close()
	}
	s.done.Wait()
	return err
}

// Open returns how many shells and processes there are now; a process counts
// until its client has signalled it or deleted its shell.
func (s *Server) Open() (shells, processes int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, sh := range s.shells {
		processes += sh.count()
	}
	return len(s.shells), processes
}

// Requests returns how many requests of an operation ("Receive") were
// understood; "" counts all.
func (s *Server) Requests(operation string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.counts[operation]
}

type logWriter func(format string, args ...any)

func (w logWriter) Write(p []byte) (int, error) {
	w("%s", p)
	return len(p), nil
}
