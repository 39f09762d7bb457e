// Package udf reads, edits and writes UDF 1.02 volumes as Windows installation
// discs have them: ECMA-167 (2nd edition) structures, sectors of 2048 bytes,
// one partition map of type 1.
//
//   - Open reads a volume; its FS is a tree of files that are io.ReaderAt.
//   - Editor works out which sectors change when files are added, replaced or
//     removed.
//   - Layout lays a new volume out, sector for sector.
//
// Numbers of sectors are absolute unless they are called blocks: blocks count
// from the start of the partition. Section numbers in comments are ECMA-167's.
package udf

// SectorSize is the length of a sector, and of a logical block, in bytes.
const SectorSize = 2048
