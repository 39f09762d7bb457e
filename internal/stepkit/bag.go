package stepkit

import (
	"sync"

	"github.com/hashicorp/packer-plugin-sdk/multistep"
)

// Bag is a state bag that is safe for concurrent use as a whole. Remove of the
// SDK's BasicStateBag takes no lock, and the runner marks an interrupt in the
// bag at any moment.
type Bag struct {
	mu     sync.RWMutex
	values map[string]any
}

var _ multistep.StateBag = (*Bag)(nil)

// NewBag makes an empty bag.
func NewBag() *Bag { return &Bag{values: map[string]any{}} }

// Get returns the value, or nil.
func (b *Bag) Get(key string) any {
	value, _ := b.GetOk(key)
	return value
}

// GetOk returns the value and whether it is there.
func (b *Bag) GetOk(key string) (any, bool) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	value, ok := b.values[key]
	return value, ok
}

// Put stores a value.
func (b *Bag) Put(key string, value any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.values[key] = value
}

// Remove takes a value out.
func (b *Bag) Remove(key string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.values, key)
}
