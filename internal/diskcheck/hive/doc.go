// Package hive reads registry hives (regf 1.3 to 1.6) that nobody vouches for.
//
// A hive on a disk may be older than what the system last wrote: since Windows
// 8.1 the newest data may stand in the transaction logs beside it alone. Open
// replays them, or says ErrDirty; it never gives an old answer.
//
// The velocidex regparser module is not used for this: its RecoverHive prints
// to standard output (which is Packer's plugin protocol), stops before the
// first entry of a log whose two sequence numbers are equal, and does not check
// the entries' hashes; its index lists can be made to recurse for ever.
//
// The format is that of Maxim Suhanov's "Windows registry file format
// specification" (github.com/msuhanov/regf); the order in which two logs are
// applied is that of his yarp.
package hive
