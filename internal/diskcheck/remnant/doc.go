// Package remnant searches raw bytes for secrets in the forms in which Windows
// and a build write them. It says where it found which form, and never what.
package remnant
