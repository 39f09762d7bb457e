package udf

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"runtime"
	"strings"
	"testing"
	"time"
)

// discOf lays files out, without content, and then has change work on the disc.
func discOf(t *testing.T, files []Input) []byte {
	t.Helper()
	l, err := NewLayout(files, LayoutOptions{Label: "BOUNDS"})
	if err != nil {
		t.Fatal(err)
	}
	disc := make([]byte, l.Size)
	for _, s := range l.Segments {
		copy(disc[s.Offset:], s.Bytes)
	}
	for sector := 16; sector < recognitionSector; sector++ {
		copy(disc[sector*SectorSize:], "\x01CD001\x01") // ISO 9660's, which come first
	}
	return disc
}

func named(path string) Input {
	return Input{Path: path, Open: func() (io.ReadCloser, error) { return nil, io.EOF }}
}

// cost walks a disc in every way that the package has and gives what that
// allocates in all, what stays allocated, and the error.
func cost(disc []byte) (allocated, kept int64, took time.Duration, err error) {
	var before, after, now runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	began := time.Now()
	v, err := Open(bytes.NewReader(disc), int64(len(disc)))
	if err == nil {
		err = errors.Join(v.Check(), fs.WalkDir(v.FS(), ".", func(path string, d fs.DirEntry, err error) error {
			if err == nil {
				_, err = fs.Stat(v.FS(), path)
			}
			return err
		}))
	}
	took = time.Since(began)
	runtime.ReadMemStats(&after)
	runtime.GC()
	runtime.ReadMemStats(&now)
	runtime.KeepAlive(v)
	return int64(after.TotalAlloc - before.TotalAlloc), int64(now.HeapAlloc) - int64(before.HeapAlloc), took, err
}

// TestMemoryIsBounded walks discs that are as bad as the limits let them be, and
// discs that are worse.
func TestMemoryIsBounded(t *testing.T) {
	many := func(dirs, each, length int) []Input {
		var files []Input
		for i := range dirs {
			for k := range each {
				files = append(files, named(fmt.Sprintf("d%05d/%s%05d", i, strings.Repeat("n", length), k)))
			}
		}
		return files
	}
	// 31 directories that all name the same blocks, each of them 16 MB long
	shared := discOf(t, many(31, 2, 1))
	v := openBytes(t, shared)
	root, err := v.readDirectory(v.rootICB)
	if err != nil {
		t.Fatal(err)
	}
	shared = append(shared, make([]byte, 17<<20)...)
	anchorEnd(shared)
	blocks := uint32(len(shared)/SectorSize) - v.Partition().Start - 1
	for _, sector := range []int{mainSequence + 2, reserveSequence + 2} {
		b := shared[sector*SectorSize:][:SectorSize]
		le.PutUint32(b[192:], blocks)
		resealTag(b, int(le.Uint16(b[10:])), uint32(sector))
	}
	for _, f := range root.fids {
		b := shared[(v.Partition().Start+f.block)*SectorSize:][:SectorSize]
		le.PutUint64(b[56:], 16<<20)
		le.PutUint32(b[entryFixed:], 16<<20)
		le.PutUint32(b[entryFixed+4:], blocks-(16<<20)/SectorSize)
		resealTag(b, int(le.Uint16(b[10:])), f.block)
	}
	const mb = 1 << 20
	for _, c := range []struct {
		name            string
		disc            []byte
		want            string
		allocated, kept int64
	}{
		{"one large directory", discOf(t, many(1, 60_000, 4)), "", 800 * mb, 64 * mb},
		{"many directories", discOf(t, many(12_000, 1, 4)), "", 800 * mb, 64 * mb},
		{"one directory that is too large", discOf(t, many(1, 100_000, 4)), "take more than", 16 * mb, 8 * mb},
		{"too many names in all", discOf(t, many(31, 3_000, 20)), "take more than", 500 * mb, 64 * mb},
		{"too many directories", discOf(t, many(20_000, 1, 1)), "more than", 64 * mb, 16 * mb},
		{"31 directories of the same 16 MB", shared, "take more than", 16 * mb, 8 * mb},
	} {
		t.Run(c.name, func(t *testing.T) {
			allocated, kept, took, err := cost(c.disc)
			t.Logf("%d MB allocated in all, %d MB kept, %s", allocated/mb, kept/mb, took)
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("%v; want %q", err, c.want)
			}
			if allocated > c.allocated || kept > c.kept {
				t.Errorf("%d bytes allocated in all and %d kept; want at most %d and %d", allocated, kept, c.allocated, c.kept)
			}
		})
	}
}

// anchorEnd puts an anchor into a disc's last sector, where writers have it.
func anchorEnd(disc []byte) {
	last := uint32(len(disc)/SectorSize) - 1
	sequence := func(sector uint32) extentAD { return extentAD{sequenceSectors * SectorSize, sector} }
	copy(disc[int(last)*SectorSize:], anchorDescriptor(last, sequence(mainSequence), sequence(reserveSequence)))
}

// TestExtentsAreBounded has the descriptors of one file go on through blocks that
// name each other.
func TestExtentsAreBounded(t *testing.T) {
	disc := discOf(t, []Input{named("a"), named("b")})
	v := openBytes(t, disc)
	e, _, err := v.FS().find("find", "a")
	if err != nil {
		t.Fatal(err)
	}
	next := uint32(len(disc)/SectorSize) - v.Partition().Start - 1 // of the last anchor
	disc = append(disc, make([]byte, SectorSize)...)
	anchorEnd(disc)
	for _, sector := range []int{mainSequence + 2, reserveSequence + 2} {
		b := disc[sector*SectorSize:][:SectorSize]
		le.PutUint32(b[192:], le.Uint32(b[192:])+1)
		resealTag(b, int(le.Uint16(b[10:])), uint32(sector))
	}
	// an allocation extent that fills itself with one-byte extents and goes on
	// where it began
	b := disc[int64(v.Partition().Start+next)*SectorSize:][:SectorSize]
	clear(b)
	le.PutUint16(b, tagAllocationExtent)
	le.PutUint16(b[2:], 2)
	const ads = (SectorSize - 24) / 8 * 8
	le.PutUint32(b[20:], ads)
	for at := 24; at < 24+ads; at += 8 {
		le.PutUint32(b[at:], 1)
	}
	le.PutUint32(b[24+ads-8:], 3<<30|SectorSize)
	le.PutUint32(b[24+ads-4:], next)
	resealTag(b, SectorSize-tagSize, next)
	entry := disc[int64(v.Partition().Start+e.block)*SectorSize:][:SectorSize]
	le.PutUint32(entry[172:], 8)
	le.PutUint32(entry[176:], 3<<30|SectorSize)
	le.PutUint32(entry[180:], next)
	resealTag(entry, 184-tagSize, e.block)
	if _, err := fs.Stat(openBytes(t, disc).FS(), "a"); err == nil || !strings.Contains(err.Error(), "more than 4096 extents") {
		t.Error(err)
	}
}
