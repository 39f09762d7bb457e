package stepkit

import (
	"context"
	"errors"
	"fmt"
	"log"
	"reflect"
	"time"

	"github.com/hashicorp/packer-plugin-sdk/multistep"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/redact"
)

// Step is what a step writes. Run and Cleanup of this package do the rest.
type Step interface {
	// Title is the line shown when the step starts, "Checking the libvirt
	// host". An empty title shows nothing.
	Title() string
	// Do does the work. Its error names the field or object, what was found
	// and what to try; it is shown and stored by Run, nowhere else.
	Do(ctx context.Context, bag multistep.StateBag) error
}

// Undoer is a step that holds something which is not in the journal: an open
// connection, a goroutine. Undo must tolerate being called twice and after a
// Do that failed half-way.
type Undoer interface {
	Undo(ctx context.Context, bag multistep.StateBag) error
}

// Patient is a step whose clean-up needs another deadline than
// CleanupTimeout.
type Patient interface{ CleanupTimeout() time.Duration }

// CleanupTimeout bounds the clean-up of one step. The SDK passes no context to
// Cleanup, so a daemon that no longer answers would hold Packer for ever.
const CleanupTimeout = 90 * time.Second

// Name returns the step's name as Packer's runner shows it: the type's name.
func Name(step any) string {
	t := reflect.TypeOf(step)
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t.Name()
}

// Run is the body of a step's Run. A second Run of the same step, as
// -on-error=ask does without a Cleanup in between, first takes back what the
// first one left according to the journal.
func Run(ctx context.Context, bag multistep.StateBag, step Step) multistep.StepAction {
	ui, err := UI.Get(bag)
	if err != nil {
		bag.Put(Failure.Name(), err)
		return multistep.ActionHalt
	}
	Failure.Drop(bag)
	if err := takeBack(ctx, bag, step, everything); err != nil {
		return halt(ctx, bag, fmt.Errorf("%s runs again, but what its first run left could not be taken back: %w", Name(step), err))
	}
	if title := step.Title(); title != "" {
		ui.Say(title)
	}
	begin := time.Now()
	if err := step.Do(ctx, bag); err != nil {
		log.Printf("[ERROR] %s failed after %s: %s", Name(step), time.Since(begin).Round(time.Millisecond), redact.String(err.Error()))
		return halt(ctx, bag, err)
	}
	log.Printf("[INFO] %s took %s", Name(step), time.Since(begin).Round(time.Millisecond))
	return multistep.ActionContinue
}

// halt is the one place where a step's error is stored and shown.
func halt(ctx context.Context, bag multistep.StateBag, err error) multistep.StepAction {
	if ctx.Err() != nil && (errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)) {
		// The user pressed Ctrl-C and knows it; Packer says "Cancelling".
		Failure.Put(bag, errors.New("the build was interrupted"))
		return multistep.ActionHalt
	}
	err = redact.Error(err)
	Failure.Put(bag, err)
	if ui, uiErr := UI.Get(bag); uiErr == nil {
		ui.Error(err.Error())
	}
	return multistep.ActionHalt
}

// Cleanup is the body of a step's Cleanup: Undo, then everything that the
// journal names for this step, newest first, within a deadline. Results are
// left alone when the build has succeeded.
func Cleanup(bag multistep.StateBag, step Step) {
	timeout := CleanupTimeout
	if p, ok := step.(Patient); ok {
		timeout = p.CleanupTimeout()
	}
	// Not derived from Run's context: that one is cancelled when the user
	// interrupts, which is when clean-up matters most.
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()

	which := everything
	if !Failed(bag) {
		which = exceptResults
	}
	done := make(chan error, 1)
	go func() { done <- takeBack(ctx, bag, step, which) }()
	var err error
	select {
	case err = <-done:
	case <-ctx.Done():
		// A call that ignores its context must not hold Packer.
		select {
		case err = <-done:
		case <-time.After(5 * time.Second):
			err = fmt.Errorf("gave up after %s", timeout)
		}
	}
	if err == nil {
		return
	}
	if ui, uiErr := UI.Get(bag); uiErr == nil {
		ui.Error(fmt.Sprintf("Clean-up of %s is incomplete: %s", Name(step), redact.String(err.Error())))
	}
}

// takeBack undoes a step: its Undo first (it stops what may still write), then
// its journal entries.
func takeBack(ctx context.Context, bag multistep.StateBag, step Step, which filter) error {
	var problems []error
	if u, ok := step.(Undoer); ok {
		if err := u.Undo(ctx, bag); err != nil {
			problems = append(problems, err)
		}
	}
	if journal, ok := TheJournal.Lookup(bag); ok && journal != nil {
		if err := journal.takeBack(ctx, Name(step), which); err != nil {
			problems = append(problems, err)
		}
	}
	return errors.Join(problems...)
}

// Record writes into the journal what the step is about to create. Nothing may
// be created when it fails.
func Record(bag multistep.StateBag, step any, entry Entry) (Mark, error) {
	journal, err := TheJournal.Get(bag)
	if err != nil {
		return 0, err
	}
	return journal.Record(Name(step), entry)
}

// Forget strikes an entry: the thing is gone already, or meant to stay.
func Forget(bag multistep.StateBag, mark Mark) error {
	journal, err := TheJournal.Get(bag)
	if err != nil {
		return err
	}
	return journal.Forget(mark)
}
