// Package msi reads the properties of a Windows Installer database, as far as
// the stand-in must know which product an .msi file installs.
package msi

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// ErrNotPackage is what msiexec calls 1620: the package could not be opened.
var ErrNotPackage = errors.New("this is not a Windows Installer package")

// Properties reads the database's Property table: ProductName, ProductVersion,
// ProductCode and whatever else stands there.
func Properties(file []byte) (map[string]string, error) {
	c, err := openCompound(file)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotPackage, err)
	}
	pool, err := c.read("!_StringPool")
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotPackage, err)
	}
	data, err := c.read("!_StringData")
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotPackage, err)
	}
	texts, wide, err := stringPool(pool, data)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotPackage, err)
	}
	table, err := c.read("!Property")
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotPackage, err)
	}
	// A table lies column by column; both columns are references into the pool.
	size := 2
	if wide {
		size = 3
	}
	rows := len(table) / (2 * size)
	reference := func(i int) (string, error) {
		n := int(binary.LittleEndian.Uint16(table[i*size:]))
		if wide {
			n |= int(table[i*size+2]) << 16
		}
		if n >= len(texts) {
			return "", fmt.Errorf("%w: string %d of %d", ErrNotPackage, n, len(texts))
		}
		return texts[n], nil
	}
	properties := map[string]string{}
	for i := range rows {
		name, err := reference(i)
		if err != nil {
			return nil, err
		}
		if properties[name], err = reference(rows + i); err != nil {
			return nil, err
		}
	}
	return properties, nil
}

// stringPool reads the pool: pairs of length and reference count, the strings
// themselves one after the other. The first pair is the code page, whose top
// bit makes references three bytes wide.
func stringPool(pool, data []byte) (texts []string, wide bool, err error) {
	if len(pool) < 4 {
		return nil, false, errors.New("empty string pool")
	}
	le := binary.LittleEndian
	wide = le.Uint16(pool[2:])&0x8000 != 0
	texts = []string{""}
	for at := 4; at+4 <= len(pool); at += 4 {
		n := int(le.Uint16(pool[at:]))
		if n == 0 && le.Uint16(pool[at+2:]) != 0 && at+8 <= len(pool) {
			// A string of more than 64 KB: its length takes the next pair.
			at += 4
			n = int(le.Uint32(pool[at:]))
		}
		if n > len(data) {
			return nil, false, errors.New("string pool longer than its strings")
		}
		texts = append(texts, string(data[:n]))
		data = data[n:]
	}
	return texts, wide, nil
}
