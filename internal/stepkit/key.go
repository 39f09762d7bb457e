package stepkit

import (
	"fmt"

	"github.com/hashicorp/packer-plugin-sdk/multistep"
	packersdk "github.com/hashicorp/packer-plugin-sdk/packer"
)

// Key is a typed entry of the state bag. Get fails with a sentence instead of
// panicking, and says which step should have set the value.
type Key[T any] struct {
	name  string
	setBy string
}

// NewKey names a value of the state bag and the step (or function) that sets
// it.
func NewKey[T any](name, setBy string) Key[T] {
	return Key[T]{name: name, setBy: setBy}
}

// Name returns the name under which the SDK's own steps find the value.
func (k Key[T]) Name() string { return k.name }

// Put stores the value.
func (k Key[T]) Put(bag multistep.StateBag, value T) { bag.Put(k.name, value) }

// Get returns the value. The error names the key and the step that sets it.
func (k Key[T]) Get(bag multistep.StateBag) (T, error) {
	var none T
	raw, ok := bag.GetOk(k.name)
	if !ok {
		return none, fmt.Errorf("%s is not in the state bag yet; %s sets it, does that step run earlier?", k.name, k.setBy)
	}
	value, ok := raw.(T)
	if !ok {
		return none, fmt.Errorf("%s in the state bag is a %T, not a %T; %s sets it", k.name, raw, none, k.setBy)
	}
	return value, nil
}

// Lookup returns the value and whether it is there, for values that a build
// may do without.
func (k Key[T]) Lookup(bag multistep.StateBag) (T, bool) {
	value, err := k.Get(bag)
	return value, err == nil
}

// Drop takes the value out of the bag, so that a step that runs again starts
// without what its first run left there. The SDK's steps look whether "error"
// is there at all, so a nil in its place would not do.
func (k Key[T]) Drop(bag multistep.StateBag) { bag.Remove(k.name) }

// Keys that Packer's SDK itself reads or writes.
var (
	// UI is Packer's user interface, already wrapped by the redacting one.
	UI = NewKey[packersdk.Ui]("ui", "the builder's Run")
	// Failure is the error that ends the build.
	Failure = NewKey[error]("error", "the failing step")
	// TheJournal is this build's journal.
	TheJournal = NewKey[*Journal]("wintemplate.journal", "the builder's Run")
)

// Failed says whether the build has failed or was interrupted.
func Failed(bag multistep.StateBag) bool {
	_, cancelled := bag.GetOk(multistep.StateCancelled)
	_, halted := bag.GetOk(multistep.StateHalted)
	_, failed := Failure.Lookup(bag)
	return cancelled || halted || failed
}
