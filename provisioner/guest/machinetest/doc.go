// Package machinetest holds the tests of the provisioner, and of the session
// under it, against the stand-in in a real virtual machine: each operation, each
// condition that keeps sysprep from its work, each trouble of WinRM, and guests
// that do not come back. One booted machine serves all cases; what a case needs
// is set in the running guest from outside (internal/standin/windows/hand).
package machinetest
