package model

import (
	"fmt"
	"strings"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/regf"
)

// Value reads a registry value as text: numbers in decimal, lists joined by
// "|", bytes in hexadecimal. ok is false when it is not there.
func (m *Model) Value(key, name string) (text string, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	root, path, err := m.key(key)
	if err != nil {
		return "", false
	}
	k := root.Open(path)
	if k == nil {
		return "", false
	}
	if name == "*" { // the key itself
		return "", true
	}
	v, ok := k.Get(name)
	if !ok {
		return "", false
	}
	return valueText(v), true
}

func valueText(v regf.Value) string {
	if n, ok := v.Number(); ok {
		return fmt.Sprint(n)
	}
	if list, ok := v.Texts(); ok {
		return strings.Join(list, "|")
	}
	if s, ok := v.Text(); ok {
		return s
	}
	return fmt.Sprintf("%x", v.Data)
}

// FileSHA256 is the digest of a file by its Windows path, "" when it is not
// there.
func (m *Model) FileSHA256(path string) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	b, err := m.file(path)
	if err != nil {
		return ""
	}
	return digest(b)
}
