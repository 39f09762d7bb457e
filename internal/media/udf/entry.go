package udf

import (
	"fmt"
	"time"
)

// File types of an ICB, 4/14.6.6.
const (
	typeDirectory = 4
	typeFile      = 5
)

// extent is a run of a file's bytes.
type extent struct {
	// block within the partition; meaningless when hole.
	block  uint32
	length int64
	// hole: allocated or not, but not recorded; reads as zeros.
	hole bool
}

// entry is a (possibly extended) file entry, 4/14.9 and 4/14.17.
type entry struct {
	block    uint32
	kind     byte
	size     int64
	modified time.Time
	uniqueID uint64
	extended bool
	// attributes is the length of the extended attributes.
	attributes int
	// inline is the content when it lies in the entry itself.
	inline  []byte
	isEmbed bool
	// long: the extents are told by long allocation descriptors, else by short ones.
	long    bool
	extents []extent
}

func (e *entry) isDir() bool { return e.kind == typeDirectory }

// Allocation descriptors: how the entry's flags call their form, 4/14.6.8.
const (
	adShort    = 0
	adLong     = 1
	adEmbedded = 3
)

// maxExtents bounds one file's extents: a disc that was written at once has one
// for each GiB, and a hostile one could have a chain of them go on for ever.
const maxExtents = 1 << 12

// readEntry reads the file entry at block.
func (v *Volume) readEntry(block uint32) (*entry, error) {
	b, err := v.block(block)
	if err != nil {
		return nil, err
	}
	return v.parseEntry(block, b)
}

// parseEntry parses the file entry whose block is b, which it keeps.
func (v *Volume) parseEntry(block uint32, b []byte) (*entry, error) {
	object := fmt.Sprintf("file entry at block %d", block)
	if err := checkTag(object, b, tagFileEntry, tagExtendedFileEntry); err != nil {
		return nil, err
	}
	if strategy := le.Uint16(b[16+4:]); strategy != 4 {
		return nil, malformed(object, "ICB strategy %d, only 4 is known", strategy)
	}
	e := &entry{block: block, kind: b[27], extended: tagID(b) == tagExtendedFileEntry}
	modified, unique, lengths, fixed := 84, 160, 168, entryFixed
	if e.extended {
		modified, unique, lengths, fixed = 92, 200, 208, extendedFixed
	}
	size := le.Uint64(b[56:])
	if limit := uint64(v.sequence.partition.Length) * SectorSize; size > limit {
		return nil, malformed(object, "%d bytes in a partition of %d", size, limit)
	}
	e.size = int64(size)
	e.modified = decodeTime(b[modified : modified+12])
	e.uniqueID = le.Uint64(b[unique:])
	attributes, descriptors := uint64(le.Uint32(b[lengths:])), uint64(le.Uint32(b[lengths+4:]))
	if uint64(fixed)+attributes+descriptors > SectorSize {
		return nil, malformed(object, "%d bytes of attributes and %d of allocation descriptors don't fit its block", attributes, descriptors)
	}
	e.attributes = int(attributes)
	start := uint64(fixed) + attributes
	ads := b[start : start+descriptors]
	form := int(le.Uint16(b[34:]) & 7)
	if form == adEmbedded {
		if e.size > int64(len(ads)) {
			return nil, malformed(object, "%d bytes of content in %d", e.size, len(ads))
		}
		e.isEmbed, e.inline = true, ads[:e.size]
		return e, nil
	}
	e.long = form == adLong
	var err error
	if e.extents, err = v.readExtents(object, ads, form); err != nil {
		return nil, err
	}
	var have int64
	for i := range e.extents {
		have += e.extents[i].length
	}
	if have < e.size {
		return nil, malformed(object, "%d bytes long, its extents hold %d", e.size, have)
	}
	return e, nil
}

// readExtents reads allocation descriptors and those that continue them.
func (v *Volume) readExtents(object string, ads []byte, form int) ([]extent, error) {
	step := 8
	switch form {
	case adShort:
	case adLong:
		step = 16
	default:
		return nil, malformed(object, "allocation descriptors of form %d", form)
	}
	var out []extent
	chained := 0
	for len(ads) >= step {
		word, block := le.Uint32(ads), le.Uint32(ads[4:])
		if form == adLong {
			if ref := le.Uint16(ads[8:]); ref != 0 && word != 0 {
				return nil, malformed(object, "an extent in partition map %d of 1", ref)
			}
		}
		ads = ads[step:]
		length := int64(word & 0x3fffffff)
		if length == 0 {
			break
		}
		switch word >> 30 {
		case 0:
			p := v.sequence.partition
			end := int64(block)*SectorSize + length
			if want := int64(p.Start)*SectorSize + end; want > v.size {
				return nil, &TruncatedError{Size: v.size, Want: want}
			}
			if end > int64(p.Length)*SectorSize {
				return nil, malformed(object, "an extent of %d bytes at block %d ends past the partition's %d blocks", length, block, p.Length)
			}
			out = append(out, extent{block: block, length: length})
		case 1, 2:
			out = append(out, extent{length: length, hole: true})
		case 3:
			if chained++; chained > maxExtents/64 {
				return nil, malformed(object, "its allocation extents go on for ever")
			}
			next, err := v.allocationExtent(block)
			if err != nil {
				return nil, err
			}
			ads = next
		}
		if len(out) > maxExtents {
			return nil, malformed(object, "more than %d extents", maxExtents)
		}
	}
	return out, nil
}

// allocationExtent reads a block that continues allocation descriptors, 4/14.5.
func (v *Volume) allocationExtent(block uint32) ([]byte, error) {
	object := fmt.Sprintf("allocation extent at block %d", block)
	b, err := v.block(block)
	if err != nil {
		return nil, err
	}
	if err := checkTag(object, b, tagAllocationExtent); err != nil {
		return nil, err
	}
	n := le.Uint32(b[20:])
	if n > SectorSize-24 {
		return nil, malformed(object, "%d bytes of descriptors", n)
	}
	return b[24 : 24+n], nil
}
