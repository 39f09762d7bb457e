package udf

import (
	"bytes"
	"errors"
)

// endAnchors are the writers, by their names in the primary volume descriptor,
// that are known to put an anchor behind the partition: oscdimg, with which
// Microsoft makes its discs, at the last sector; genisoimage, which pads its discs
// with 150 of them; and this package. UDF 2.2.3 wants at least two of the sectors
// 256, N-256 and N, but discs of other writers are taken as they are: with the one
// at 256 Windows reads them.
var endAnchors = []string{"*Microsoft CDIMAGE UDF", "*genisoimage", "*mkisofs", implementation}

// endSearch is in how many sectors behind the partition the anchor is looked for
// where padding follows it, as 7-Zip does (UdfIn.cpp).
const endSearch = 1024

// checkEnd finds out that a disc lacks what lies behind its files: a download
// that was cut off just there, or one that a downloader had given its full length
// before the last bytes came.
func (v *Volume) checkEnd() error {
	b, err := v.sector(16)
	if err != nil {
		return err
	}
	if b[0] == 1 && string(b[1:6]) == "CD001" { // the ISO 9660 side tells the same disc's length
		if want := int64(le.Uint32(b[80:])) * SectorSize; want > v.size {
			return &TruncatedError{Size: v.size, Want: want}
		}
	}
	known := false
	for _, writer := range endAnchors {
		known = known || v.sequence.writer == writer
	}
	if !known {
		return nil
	}
	p := v.sequence.partition
	sectors := v.size / SectorSize
	end := int64(p.Start) + int64(p.Length)
	for _, at := range []int64{sectors - 1, sectors - 257} {
		if found, err := v.anchorAt(at, end); found || err != nil {
			return err
		}
	}
	for at := end; at < min(end+endSearch, sectors); at++ {
		if found, err := v.anchorAt(at, end); found || err != nil {
			return err
		}
	}
	return &TruncatedError{Size: v.size, Want: max(end, sectors)*SectorSize + SectorSize, Anchor: true}
}

// freeEnd is the first sector from sector on in which the last anchor may lie
// when the volume grows: one that finds no old anchor 256 sectors before it, where
// 3/8.4.2.1 has readers look for another. genisoimage leaves 150 of them behind.
func (v *Volume) freeEnd(sector int64) (int64, error) {
	for ; (sector-256)*SectorSize < v.size; sector++ {
		b, err := v.sector(uint32(sector - 256))
		var truncated *TruncatedError
		switch {
		case errors.As(err, &truncated): // half a sector is no anchor
			return sector, nil
		case err != nil:
			return 0, err
		case tagID(b) != tagAnchor:
			return sector, nil
		}
	}
	return sector, nil
}

// anchorAt tells whether at a sector is an anchor, be it a damaged one: Editable
// says so of it. What lies in front of the partition's end is none at the end.
func (v *Volume) anchorAt(sector, end int64) (bool, error) {
	if sector < end-1 {
		return false, nil
	}
	b, err := v.sector(uint32(sector))
	var truncated *TruncatedError
	if err != nil && !errors.As(err, &truncated) {
		return false, err
	}
	return err == nil && tagID(b) == tagAnchor && !bytes.Equal(b[16:32], make([]byte, 16)), nil
}
