package regf

import (
	"slices"
	"sort"
	"strings"
	"time"
)

// Key is a registry key. Names compare without regard to case, as Windows
// compares them, and keep the case they were made with. Paths are separated by
// backslashes and are relative to the key.
//
// A Key is not safe for concurrent use.
type Key struct {
	Name string
	// Class is the key's class name; nearly every key has none.
	Class string
	// Modified is the key's last write time. The zero time is written as the
	// hive's own time.
	Modified time.Time

	values []Value
	keys   []*Key // sorted by upper-case name: the order a hive must have
	slack  [][]byte
}

// NewRoot makes the empty root key of a hive.
func NewRoot() *Key { return &Key{Name: "ROOT"} }

// Subkeys lists the key's children in the order of their upper-case names.
func (k *Key) Subkeys() []*Key { return slices.Clone(k.keys) }

// Values lists the key's values in the order in which they were first set.
func (k *Key) Values() []Value { return slices.Clone(k.values) }

// Open finds a key; it gives nil when there is none. The empty path is k.
func (k *Key) Open(path string) *Key {
	for _, name := range splitPath(path) {
		i, found := k.find(name)
		if !found {
			return nil
		}
		k = k.keys[i]
	}
	return k
}

// Create finds a key, or makes it and the keys above it.
func (k *Key) Create(path string) *Key {
	for _, name := range splitPath(path) {
		i, found := k.find(name)
		if !found {
			k.keys = slices.Insert(k.keys, i, &Key{Name: name})
		}
		k = k.keys[i]
	}
	return k
}

// Delete removes a key with all below it; it says whether the key was there.
// The root itself cannot be removed.
func (k *Key) Delete(path string) bool {
	parts := splitPath(path)
	if len(parts) == 0 {
		return false
	}
	last := len(parts) - 1
	parent := k.Open(strings.Join(parts[:last], `\`))
	if parent == nil {
		return false
	}
	i, found := parent.find(parts[last])
	if found {
		parent.keys[i].Walk(func(_ string, k *Key) {
			for _, v := range k.values {
				parent.leave(v.Data)
			}
			parent.slack = append(parent.slack, k.slack...)
		})
		parent.keys = slices.Delete(parent.keys, i, i+1)
	}
	return found
}

// Set sets a value, in place of one of the same name.
func (k *Key) Set(v Value) {
	for i := range k.values {
		if strings.EqualFold(k.values[i].Name, v.Name) {
			v.Name = k.values[i].Name
			k.overwrite(k.values[i].Data, v.Data)
			k.values[i] = v
			return
		}
	}
	k.values = append(k.values, v)
}

// Get finds a value by its name.
func (k *Key) Get(name string) (Value, bool) {
	if k != nil {
		for _, v := range k.values {
			if strings.EqualFold(v.Name, name) {
				return v, true
			}
		}
	}
	return Value{}, false
}

// Unset removes a value; it says whether the value was there.
func (k *Key) Unset(name string) bool {
	if k == nil {
		return false
	}
	before := len(k.values)
	k.values = slices.DeleteFunc(k.values, func(v Value) bool {
		gone := strings.EqualFold(v.Name, name)
		if gone {
			k.leave(v.Data)
		}
		return gone
	})
	return len(k.values) != before
}

// Text gives the REG_SZ or REG_EXPAND_SZ of the key at path.
func (k *Key) Text(path, name string) (string, bool) {
	v, ok := k.Open(path).Get(name)
	if !ok {
		return "", false
	}
	return v.Text()
}

// Number gives the REG_DWORD or REG_QWORD of the key at path.
func (k *Key) Number(path, name string) (uint64, bool) {
	v, ok := k.Open(path).Get(name)
	if !ok {
		return 0, false
	}
	return v.Number()
}

// SetString, SetDWord: the two that are written over and over.

// SetString sets a REG_SZ of the key at path, which is made when missing.
func (k *Key) SetString(path, name, s string) { k.Create(path).Set(StringValue(name, s)) }

// SetDWord sets a REG_DWORD of the key at path, which is made when missing.
func (k *Key) SetDWord(path, name string, n uint32) { k.Create(path).Set(DWordValue(name, n)) }

// Clone copies the key and all below it.
func (k *Key) Clone() *Key {
	c := &Key{Name: k.Name, Class: k.Class, Modified: k.Modified}
	for _, v := range k.values {
		v.Data = slices.Clone(v.Data)
		c.values = append(c.values, v)
	}
	c.slack = slices.Clone(k.slack)
	for _, sub := range k.keys {
		c.keys = append(c.keys, sub.Clone())
	}
	return c
}

// Walk calls visit for k and every key below it, each with its path relative
// to k.
func (k *Key) Walk(visit func(path string, key *Key)) { k.walk("", visit) }

func (k *Key) walk(path string, visit func(string, *Key)) {
	visit(path, k)
	for _, sub := range k.keys {
		p := sub.Name
		if path != "" {
			p = path + `\` + sub.Name
		}
		sub.walk(p, visit)
	}
}

// find gives the place of a child, or the place where it belongs.
func (k *Key) find(name string) (int, bool) {
	want := strings.ToUpper(name)
	i := sort.Search(len(k.keys), func(i int) bool { return strings.ToUpper(k.keys[i].Name) >= want })
	return i, i < len(k.keys) && strings.ToUpper(k.keys[i].Name) == want
}

func splitPath(path string) []string {
	return strings.FieldsFunc(path, func(r rune) bool { return r == '\\' })
}
