package regf

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"www.velocidex.com/golang/regparser"
)

// ErrDirty is given for a hive that must be recovered from its logs first: the
// stand-in writes whole hives, so it meets one only when something went wrong.
var ErrDirty = errors.New("the hive's sequence numbers differ: its logs have not been written back")

// Load reads a clean hive into a tree. It is for hives that the stand-in wrote
// itself; hostile ones are internal/diskcheck's business.
func Load(hive []byte) (*Key, error) {
	reg, err := regparser.NewRegistry(bytes.NewReader(hive))
	if err != nil {
		return nil, fmt.Errorf("not a registry hive: %w", err)
	}
	if reg.BaseBlock.Sequence1() != reg.BaseBlock.Sequence2() {
		return nil, ErrDirty
	}
	node := reg.OpenKey("")
	if node == nil {
		return nil, errors.New("the hive has no root key")
	}
	root := load(node)
	root.slack = freeCells(hive)
	return root, nil
}

func load(node *regparser.CM_KEY_NODE) *Key {
	k := &Key{Name: loadName(node.Name(), node.Flags()&keyNameASCII != 0)}
	k.Modified = time.Unix(node.LastWriteTime().Unix(), 0).UTC()
	for _, v := range node.Values() {
		data := v.ValueData().Data
		if n := v.DataSize(); int64(len(data)) > n {
			data = data[:n] // short data come as the whole offset field
		}
		name := loadName(v.ValueName(), v.Flags()&1 != 0)
		k.values = append(k.values, Value{Name: name, Type: Type(v.Type()), Data: data})
	}
	if node.SubKeyCounts()[0] == 0 {
		return k
	}
	for _, sub := range node.Subkeys() {
		k.keys = append(k.keys, load(sub))
	}
	return k
}

func loadName(raw string, oneByte bool) string {
	if !oneByte {
		return decodeUTF16([]byte(raw))
	}
	runes := make([]rune, len(raw))
	for i := range len(raw) {
		runes[i] = rune(raw[i])
	}
	return string(runes)
}
