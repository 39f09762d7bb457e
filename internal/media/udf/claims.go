package udf

import (
	"cmp"
	"fmt"
	"slices"
)

// claim is a run of blocks that hold a directory's names.
type claim struct {
	block, end uint32 // end is exclusive
	owner      uint32 // the block of the directory's entry
}

// maxClaims bounds the runs of all directories together.
const maxClaims = 2 * maxDirs

// claimNames notes where a directory's names lie, once for each directory, and
// refuses what a disc can't need: directories that share blocks, by which a
// small disc would pretend to hold any number of names, and more names than
// maxNames.
func (v *Volume) claimNames(e *entry) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.claimed[e.block] {
		return nil
	}
	object := fmt.Sprintf("directory at block %d", e.block)
	if v.names+e.size > maxNames {
		return malformed("volume", "the names of its directories take more than %d bytes", int64(maxNames))
	}
	left := e.size
	for _, x := range e.extents {
		if left <= 0 {
			break
		}
		n := min(x.length, left)
		left -= n
		c := claim{block: x.block, end: x.block + uint32(blocksOf(n)), owner: e.block}
		i, _ := slices.BinarySearchFunc(v.claims, c, func(a, b claim) int { return cmp.Compare(a.block, b.block) })
		for _, k := range []int{i - 1, i} {
			if k >= 0 && k < len(v.claims) && v.claims[k].block < c.end && c.block < v.claims[k].end {
				return malformed(object, "its names at block %d are also those of the directory at block %d", c.block, v.claims[k].owner)
			}
		}
		if len(v.claims) >= maxClaims {
			return malformed("volume", "its directories lie in more than %d pieces", maxClaims)
		}
		v.claims = slices.Insert(v.claims, i, c)
	}
	v.claimed[e.block] = true
	v.names += e.size
	return nil
}
