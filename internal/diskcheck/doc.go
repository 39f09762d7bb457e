// Package diskcheck reads a sealed disk image without booting it and says what
// it finds: whether the firmware can start it, whether sysprep has finished,
// whether the storage drivers start at boot, and whether anything of the build
// (a password, a listener, a policy) would be inherited by the template's
// clones.
//
// The guest's own word counts for nothing here: power-off proves neither that
// sysprep ran nor that it succeeded. And what could not be read is called
// unknown, never good or bad: a registry hive whose newest data stand in its
// transaction logs is replayed, or reported.
//
// Everything is read through io.ReaderAt, in pure Go: no root, no qemu-img, no
// mount, nothing written. An image is not trusted: sizes are bounded, and a
// malformed one gives an error, not a panic.
package diskcheck
