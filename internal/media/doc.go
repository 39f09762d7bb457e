// Package media reads and patches Windows installation media.
//
// Windows discs are UDF 1.02; their ISO 9660 side is a stub that holds one
// README.TXT. Everything here works through io.ReaderAt, so that a local file
// and an HTTP range reader serve alike, and nothing of a disc is held in memory
// but its directories.
//
//   - Open and OpenFile give an Image: its tree (FS), what it installs (Inspect)
//     and its edits (Edit).
//   - An Edit becomes a Plan: the patched disc as an io.ReaderAt, written as a
//     qcow2 overlay, in place on a copy, or streamed. The disc itself is never
//     changed. Plans are deterministic.
//   - WriteAnswerDisc makes the second CD with the answer file.
//   - BuildDisc writes a disc from scratch, laid out as Microsoft's are.
//   - OpenDrivers reads a virtio-win ISO.
//
// The package knows neither Packer nor libvirt.
package media
