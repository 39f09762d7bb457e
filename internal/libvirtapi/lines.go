package libvirtapi

import "strings"

// lineMax cuts a line that never ends.
const lineMax = 4096

// lineSplitter turns a serial port's bytes into lines. It is a stream's writer: it never fails and never waits.
//
// OVMF and boot loaders draw menus with terminal escape sequences, so that a line of the guest's may stand right
// behind one: they are taken out.
type lineSplitter struct {
	emit func(string)
	line []byte
	cr   bool // a carriage return stands before the next byte
	esc  escape
}

// escape is the state inside a terminal escape sequence (ECMA-48).
type escape int

const (
	noEscape    escape = iota
	afterESC           // ESC seen
	inCSI              // ESC [ : parameters until a byte of 0x40 to 0x7e
	inString           // OSC, DCS, APC, PM, SOS: until BEL or ESC \
	inStringESC        // ESC seen inside a string
)

func (s *lineSplitter) Write(p []byte) (int, error) {
	for _, b := range p {
		if s.esc = s.step(b); s.esc == noEscape && len(s.line) >= lineMax {
			s.flush()
		}
	}
	return len(p), nil
}

func (s *lineSplitter) step(b byte) escape {
	const bel, esc = 0x07, 0x1b
	switch s.esc {
	case afterESC:
		switch {
		case b == '[':
			return inCSI
		case strings.IndexByte("]PX^_", b) >= 0:
			return inString
		case b == esc:
			return afterESC
		case b >= 0x20 && b <= 0x2f: // an intermediate byte; a final one follows
			return afterESC
		}
		return noEscape
	case inCSI:
		switch {
		case b >= 0x40 && b <= 0x7e:
			return noEscape
		case b == esc:
			return afterESC
		case b == '\n':
			break // a broken sequence does not eat the next line
		default:
			return inCSI
		}
	case inString:
		switch b {
		case bel:
			return noEscape
		case esc:
			return inStringESC
		case '\n':
		default:
			return inString
		}
	case inStringESC:
		return noEscape
	}
	// A carriage return alone begins a line too: firmware redraws its progress with it.
	if s.cr && b != '\n' {
		s.flush()
	}
	s.cr = b == '\r'
	switch {
	case b == esc:
		return afterESC
	case b == '\n':
		s.emitLine()
	case b == '\t' || b >= 0x20 && b != 0x7f:
		s.line = append(s.line, b)
	}
	return noEscape
}

func (s *lineSplitter) emitLine() {
	s.emit(strings.ToValidUTF8(string(s.line), "\uFFFD"))
	s.line = s.line[:0]
}

// flush gives what stands there without a line end.
func (s *lineSplitter) flush() {
	if len(s.line) > 0 {
		s.emitLine()
	}
}
