// Package archtest holds the project's import rules as a test: who may know
// whom. See docs/internals.md for the house that they keep up.
package archtest
