// Package delivery brings a file of the host's into a guest that is up: pulled
// by the guest over HTTP where it can reach the host, else sent over WinRM.
// (What lies on a disc of the guest's already needs no delivery.) In both ways
// the guest computes the SHA-256 of what is on its disk, and a file whose
// digest is wrong is not left there.
package delivery
