package remnant

import "bytes"

// Matcher finds any of many patterns in one pass (Wu and Manber, "A Fast
// Algorithm for Multi-Pattern Searching", 1994): two bytes at a time tell how
// far it may jump, which is nearly the length of the shortest pattern.
type Matcher struct {
	shift    [1 << 16]uint8
	buckets  map[uint16][]pattern // by the last two bytes of a pattern's window
	window   int                  // length of the shortest pattern, at most 255
	overlap  int                  // length of the longest, less one
	patterns int
}

// NewMatcher prepares the search for secrets, each in every form. Secrets that
// are not Usable are left out.
func NewMatcher(secrets []string) *Matcher {
	m := &Matcher{buckets: map[uint16][]pattern{}}
	var all []pattern
	for _, s := range secrets {
		if Usable(s) {
			all = append(all, patterns(s)...)
		}
	}
	m.patterns = len(all)
	for _, p := range all {
		if m.window == 0 || len(p.bytes) < m.window {
			m.window = min(len(p.bytes), 255)
		}
		m.overlap = max(m.overlap, len(p.bytes)-1)
	}
	for i := range m.shift {
		m.shift[i] = uint8(max(m.window-1, 1))
	}
	for _, p := range all {
		for at := 1; at < m.window; at++ {
			pair := uint16(p.bytes[at-1])<<8 | uint16(p.bytes[at])
			m.shift[pair] = min(m.shift[pair], uint8(m.window-1-at))
			if at == m.window-1 {
				m.buckets[pair] = append(m.buckets[pair], p)
			}
		}
	}
	return m
}

// Empty says that there is nothing to search for.
func (m *Matcher) Empty() bool { return m.patterns == 0 }

// Overlap is how many bytes of the next piece a piece must have at its end, so
// that nothing is lost at the border.
func (m *Matcher) Overlap() int { return m.overlap }

// Find calls hit for every place in b where a secret begins, with its form.
func (m *Matcher) Find(b []byte, hit func(at int, form string)) {
	if m.Empty() {
		return
	}
	for i := m.window - 1; i < len(b); {
		pair := uint16(b[i-1])<<8 | uint16(b[i])
		if s := m.shift[pair]; s > 0 {
			i += int(s)
			continue
		}
		start := i - m.window + 1
		for _, p := range m.buckets[pair] {
			if bytes.HasPrefix(b[start:], p.bytes) {
				hit(start, p.form)
			}
		}
		i++
	}
}
