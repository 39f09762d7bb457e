//go:build !linux

package guest

// Main is the guest's program; it only means something under Linux.
func Main() { panic("guest: the stand-in's first process runs under Linux only") }
