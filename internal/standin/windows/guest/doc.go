// Package guest is the first process of the stand-in's virtual machine. It
// plays two parts: Windows PE with Setup when it was started from the
// installation disc, and Windows when it was started from its own disk.
//
// What is decided is decided elsewhere: package setup reads the answer file,
// package model is Windows' state. This package does what they say to real
// devices, and shows on the screen what Windows would show.
package guest
