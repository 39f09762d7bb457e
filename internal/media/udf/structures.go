package udf

import "time"

// The structures that a volume is written with. Offsets are those of ECMA-167,
// with the values that UDF 1.02 asks for.

const (
	revision = 0x0102
	// descriptorSize is that of volume descriptors and file set descriptors.
	descriptorSize = 512
	entryFixed     = 176
	// maxExtentLength is the most that one extent holds, in whole blocks.
	maxExtentLength = 0x3ffff800
	// permissions: everybody reads and searches.
	permissions = 0x14a5
)

// putRegid writes an entity identifier, 1/7.4.
func putRegid(b []byte, id string, suffix ...byte) {
	copy(b[1:24], id)
	copy(b[24:32], suffix)
}

func putCharset(b []byte) { copy(b[1:64], "OSTA Compressed Unicode") }

func putDomain(b []byte) {
	putRegid(b, "*OSTA UDF Compliant", byte(revision&0xff), byte(revision>>8))
}

// implementation names the writer, in every place that asks who wrote it.
const implementation = "*wintemplate"

func putImplementation(b []byte) { putRegid(b, implementation) }

func anchorDescriptor(sector uint32, main, reserve extentAD) []byte {
	b := make([]byte, descriptorSize)
	le.PutUint32(b[16:], main.length)
	le.PutUint32(b[20:], main.sector)
	le.PutUint32(b[24:], reserve.length)
	le.PutUint32(b[28:], reserve.sector)
	sealTag(b, tagAnchor, sector)
	return b
}

// volumeFields are what the descriptors of a sequence say.
type volumeFields struct {
	label     string
	recorded  time.Time
	partition Partition
	integrity extentAD
	fileSet   uint32 // block
}

// sequenceAt gives the descriptors of a sequence that starts at a sector.
func (f volumeFields) sequenceAt(sector uint32) [][]byte {
	stamp := encodeTime(f.recorded)
	var out [][]byte
	add := func(id uint16, fill func(b []byte)) {
		b := make([]byte, descriptorSize)
		n := uint32(len(out))
		if id != tagTerminating {
			le.PutUint32(b[16:], n)
		}
		fill(b)
		sealTag(b, id, sector+n)
		out = append(out, b)
	}
	add(tagPrimaryVolume, func(b []byte) {
		putDstring(b[24:56], f.label)
		le.PutUint16(b[56:], 1) // volume 1 of 1
		le.PutUint16(b[58:], 1)
		le.PutUint16(b[60:], 2) // interchange level
		le.PutUint16(b[62:], 2)
		le.PutUint32(b[64:], 1)
		le.PutUint32(b[68:], 1)
		// a volume set id begins with a unique part of hex digits, UDF 2.2.2.5
		putDstring(b[72:200], uniquePart(f.recorded)+f.label)
		putCharset(b[200:])
		putCharset(b[264:])
		copy(b[376:], stamp[:])
		putImplementation(b[388:])
	})
	add(tagImplementationUse, func(b []byte) {
		putRegid(b[20:], "*UDF LV Info", byte(revision&0xff), byte(revision>>8))
		putCharset(b[52:])
		putDstring(b[116:244], f.label)
		putImplementation(b[352:])
	})
	add(tagPartition, func(b []byte) {
		le.PutUint16(b[20:], 1) // allocated
		putRegid(b[24:], "+NSR02")
		le.PutUint32(b[184:], 1) // read-only
		le.PutUint32(b[188:], f.partition.Start)
		le.PutUint32(b[192:], f.partition.Length)
		putImplementation(b[196:])
	})
	add(tagLogicalVolume, func(b []byte) {
		putCharset(b[20:])
		putDstring(b[84:212], f.label)
		le.PutUint32(b[212:], SectorSize)
		putDomain(b[216:])
		le.PutUint32(b[248:], SectorSize)
		le.PutUint32(b[252:], f.fileSet)
		le.PutUint32(b[264:], 6)
		le.PutUint32(b[268:], 1)
		putImplementation(b[272:])
		le.PutUint32(b[432:], f.integrity.length)
		le.PutUint32(b[436:], f.integrity.sector)
		b[440], b[441] = 1, 6
		le.PutUint16(b[442:], 1)
	})
	add(tagUnallocatedSpace, func([]byte) {})
	add(tagTerminating, func([]byte) {})
	return out
}

// uniquePart is made of the recording time, since the same volume is to come
// out the same.
func uniquePart(t time.Time) string {
	const digits = "0123456789ABCDEF"
	n := uint64(t.Unix())
	b := make([]byte, 16)
	for i := range b {
		b[15-i] = digits[n&15]
		n >>= 4
	}
	return string(b)
}

// integrityDescriptor says that the volume was closed properly, 3/10.10.
func integrityDescriptor(sector uint32, recorded time.Time, nextID uint64, partitionLength, files, dirs uint32) []byte {
	b := make([]byte, descriptorSize)
	stamp := encodeTime(recorded)
	copy(b[16:], stamp[:])
	le.PutUint32(b[28:], 1) // closed
	le.PutUint64(b[40:], nextID)
	le.PutUint32(b[72:], 1)
	le.PutUint32(b[76:], 46)
	le.PutUint32(b[84:], partitionLength)
	putImplementation(b[88:])
	le.PutUint32(b[120:], files)
	le.PutUint32(b[124:], dirs)
	le.PutUint16(b[128:], revision)
	le.PutUint16(b[130:], revision)
	le.PutUint16(b[132:], revision)
	sealTag(b, tagIntegrity, sector)
	return b
}

func fileSetDescriptor(block uint32, label string, recorded time.Time, rootICB uint32) []byte {
	b := make([]byte, descriptorSize)
	stamp := encodeTime(recorded)
	copy(b[16:], stamp[:])
	le.PutUint16(b[28:], 3)
	le.PutUint16(b[30:], 3)
	le.PutUint32(b[32:], 1)
	le.PutUint32(b[36:], 1)
	putCharset(b[48:])
	putDstring(b[112:240], label)
	putCharset(b[240:])
	putDstring(b[304:336], label)
	le.PutUint32(b[400:], SectorSize)
	le.PutUint32(b[404:], rootICB)
	putDomain(b[416:])
	sealTag(b, tagFileSet, block)
	return b
}

func terminator(block uint32) []byte {
	b := make([]byte, descriptorSize)
	sealTag(b, tagTerminating, block)
	return b
}

// entryFields are what a file entry says.
type entryFields struct {
	kind     byte
	links    uint16
	size     int64
	modified time.Time
	uniqueID uint64
	// start is the first block of the content, which lies in one run.
	start uint32
}

// fileEntry gives a file entry with short allocation descriptors, 4/14.9.
func fileEntry(block uint32, f entryFields) []byte {
	b := make([]byte, entryFixed, SectorSize)
	stamp := encodeTime(f.modified)
	le.PutUint16(b[20:], 4)
	le.PutUint16(b[24:], 1)
	b[27] = f.kind
	le.PutUint32(b[36:], 0xffffffff)
	le.PutUint32(b[40:], 0xffffffff)
	le.PutUint32(b[44:], permissions)
	le.PutUint16(b[48:], f.links)
	le.PutUint64(b[56:], uint64(f.size))
	le.PutUint64(b[64:], uint64(blocksOf(f.size)))
	copy(b[72:], stamp[:])
	copy(b[84:], stamp[:])
	copy(b[96:], stamp[:])
	le.PutUint32(b[108:], 1)
	putImplementation(b[128:])
	le.PutUint64(b[160:], f.uniqueID)
	at := f.start
	for left := f.size; left > 0; {
		n := min(left, maxExtentLength)
		b = le.AppendUint32(b, uint32(n))
		b = le.AppendUint32(b, at)
		at += uint32(blocksOf(n))
		left -= n
	}
	le.PutUint32(b[172:], uint32(len(b)-entryFixed))
	sealTag(b, tagFileEntry, block)
	return b
}

func blocksOf(size int64) int64 { return (size + SectorSize - 1) / SectorSize }

// fileIdentifier gives a file identifier descriptor whose first byte lies in a
// block, 4/14.4; a parent's name is empty.
func fileIdentifier(block uint32, flags byte, icb uint32, name []byte) []byte {
	b := make([]byte, (fidFixed+len(name)+3)&^3)
	le.PutUint16(b[16:], 1)
	b[18] = flags
	b[19] = byte(len(name))
	le.PutUint32(b[20:], SectorSize)
	le.PutUint32(b[24:], icb)
	copy(b[fidFixed:], name)
	sealTag(b, tagFileIdentifier, block)
	return b
}
