// Package acceptance runs `packer build` for real: Packer itself, the plugin's
// binary, libvirt, QEMU, and the stand-in Windows as the guest.
//
// The scripts in testdata are rogpeppe's testscript: each is one job as a user
// would type it, with what it must print. faults_test.go interrupts builds and
// looks for what they left behind.
package acceptance
