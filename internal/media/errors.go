package media

import "fmt"

// NotWindowsError says that a disc is not a Windows installation disc.
type NotWindowsError struct {
	// Found says what the disc is, or what it lacks.
	Found string
}

// Error says what was found and what to try.
func (e *NotWindowsError) Error() string {
	return "not a Windows installation disc: " + e.Found + "; give the ISO as Microsoft publishes it"
}

// TruncatedError says that a disc ends before its volume does.
type TruncatedError struct {
	// Size is the file's length, Want the least that the volume needs; bytes.
	Size, Want int64
}

// Error says both sizes and what to try.
func (e *TruncatedError) Error() string {
	return fmt.Sprintf("the ISO is truncated: its volume needs %d bytes, the file has %d; download it again and check its checksum", e.Want, e.Size)
}

// RefusedError says why a disc can't be patched.
type RefusedError struct {
	// Reason says what was found that the patcher doesn't know.
	Reason string
}

// Error says the reason and what to try.
func (e *RefusedError) Error() string {
	return "this disc can't be patched: " + e.Reason + "; use the ISO as Microsoft publishes it"
}

// RebuildError says why a disc can't be written anew.
type RebuildError struct {
	// Reason says what was found that Rebuild can't carry over.
	Reason string
}

// Error says the reason and what to try.
func (e *RebuildError) Error() string {
	return "this disc can't be rebuilt: " + e.Reason + "; use the ISO as Microsoft publishes it"
}

func refused(format string, args ...any) error {
	return &RefusedError{Reason: fmt.Sprintf(format, args...)}
}
