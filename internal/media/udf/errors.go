package udf

import (
	"errors"
	"fmt"
)

// ErrNotUDF says that the disc has no UDF volume at all.
var ErrNotUDF = errors.New("no UDF volume")

// FormatError says that a structure of the volume is not as it must be.
type FormatError struct {
	// Object is the structure, e.g. "file identifier in /sources".
	Object string
	// Found says what is wrong with it.
	Found string
}

// Error names the structure and what was found.
func (e *FormatError) Error() string { return "UDF: " + e.Object + ": " + e.Found }

func malformed(object, format string, args ...any) error {
	return &FormatError{Object: object, Found: fmt.Sprintf(format, args...)}
}

// TruncatedError says that the disc ends before its volume does.
type TruncatedError struct {
	// Size is the disc's length, Want the least that the volume needs; bytes.
	Size, Want int64
	// Anchor says that what is missing is the anchor behind the files.
	Anchor bool
}

// Error says both sizes.
func (e *TruncatedError) Error() string {
	return fmt.Sprintf("UDF: the volume needs %d bytes, the disc has %d", e.Want, e.Size)
}
