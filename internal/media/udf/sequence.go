package udf

import (
	"bytes"
	"fmt"
	"time"
)

// sequence is what a volume descriptor sequence says, 3/8.4.2.
type sequence struct {
	label     string
	recorded  time.Time
	revision  uint16 // BCD: 0x0102
	partition Partition
	fileSet   uint32   // block of the file set descriptor
	integrity extentAD // of the logical volume integrity sequence
	maps      int      // number of partition maps
	// partitionSector is where the partition descriptor lies.
	partitionSector uint32
	volumeSetID     string
	volumeID        string
	writer          string // the implementation identifier
}

// maxRevision is the last revision, in BCD, that finds files as 1.02 does; from
// 2.50 on a metadata partition lies between.
const maxRevision = 0x0201

// maxSequence bounds the length of a sequence; 16 sectors are usual.
const maxSequence = 256

// readSequence reads the descriptors of a sequence up to its terminator. Where
// a descriptor occurs twice the one of the higher sequence number holds.
func (v *Volume) readSequence(ext extentAD) (sequence, error) {
	var (
		s                                   sequence
		pvd, lvd, pd                        []byte
		pvdSequence, lvdSequence, pdSequene uint32
	)
	n := ext.length / SectorSize
	if n > maxSequence {
		return s, malformed("volume descriptor sequence", "%d sectors long", n)
	}
loop:
	for i := range n {
		sector := ext.sector + i
		b, err := v.sector(sector)
		if err != nil {
			return s, err
		}
		if tagID(b) == 0 {
			break // an unrecorded sector ends the sequence, 3/8.4.1
		}
		if err := checkTag(fmt.Sprintf("volume descriptor at sector %d", sector), b); err != nil {
			return s, err
		}
		number := le.Uint32(b[16:])
		switch tagID(b) {
		case tagPrimaryVolume:
			if pvd == nil || number >= pvdSequence {
				pvd, pvdSequence = b, number
			}
		case tagLogicalVolume:
			if lvd == nil || number >= lvdSequence {
				lvd, lvdSequence = b, number
			}
		case tagPartition:
			if pd == nil || number >= pdSequene {
				pd, pdSequene = b, number
				s.partitionSector = sector
			}
		case tagTerminating:
			break loop
		}
	}
	switch {
	case pvd == nil:
		return s, malformed("volume descriptor sequence", "no primary volume descriptor")
	case lvd == nil:
		return s, malformed("volume descriptor sequence", "no logical volume descriptor")
	case pd == nil:
		return s, malformed("volume descriptor sequence", "no partition descriptor")
	}
	s.volumeID = decodeDstring(pvd[24:56])
	s.volumeSetID = decodeDstring(pvd[72:200])
	s.recorded = decodeTime(pvd[376:388])
	s.writer = string(bytes.TrimRight(pvd[388+1:388+24], "\x00"))
	s.partition = Partition{Start: le.Uint32(pd[188:]), Length: le.Uint32(pd[192:])}
	if err := s.parseLogicalVolume(lvd, le.Uint16(pd[22:])); err != nil {
		return s, err
	}
	if s.label == "" {
		s.label = s.volumeID
	}
	return s, nil
}

func (s *sequence) parseLogicalVolume(b []byte, partitionNumber uint16) error {
	s.label = decodeDstring(b[84:212])
	if size := le.Uint32(b[212:]); size != SectorSize {
		return malformed("logical volume", "blocks of %d bytes, discs have %d", size, SectorSize)
	}
	if id := b[216+1 : 216+24]; !bytes.HasPrefix(id, []byte("*OSTA UDF Compliant")) {
		return malformed("logical volume", "domain %q is not UDF's", bytes.TrimRight(id, "\x00"))
	}
	s.revision = le.Uint16(b[240:])
	if s.revision > maxRevision {
		return malformed("logical volume", "UDF %x.%02x; up to %x.%02x is read, and Windows' discs are UDF 1.02", s.revision>>8, s.revision&0xff, maxRevision>>8, maxRevision&0xff)
	}
	s.fileSet = le.Uint32(b[252:])
	s.maps = int(le.Uint32(b[268:]))
	s.integrity = extentAD{le.Uint32(b[432:]), le.Uint32(b[436:])}
	if s.maps != 1 || b[440] != 1 || b[441] != 6 {
		return malformed("logical volume", "UDF %x.%02x with %d partition maps, the first of type %d; Windows' discs are UDF 1.02 with one of type 1",
			s.revision>>8, s.revision&0xff, s.maps, b[440])
	}
	if n := le.Uint16(b[444:]); n != partitionNumber {
		return malformed("logical volume", "maps partition %d, the volume has %d", n, partitionNumber)
	}
	return nil
}
