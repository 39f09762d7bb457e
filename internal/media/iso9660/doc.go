// Package iso9660 writes discs of ISO 9660 (ECMA-119) level 1 with Joliet, and
// reads discs with Rock Ridge (IEEE P1282), with Joliet, or with neither.
//
// What is written has no Rock Ridge and no UDF: Windows reads the Joliet tree,
// whose names are the real ones. virtio-win's ISO, which is read, has Rock Ridge
// and no Joliet.
//
// go-diskfs 1.9.4 does both too, but in the Joliet that it writes subdirectories
// hold the short names of the other tree, read as UCS-2: 7z, xorriso and isoinfo
// show garbage. And its reader takes a directory's size as memory to allocate:
// 4 GiB, if the disc says so.
package iso9660

const sectorSize = 2048
