// Package iso9660 writes discs of ISO 9660 (ECMA-119) level 1 with Joliet, and
// nothing else: no Rock Ridge, no UDF. Windows reads the Joliet tree, whose
// names are the real ones.
//
// go-diskfs 1.9.4 writes Joliet too, but its subdirectories there hold the short
// names of the ISO 9660 tree, read as UCS-2: 7z, xorriso and isoinfo show
// garbage. Hence this writer.
package iso9660

const sectorSize = 2048
