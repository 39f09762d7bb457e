package udf

// extendedFixed is the length of an extended file entry without attributes and
// descriptors, 4/14.17.
const extendedFixed = 216

// space is how many bytes of its block an entry has for allocation descriptors, or
// for content of its own.
func (e *entry) space() int {
	if e.extended {
		return SectorSize - extendedFixed - e.attributes
	}
	return SectorSize - entryFixed - e.attributes
}

// slots is how many allocation descriptors fit an entry that is rewritten.
func (e *entry) slots() int {
	if e.long {
		return e.space() / 16
	}
	return e.space() / 8
}

// entryRewrite changes a directory's entry where it lies.
type entryRewrite struct {
	b []byte // its block
	e *entry
}

// at gives the offset of a field that lies further in an extended file entry.
func (r entryRewrite) at(plain, extended int) int {
	if r.e.extended {
		return extended
	}
	return plain
}

func (r entryRewrite) links(by int) {
	le.PutUint16(r.b[48:], uint16(max(1, int(le.Uint16(r.b[48:]))+by)))
}

// descriptors is where the allocation descriptors, or the embedded content, lie.
func (r entryRewrite) descriptors() int {
	return r.at(entryFixed, extendedFixed) + r.e.attributes
}

func (r entryRewrite) setSize(size, blocks int64, form uint16, descriptors []byte) {
	le.PutUint64(r.b[56:], uint64(size))
	if r.e.extended {
		le.PutUint64(r.b[64:], uint64(size)) // of all streams: there is one
	}
	le.PutUint64(r.b[r.at(64, 72):], uint64(blocks))
	le.PutUint16(r.b[34:], le.Uint16(r.b[34:])&^7|form)
	le.PutUint32(r.b[r.at(172, 212):], uint32(len(descriptors)))
	from := r.descriptors()
	clear(r.b[from:])
	copy(r.b[from:], descriptors)
}

// extents gives the directory other extents, in the form that it has, or short
// ones when its content lay in the entry.
func (r entryRewrite) extents(size int64, extents []extent) {
	form := le.Uint16(r.b[34:]) & 7
	if form == adEmbedded {
		form = adShort
	}
	var ads []byte
	var blocks int64
	for _, x := range extents {
		ads = le.AppendUint32(ads, uint32(x.length))
		ads = le.AppendUint32(ads, x.block)
		if form == adLong {
			ads = append(ads, make([]byte, 8)...)
		}
		blocks += blocksOf(x.length)
	}
	r.setSize(size, blocks, form, ads)
}

func (r entryRewrite) embed(content []byte) {
	r.setSize(int64(len(content)), 0, adEmbedded, content)
}

func (r entryRewrite) seal(block uint32) []byte {
	length := r.descriptors() + int(le.Uint32(r.b[r.at(172, 212):]))
	resealTag(r.b, length-tagSize, block)
	return r.b
}

// blockAt is the block in which a byte of a file lies, also past its end within
// its last block.
func (e *entry) blockAt(at int64) uint32 {
	for _, x := range e.extents {
		whole := blocksOf(x.length) * SectorSize
		if at < whole {
			return x.block + uint32(at/SectorSize)
		}
		at -= whole
	}
	return 0
}

// shrink gives the extents that hold size bytes; the last may grow to the end
// of its block.
func shrink(extents []extent, size int64) []extent {
	var out []extent
	for _, x := range extents {
		if size <= 0 {
			break
		}
		x.length = min(size, blocksOf(x.length)*SectorSize)
		size -= x.length
		out = append(out, x)
	}
	return out
}
