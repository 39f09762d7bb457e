package winrm

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

// Run starts commandLine under cmd.exe in a shell of its own, feeds it stdin
// (nil: none), copies what it writes, and returns its exit code. A non-zero
// exit code is no error, nor is a process that ends before it has read all of
// stdin. The command line may be 8,191 characters long, cmd.exe's limit. When
// ctx ends, the process is told to end, the shell is deleted, and the error is
// ctx's, within Limits.CleanUp. A Read of stdin that blocks for ever is left
// behind.
//
// Errors: *Fault, *UnauthorizedError, *PinError, *ConnectionError,
// *SilenceError, *ProtocolError, or stdin's, stdout's and stderr's own.
func (c *Client) Run(ctx context.Context, commandLine string, stdin io.Reader, stdout, stderr io.Writer) (exit int, err error) {
	var f feed
	if stdin != nil {
		f = &readerFeed{r: stdin}
	}
	return c.run(ctx, commandLine, f, stdout, stderr)
}

func (c *Client) run(ctx context.Context, line string, stdin feed, stdout, stderr io.Writer) (int, error) {
	sh, err := c.openShell(ctx)
	if err != nil {
		return -1, err
	}
	defer sh.close(context.WithoutCancel(ctx))
	if err := sh.start(ctx, line, stdin != nil); err != nil {
		return -1, err
	}
	if stdin == nil {
		return sh.receive(ctx, stdout, stderr)
	}

	receiving, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	sending, stopSending := context.WithCancel(ctx)
	defer stopSending()
	var lost error
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		switch lost = sh.send(sending, stdin); {
		case lost == nil:
		case sending.Err() != nil:
			lost = nil // the process ended first, or ctx did
		case isPipeClosed(lost): // the process reads no more; Receive has its exit code
		case isFault(lost):
			// The process may have ended, and then its exit code and output
			// say why: leave it a moment to do so.
			select {
			case <-receiving.Done():
			case <-time.After(c.settings.limits.CleanUp / 2):
				stop(errStdin)
			}
		default:
			stop(errStdin)
		}
	}()
	exit, err := sh.receive(receiving, stdout, stderr)
	stopSending()
	stop(nil)
	<-sent
	switch {
	case lost == nil, isPipeClosed(lost):
		return exit, err
	case err == nil:
		return exit, fmt.Errorf("the command's standard input was cut short: %w", lost)
	default:
		return exit, lost
	}
}

// errStdin ends a Receive because nothing more can be sent.
var errStdin = errors.New("the command's standard input was cut short")

func isFault(err error) bool {
	var f *Fault
	return errors.As(err, &f)
}

func isPipeClosed(err error) bool {
	var f *Fault
	return errors.As(err, &f) && (f.Code == 2147942632 || f.Code == 2147942509) // ERROR_NO_DATA, ERROR_BROKEN_PIPE
}

// isForgotten says that the command's end was told already: ERROR_INVALID_PARAMETER, as HRESULT or, as WinRM gives
// some codes, bare.
func isForgotten(err error) bool {
	var f *Fault
	return errors.As(err, &f) && (f.Code == 2147942487 || f.Code == 87)
}

func isOperationTimeout(err error) bool { return errors.Is(err, ErrOperationTimeout) }

func isSilence(err error) bool {
	var s *SilenceError
	return errors.As(err, &s)
}
