package hive

import (
	"encoding/binary"
	"errors"
	"fmt"
)

const (
	baseBlockSize = 4096
	sectorSize    = 512
	binAlign      = 4096
	noCell        = 0xffffffff

	typePrimary = 0
	typeLog     = 6
)

// base is what a base block says.
type base struct {
	sequence1, sequence2 uint32
	minor, kind          uint32
	root, size           uint32
	checksumOK           bool
}

// clean is the state in which the logs count for nothing.
func (b base) clean() bool { return b.checksumOK && b.sequence1 == b.sequence2 }

var errNotHive = errors.New("not a registry hive")

func readBase(b []byte) (base, error) {
	if len(b) < sectorSize || string(b[:4]) != "regf" {
		return base{}, errNotHive
	}
	le := binary.LittleEndian
	var sum uint32
	for i := 0; i < 508; i += 4 {
		sum ^= le.Uint32(b[i:])
	}
	switch sum {
	case 0:
		sum = 1
	case 0xffffffff:
		sum = 0xfffffffe
	}
	h := base{
		sequence1: le.Uint32(b[4:]), sequence2: le.Uint32(b[8:]),
		minor: le.Uint32(b[24:]), kind: le.Uint32(b[28:]),
		root: le.Uint32(b[36:]), size: le.Uint32(b[40:]),
		checksumOK: sum == le.Uint32(b[508:]),
	}
	if major := le.Uint32(b[20:]); h.checksumOK && (major != 1 || h.minor < 3 || h.minor > 6) {
		return base{}, fmt.Errorf("a registry hive of version %d.%d, this reader knows 1.3 to 1.6", major, h.minor)
	}
	return h, nil
}
