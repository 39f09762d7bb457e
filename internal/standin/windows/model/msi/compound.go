package msi

import (
	"encoding/binary"
	"errors"
	"fmt"
	"unicode/utf16"
)

// A compound file ([MS-CFB]) is a file system of sectors in one file.

const (
	endOfChain = 0xfffffffe
	freeSector = 0xffffffff
	maxChain   = 1 << 20
)

var errCompound = errors.New("not a compound file")

type compound struct {
	data       []byte
	shift      uint // sector size is 1<<shift
	fat        []uint32
	miniFAT    []uint32
	mini       []byte // the mini stream
	cutoff     uint32
	streams    map[string]stream
	miniSector uint
}

type stream struct {
	start uint32
	size  uint64
}

func openCompound(b []byte) (*compound, error) {
	le := binary.LittleEndian
	if len(b) < 512 || string(b[:8]) != "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" {
		return nil, errCompound
	}
	c := &compound{data: b, shift: uint(le.Uint16(b[30:])), miniSector: uint(le.Uint16(b[32:])), cutoff: le.Uint32(b[56:]), streams: map[string]stream{}}
	if (c.shift != 9 && c.shift != 12) || c.miniSector != 6 {
		return nil, fmt.Errorf("%w: sector shift %d", errCompound, c.shift)
	}
	var difat []uint32
	for i := range 109 {
		difat = append(difat, le.Uint32(b[76+4*i:]))
	}
	for next, n := le.Uint32(b[68:]), 0; next != endOfChain && next != freeSector; n++ {
		s, err := c.sector(next)
		if err != nil || n > maxChain {
			return nil, errCompound
		}
		for i := 0; i+4 < len(s); i += 4 {
			difat = append(difat, le.Uint32(s[i:]))
		}
		next = le.Uint32(s[len(s)-4:])
	}
	for _, at := range difat {
		if at == freeSector || at == endOfChain {
			continue
		}
		s, err := c.sector(at)
		if err != nil {
			return nil, err
		}
		for i := 0; i < len(s); i += 4 {
			c.fat = append(c.fat, le.Uint32(s[i:]))
		}
	}
	miniFAT, err := c.chain(le.Uint32(b[60:]))
	if err != nil {
		return nil, err
	}
	for i := 0; i+4 <= len(miniFAT); i += 4 {
		c.miniFAT = append(c.miniFAT, le.Uint32(miniFAT[i:]))
	}
	directory, err := c.chain(le.Uint32(b[48:]))
	if err != nil {
		return nil, err
	}
	for at := 0; at+128 <= len(directory); at += 128 {
		e := directory[at : at+128]
		n := int(le.Uint16(e[64:]))
		s := stream{start: le.Uint32(e[116:]), size: le.Uint64(e[120:])}
		switch {
		case e[66] == 5: // the root: its stream holds the small streams
			if c.mini, err = c.chain(s.start); err != nil {
				return nil, err
			}
		case e[66] == 2 && n >= 2 && n <= 64:
			units := make([]uint16, n/2-1)
			for i := range units {
				units[i] = le.Uint16(e[2*i:])
			}
			c.streams[decodeName(units)] = s
		}
	}
	return c, nil
}

func (c *compound) sector(n uint32) ([]byte, error) {
	at := (uint64(n) + 1) << c.shift
	if at+1<<c.shift > uint64(len(c.data)) {
		return nil, fmt.Errorf("%w: sector %d", errCompound, n)
	}
	return c.data[at : at+1<<c.shift], nil
}

func (c *compound) chain(start uint32) ([]byte, error) {
	var b []byte
	for n := 0; start != endOfChain && start != freeSector; n++ {
		s, err := c.sector(start)
		if err != nil {
			return nil, err
		}
		if n > maxChain || int(start) >= len(c.fat) {
			return nil, fmt.Errorf("%w: a chain that does not end", errCompound)
		}
		b = append(b, s...)
		start = c.fat[start]
	}
	return b, nil
}

func (c *compound) read(name string) ([]byte, error) {
	s, ok := c.streams[name]
	if !ok {
		return nil, fmt.Errorf("the database has no stream %s", name)
	}
	if s.size >= uint64(c.cutoff) {
		b, err := c.chain(s.start)
		if err != nil || uint64(len(b)) < s.size {
			return nil, errCompound
		}
		return b[:s.size], nil
	}
	var b []byte
	for at, n := s.start, 0; at != endOfChain && uint64(len(b)) < s.size; n++ {
		from := uint64(at) << c.miniSector
		if n > maxChain || int(at) >= len(c.miniFAT) || from+1<<c.miniSector > uint64(len(c.mini)) {
			return nil, errCompound
		}
		b = append(b, c.mini[from:from+1<<c.miniSector]...)
		at = c.miniFAT[at]
	}
	if uint64(len(b)) < s.size {
		return nil, errCompound
	}
	return b[:s.size], nil
}

// decodeName undoes Windows Installer's packing of two characters into one.
func decodeName(units []uint16) string {
	const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz._"
	var out []uint16
	for _, u := range units {
		switch {
		case u == 0x4840:
			out = append(out, '!') // a table
		case u >= 0x3800 && u < 0x4800:
			out = append(out, uint16(alphabet[(u-0x3800)&0x3f]), uint16(alphabet[(u-0x3800)>>6]))
		case u >= 0x4800 && u < 0x4840:
			out = append(out, uint16(alphabet[u-0x4800]))
		default:
			out = append(out, u)
		}
	}
	return string(utf16.Decode(out))
}
