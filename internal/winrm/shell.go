package winrm

import (
	"context"
	"fmt"
	"io"
	"time"
	"unicode/utf16"
)

// shell is one Windows Remote Shell with one command in it.
type shell struct {
	client  *Client
	id      string
	command string
	done    bool // the command's end was reported
}

// openShell makes a shell. The request outlives ctx: a shell whose answer
// nobody read would live in the guest until its idle time-out of two hours, so
// when ctx ends meanwhile the shell is deleted as soon as it is known.
func (c *Client) openShell(ctx context.Context) (*shell, error) {
	type result struct {
		sh  *shell
		err error
	}
	ready := make(chan result, 1)
	go func() {
		body, err := c.post(context.WithoutCancel(ctx), createMessage())
		if err != nil {
			ready <- result{err: err}
			return
		}
		id, err := readShellID(body)
		if err != nil {
			ready <- result{err: c.exchange.protocolError(opCreate, 200, err.Error())}
			return
		}
		ready <- result{sh: &shell{client: c, id: id, done: true}}
	}()
	select {
	case r := <-ready:
		return r.sh, r.err
	case <-ctx.Done():
		go func() {
			if r := <-ready; r.sh != nil {
				r.sh.close(context.WithoutCancel(ctx))
			}
		}()
		return nil, context.Cause(ctx)
	}
}

// cmdLimit is cmd.exe's longest command line, in UTF-16 units.
const cmdLimit = 8191

func (s *shell) start(ctx context.Context, line string, stdin bool) error {
	if n := len(utf16.Encode([]rune(line))); n > cmdLimit {
		return fmt.Errorf("the command line has %d characters, cmd.exe takes %d: send the script on standard input", n, cmdLimit)
	}
	s.done = false // even when the answer is lost, the command may run
	body, err := s.client.post(ctx, commandMessage(s.id, line, stdin))
	if err != nil {
		return err
	}
	if s.command, err = readCommandID(body); err != nil {
		return s.client.exchange.protocolError(opCommand, 200, err.Error())
	}
	return nil
}

// receive copies output until the command's end and returns its exit code.
func (s *shell) receive(ctx context.Context, stdout, stderr io.Writer) (int, error) {
	silences := 0
	var silent error // the last one, unless an answer has come since
	for {
		began := time.Now()
		body, err := s.client.post(ctx, receiveMessage(s.id, s.command))
		switch {
		case err == nil:
			silences, silent = 0, nil
		case isOperationTimeout(err):
			silences, silent = 0, nil
			if err := pace(ctx, began); err != nil {
				return -1, err
			}
			continue
		case isSilence(err):
			silent = err
			if silences++; silences < s.client.settings.limits.Silences {
				continue
			}
			return -1, err
		case silent != nil && isForgotten(err):
			// The answer that never came held the command's end, as when the network was away for a while.
			return -1, fmt.Errorf("%w; asked again, it knows the command no more: %w", silent, err)
		default:
			return -1, err
		}
		out, err := readOutput(body)
		if err != nil {
			return -1, s.client.exchange.protocolError(opReceive, 200, err.Error())
		}
		for _, st := range out.streams {
			w := stdout
			if st.name == "stderr" {
				w = stderr
			}
			if w == nil {
				continue
			}
			if _, err := w.Write(st.data); err != nil {
				return -1, fmt.Errorf("writing the command's %s: %w", st.name, err)
			}
		}
		if out.done {
			s.done = true
			return out.exit, nil
		}
		if len(out.streams) == 0 {
			if err := pace(ctx, began); err != nil {
				return -1, err
			}
		}
	}
}

// pace keeps a service that answers "nothing yet" at once, instead of holding
// the request, from being asked thousands of times a second.
func pace(ctx context.Context, began time.Time) error {
	const floor = 100 * time.Millisecond
	wait := floor - time.Since(began)
	if wait <= 0 {
		return nil
	}
	select {
	case <-time.After(wait):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// close ends what runs and deletes the shell, within Limits.CleanUp. Its
// errors are nobody's: a guest that is gone has no shell, and a leaked one
// ends by its idle time-out.
func (s *shell) close(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, s.client.settings.limits.CleanUp)
	defer cancel()
	if !s.done && s.command != "" {
		signal, stop := context.WithTimeout(ctx, s.client.settings.limits.CleanUp/2)
		_, _ = s.client.post(signal, signalMessage(s.id, s.command))
		stop()
	}
	_, _ = s.client.post(ctx, deleteMessage(s.id))
}
