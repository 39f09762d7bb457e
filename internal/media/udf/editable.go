package udf

import "fmt"

// volumeState is what an edit must know of the volume besides its tree: the
// descriptors that count sectors and files.
type volumeState struct {
	anchor anchorPoint
	// anchorBytes is the anchor at sector 256, to be copied to the new end.
	anchorBytes []byte
	// partitions are the partition descriptors of both sequences, by sector.
	partitions map[uint32][]byte
	integrity  []byte
	integrityN uint32 // its sector
	// root is the root's file entry, whose owner and so on new entries take.
	root []byte
}

// editable checks that the volume is laid out as an edit needs it: the
// partition's end can move outwards, and nothing keeps books of free space.
func (v *Volume) editable() (*volumeState, error) {
	s := &volumeState{partitions: map[uint32][]byte{}}
	p := v.sequence.partition
	b, err := v.sector(anchorSector)
	if err != nil {
		return nil, err
	}
	if err := checkTag("anchor at sector 256", b, tagAnchor); err != nil {
		return nil, refuse("%v", err)
	}
	if at := tagLocation(b); at != anchorSector {
		return nil, refuse("its anchor at sector 256 says that it lies at %d", at)
	}
	s.anchor, s.anchorBytes = parseAnchor(b), b
	for name, ext := range map[string]extentAD{"main": s.anchor.main, "reserve": s.anchor.reserve, "integrity": v.sequence.integrity} {
		if ext.length == 0 {
			return nil, refuse("it has no %s descriptor sequence", name)
		}
		if int64(ext.sector)+blocksOf(int64(ext.length)) > int64(p.Start) {
			return nil, refuse("its %s descriptor sequence lies at sector %d, not before its partition, whose end is to move", name, ext.sector)
		}
	}
	for _, ext := range []extentAD{s.anchor.main, s.anchor.reserve} {
		if err := s.findPartitions(v, ext); err != nil {
			return nil, err
		}
	}
	if err := s.findIntegrity(v); err != nil {
		return nil, err
	}
	if s.root, err = v.block(v.rootICB); err != nil {
		return nil, err
	}
	return s, checkTag("root directory", s.root, tagFileEntry, tagExtendedFileEntry)
}

// findPartitions reads the partition descriptors of a sequence.
func (s *volumeState) findPartitions(v *Volume, ext extentAD) error {
	found, err := v.readSequence(ext)
	if err != nil {
		return refuse("%v", err)
	}
	if found.partition != v.sequence.partition || found.fileSet != v.sequence.fileSet || found.integrity != v.sequence.integrity {
		return refuse("its two volume descriptor sequences differ")
	}
	b, err := v.sector(found.partitionSector)
	if err != nil {
		return err
	}
	if at := tagLocation(b); at != found.partitionSector {
		return refuse("its partition descriptor at sector %d says that it lies at %d", found.partitionSector, at)
	}
	// unallocated and freed space, tables and bitmaps: 4/14.3
	for at := 56; at < 56+5*8; at += 8 {
		if le.Uint32(b[at:])&0x3fffffff != 0 {
			return refuse("its partition keeps a map of free space, as writable volumes do")
		}
	}
	s.partitions[found.partitionSector] = b
	return nil
}

// findIntegrity reads the last integrity descriptor, 3/8.8.
func (s *volumeState) findIntegrity(v *Volume) error {
	ext := v.sequence.integrity
	for sector := ext.sector; sector < ext.sector+min(ext.length/SectorSize, maxSequence); sector++ {
		b, err := v.sector(sector)
		if err != nil {
			return err
		}
		if tagID(b) != tagIntegrity {
			break
		}
		if err := checkTag(fmt.Sprintf("integrity descriptor at sector %d", sector), b, tagIntegrity); err != nil {
			return refuse("%v", err)
		}
		if at := tagLocation(b); at != sector {
			return refuse("its integrity descriptor at sector %d says that it lies at %d", sector, at)
		}
		s.integrity, s.integrityN = b, sector
	}
	switch {
	case s.integrity == nil:
		return refuse("it has no integrity descriptor")
	case le.Uint32(s.integrity[28:]) != 1:
		return refuse("it was not closed")
	case le.Uint32(s.integrity[32:]) != 0:
		return refuse("its integrity descriptors go on elsewhere")
	case le.Uint32(s.integrity[72:]) != 1 || le.Uint32(s.integrity[76:]) < 46:
		return refuse("its integrity descriptor tells of %d partitions", le.Uint32(s.integrity[72:]))
	}
	return nil
}
