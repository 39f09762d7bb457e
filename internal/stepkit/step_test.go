package stepkit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/packer-plugin-sdk/common"
	"github.com/hashicorp/packer-plugin-sdk/multistep"
	"github.com/hashicorp/packer-plugin-sdk/multistep/commonsteps"
	packersdk "github.com/hashicorp/packer-plugin-sdk/packer"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/redact"
)

// stepMake creates one thing, and fails afterwards as often as told.
type stepMake struct {
	name    string
	w       world
	result  bool
	fails   *int
	err     error
	undone  *int
	blocks  bool
	timeout time.Duration
}

func (s *stepMake) Title() string { return "Making " + s.name }

func (s *stepMake) Run(ctx context.Context, bag multistep.StateBag) multistep.StepAction {
	return Run(ctx, bag, s)
}

func (s *stepMake) Cleanup(bag multistep.StateBag) { Cleanup(bag, s) }

func (s *stepMake) CleanupTimeout() time.Duration {
	if s.timeout == 0 {
		return CleanupTimeout
	}
	return s.timeout
}

func (s *stepMake) Do(ctx context.Context, bag multistep.StateBag) error {
	if s.w[s.name] {
		return fmt.Errorf("%s is there already", s.name)
	}
	if _, err := Record(bag, s, Entry{Kind: "thing", Name: s.name, Remedy: "rm " + s.name, Result: s.result}); err != nil {
		return err
	}
	s.w[s.name] = true
	if s.fails != nil && *s.fails > 0 {
		*s.fails--
		return s.err
	}
	return nil
}

func (s *stepMake) Undo(ctx context.Context, _ multistep.StateBag) error {
	if s.undone != nil {
		*s.undone++
	}
	if s.blocks {
		select {} // a daemon that never answers and ignores the context
	}
	return nil
}

// stepLater is a second type, so that its entries are told from stepMake's.
type stepLater struct{ stepMake }

func (s *stepLater) Run(ctx context.Context, bag multistep.StateBag) multistep.StepAction {
	return Run(ctx, bag, s)
}
func (s *stepLater) Cleanup(bag multistep.StateBag) { Cleanup(bag, s) }
func (s *stepLater) Do(ctx context.Context, bag multistep.StateBag) error {
	if _, err := Record(bag, s, Entry{Kind: "thing", Name: s.name, Result: s.result}); err != nil {
		return err
	}
	s.w[s.name] = true
	return s.err
}

type screen struct {
	packersdk.BasicUi
	out, err bytes.Buffer
	answers  []string
	asked    []string
}

func (s *screen) Ask(q string) (string, error) {
	s.asked = append(s.asked, q)
	if len(s.answers) == 0 {
		return "", errors.New("nobody answers")
	}
	a := s.answers[0]
	s.answers = s.answers[1:]
	return a, nil
}

func newBag(t *testing.T, w world) (*Bag, *screen, *Journal) {
	t.Helper()
	ui := &screen{}
	ui.Writer, ui.ErrorWriter = &ui.out, &ui.err
	j := open(t, t.TempDir(), "b")
	j.Handle("thing", w.remover())
	bag := NewBag()
	UI.Put(bag, ui)
	TheJournal.Put(bag, j)
	return bag, ui, j
}

func TestOnErrorValues(t *testing.T) {
	for _, c := range []struct {
		onError string
		answers []string
		fails   int
		left    world
		wantErr bool
		undone  int
	}{
		{onError: "cleanup", fails: 1, left: world{}, wantErr: true},
		{onError: "", fails: 1, left: world{}, wantErr: true},
		{onError: "abort", fails: 1, left: world{"first": true, "second": true}, wantErr: true},
		{onError: "run-cleanup-provisioner", fails: 1, left: world{"first": true, "second": true}, wantErr: true},
		{onError: "ask", answers: []string{"c"}, fails: 1, left: world{}, wantErr: true},
		{onError: "ask", answers: []string{"a"}, fails: 1, left: world{"first": true, "second": true}, wantErr: true},
		// The retried step meets what its first run left, and takes it back.
		{onError: "ask", answers: []string{"r", "r"}, fails: 2, left: world{"second": true}},
		{onError: "cleanup", left: world{"second": true}},
	} {
		t.Run(c.onError+strings.Join(c.answers, ""), func(t *testing.T) {
			w := world{}
			bag, ui, j := newBag(t, w)
			ui.answers = c.answers
			fails := c.fails
			steps := []multistep.Step{
				&stepLater{stepMake{name: "first", w: w}},
				&stepMake{name: "second", w: w, result: true, fails: &fails, err: errors.New("the pool is full")},
			}
			runner := commonsteps.NewRunner(steps, common.PackerConfig{PackerOnError: c.onError}, ui)
			runner.Run(t.Context(), bag)
			if d := cmp.Diff(c.left, w); d != "" {
				t.Errorf("what is left: %s", d)
			}
			if _, failed := bag.GetOk("error"); failed != c.wantErr {
				t.Errorf("failed is %v", failed)
			}
			live := 0
			if c.wantErr {
				live = len(c.left)
			}
			if got := j.Live(); len(got) != live {
				t.Errorf("the journal names %v, there is %v", got, c.left)
			}
			if len(c.answers) > 0 && !strings.Contains(ui.out.String(), `Step "stepMake" failed`) {
				t.Errorf("the step's name is not shown: %s", ui.out.String())
			}
		})
	}
}

func TestErrorIsShownOnceStoredAndRedacted(t *testing.T) {
	redact.Add("hunter2hunter2")
	w := world{}
	bag, ui, _ := newBag(t, w)
	one := 1
	cause := fmt.Errorf("logon with hunter2hunter2: %w", os.ErrPermission)
	s := &stepMake{name: "x", w: w, fails: &one, err: cause}
	if s.Run(t.Context(), bag) != multistep.ActionHalt {
		t.Error("the step did not halt")
	}
	err, ok := Failure.Lookup(bag)
	if !ok || !errors.Is(err, os.ErrPermission) {
		t.Errorf("stored: %v", err)
	}
	if strings.Contains(err.Error()+ui.out.String()+ui.err.String(), "hunter2") {
		t.Error("the secret is shown")
	}
	if n := strings.Count(ui.out.String()+ui.err.String(), "logon with"); n != 1 {
		t.Errorf("shown %d times: %s%s", n, ui.out.String(), ui.err.String())
	}
}

func TestInterruptIsNoError(t *testing.T) {
	w := world{}
	bag, ui, _ := newBag(t, w)
	one := 1
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	s := &stepMake{name: "x", w: w, fails: &one, err: fmt.Errorf("upload: %w", context.Canceled)}
	if s.Run(ctx, bag) != multistep.ActionHalt {
		t.Error("the step did not halt")
	}
	if ui.err.Len() > 0 {
		t.Errorf("shown: %s", ui.err.String())
	}
	if err, _ := Failure.Lookup(bag); err == nil || !strings.Contains(err.Error(), "interrupted") {
		t.Errorf("stored: %v", err)
	}
	s.Cleanup(bag)
	if len(w) > 0 {
		t.Errorf("left: %v", w)
	}
}

func TestCleanupHasItsOwnDeadline(t *testing.T) {
	w := world{}
	bag, ui, _ := newBag(t, w)
	s := &stepMake{name: "x", w: w, blocks: false, timeout: 50 * time.Millisecond}
	s.Run(t.Context(), bag)
	s.blocks = true
	begin := time.Now()
	s.Cleanup(bag)
	if took := time.Since(begin); took > 20*time.Second {
		t.Errorf("clean-up held for %s", took)
	}
	if !strings.Contains(ui.out.String()+ui.err.String(), "gave up") {
		t.Errorf("the user is not told: %s%s", ui.out.String(), ui.err.String())
	}
}

func TestUndoRunsBeforeTheJournalAndOnRetry(t *testing.T) {
	w := world{}
	bag, _, _ := newBag(t, w)
	undone := 0
	s := &stepMake{name: "x", w: w, undone: &undone}
	s.Run(t.Context(), bag)
	s.Run(t.Context(), bag)
	s.Cleanup(bag)
	if undone != 3 {
		t.Errorf("undone %d times", undone)
	}
}

func TestName(t *testing.T) {
	if got := Name(&stepMake{}); got != "stepMake" {
		t.Errorf("got %q", got)
	}
	if got := Name(stepLater{}); got != "stepLater" {
		t.Errorf("got %q", got)
	}
}

func TestQuiet(t *testing.T) {
	w := world{}
	bag, ui, _ := newBag(t, w)
	inner := Quiet(bag)
	inner.Get("ui").(packersdk.Ui).Error("loud")
	inner.Get("ui").(packersdk.Ui).Errorf("loud %d", 2)
	inner.Get("ui").(packersdk.Ui).Say("loud")
	inner.Get("ui").(packersdk.Ui).Sayf("loud %d", 2)
	inner.Put("error", errors.New("inner"))
	inner.Put("communicator", 7)
	if strings.Contains(ui.out.String()+ui.err.String(), "loud") {
		t.Errorf("shown: %s%s", ui.out.String(), ui.err.String())
	}
	if _, stored := Failure.Lookup(bag); stored || inner.Failure() == nil {
		t.Error("the inner error is not kept apart")
	}
	if bag.Get("communicator") != 7 {
		t.Error("other values do not pass")
	}
}
