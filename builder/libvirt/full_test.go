package libvirt

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/beacon"
)

// TestRetryAfterThePoolRanFull: the machine is stopped, whatever step waits for it;
// with room and the answer "retry" it goes on, and without room it says so again.
func TestRetryAfterThePoolRanFull(t *testing.T) {
	start := beacon.Event{Stage: beacon.Bootstrap, State: beacon.Start}.String()
	for name, set := range map[string]func(*bench){
		"in Setup": func(b *bench) {
			b.said["Resume"], b.said["go on"] = nil, []string{start}
			b.at["Resume"] = func() { go func() { time.Sleep(5 * time.Millisecond); b.runsFull() }() }
		},
		"while connecting": func(b *bench) {
			b.fail["connect"] = errors.New("Timeout waiting for WinRM.")
			n := 0
			b.at["connect"] = func() {
				switch n++; n {
				case 1:
					b.runsFull()
				case 2:
					b.mu.Lock()
					delete(b.fail, "connect") // from the next time on
					b.mu.Unlock()
				default:
					return
				}
				time.Sleep(50 * time.Millisecond)
			}
		},
		"while provisioning": func(b *bench) {
			n := 0
			b.provisioner = func(ctx context.Context) error {
				switch n++; n {
				case 1:
					b.runsFull()
				case 3:
					go b.powersOff(nil)
					return nil
				}
				<-ctx.Done()
				return ctx.Err()
			}
		},
		"while sealing": func(b *bench) {
			b.provisioner = func(context.Context) error {
				go func() { time.Sleep(20 * time.Millisecond); b.runsFull() }()
				return nil
			}
			b.at["go on"] = func() {
				b.mu.Lock()
				defer b.mu.Unlock()
				if !b.full {
					go func() { time.Sleep(5 * time.Millisecond); b.powersOff(nil) }()
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, nil)
			b.builder.config.PackerOnError = "ask"
			b.full = true
			set(b)
			asked := 0
			b.ui.TTY = prompt(func() string {
				if asked++; asked == 2 { // room is made before the second "retry"
					b.mu.Lock()
					b.full = false
					b.mu.Unlock()
				}
				if asked > 5 {
					return "c"
				}
				return "r"
			})
			if _, err := b.build(t.Context()); err != nil {
				t.Fatalf("%v\n%s", err, b.ui)
			}
			said := b.ui.String()
			if asked != 2 || strings.Count(said, "resuming the machine where it was stopped") != 2 {
				t.Errorf("asked %d times:\n%s", asked, said)
			}
		})
	}
}

// prompt is a terminal at which somebody answers.
type prompt func() string

func (p prompt) ReadString() (string, error) { return p(), nil }
func (prompt) Close() error                  { return nil }

// TestResumedByHand: who has made room may have resumed the machine, too.
func TestResumedByHand(t *testing.T) {
	b := newBench(t, nil)
	b.builder.config.PackerOnError = "ask"
	b.said["Resume"], b.said["by hand"] = nil, []string{beacon.Event{Stage: beacon.Bootstrap, State: beacon.Start}.String()}
	b.at["Resume"] = func() { go func() { time.Sleep(5 * time.Millisecond); b.runsFull() }() }
	b.ui.TTY = prompt(func() string {
		b.mu.Lock()
		b.stopped = false
		b.mu.Unlock()
		b.says("by hand")
		return "r"
	})
	if _, err := b.build(t.Context()); err != nil {
		t.Fatalf("%v\n%s", err, b.ui)
	}
}

// TestMachineThatCannotGoOn: the error says what was tried.
func TestMachineThatCannotGoOn(t *testing.T) {
	b := newBench(t, nil)
	b.builder.config.PackerOnError = "ask"
	b.at["Resume"] = func() { go func() { time.Sleep(5 * time.Millisecond); b.runsFull() }() }
	b.said["Resume"] = nil
	b.fail["go on"] = errors.New("libvirt has no mind to")
	asked := 0
	b.ui.TTY = prompt(func() string {
		if asked++; asked > 1 {
			return "c"
		}
		return "r"
	})
	_, err := b.build(t.Context())
	if err == nil || !strings.Contains(err.Error(), "the storage pool had run full, and can't be resumed: libvirt has no mind to") {
		t.Errorf("%v\n%s", err, b.ui)
	}
	if left := b.leftovers(); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}
