// Package regf is the registry of the stand-in Windows: a tree of keys and
// values in memory, and a writer of hive files (regf 1.5) in the form Windows 8
// and later leave on a disk, transaction logs included.
//
// The writer shares no code with the reader in internal/diskcheck, so that the
// one cannot excuse the other's mistakes; hivex and regipy, which are other
// people's, judge both in the tests.
//
// The format is that of Maxim Suhanov's "Windows registry file format
// specification" (github.com/msuhanov/regf).
package regf
