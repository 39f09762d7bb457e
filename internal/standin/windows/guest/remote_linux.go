package guest

import (
	"context"
	"io"
	"sync"
	"time"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/guest"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/winrm"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/winrm/console"
)

// remote runs what comes over WinRM: operations of the plugin by the model,
// Packer's own commands by package console.
type remote struct {
	host    *host
	console console.Console

	mu       sync.Mutex
	shutdown *time.Timer
	under    bool // a shutdown is under way
}

func newRemote(h *host) *remote {
	r := &remote{host: h}
	r.console = console.Console{Files: drive{h.Root()}, Machine: r, Next: r.operation}
	return r
}

func (r *remote) start(ctx context.Context, p winrm.Process) int { return r.console.Start(ctx, p) }

// operation answers the plugin's launcher from the model.
func (r *remote) operation(ctx context.Context, p winrm.Process) (int, bool) {
	if p.CommandLine != guest.Launcher() {
		return 0, false
	}
	request, err := guest.DecodeRequest(p.Stdin)
	if err != nil {
		_, _ = io.WriteString(p.Stderr, err.Error()+"\r\n")
		return 1, true
	}
	logf("operation %s", request.Operation)
	envelope := r.host.model.Answer(ctx, request)
	if envelope.Error != nil {
		logf("operation %s: %s: %s", request.Operation, envelope.Error.Code, envelope.Error.Message)
	}
	if _, err := io.WriteString(p.Stdout, guest.EncodeResult(envelope)); err != nil {
		return 1, true
	}
	return 0, true
}

// ComputerName is Windows' name.
func (r *remote) ComputerName() string { return r.host.model.ComputerName() }

// Exit codes of shutdown.exe: ERROR_SHUTDOWN_IS_SCHEDULED,
// ERROR_SHUTDOWN_IN_PROGRESS, ERROR_NO_SHUTDOWN_IN_PROGRESS.
const (
	shutdownScheduled  = 1190
	shutdownInProgress = 1115
	noShutdown         = 1116
)

// Shutdown is shutdown.exe /r or /s with a delay.
func (r *remote) Shutdown(again bool, delay time.Duration, _ string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.under:
		return shutdownInProgress
	case r.shutdown != nil:
		return shutdownScheduled
	}
	r.shutdown = time.AfterFunc(delay+time.Second, func() {
		r.mu.Lock()
		r.under = true
		r.mu.Unlock()
		if again {
			r.host.Reboot()
		} else {
			r.host.PowerOff()
		}
	})
	return 0
}

// AbortShutdown is shutdown.exe /a.
func (r *remote) AbortShutdown() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.under || r.shutdown == nil || !r.shutdown.Stop() {
		return noShutdown
	}
	r.shutdown = nil
	return 0
}
