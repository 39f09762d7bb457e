package media

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/media/udf"
)

// NotWindowsError says that a disc is not a Windows installation disc.
type NotWindowsError struct {
	// Found says what the disc is, or what it lacks.
	Found string
}

// Error says what was found and what to try.
func (e *NotWindowsError) Error() string {
	return "not a Windows installation disc: " + e.Found + "; give the ISO as Microsoft publishes it"
}

// TruncatedError says that a disc ends before its volume does, or before one of
// the files on it.
type TruncatedError struct {
	// File is the path of the file on the disc that runs past the end; empty when
	// the volume itself does.
	File string
	// Size is the ISO's length, Want the least that the volume or the file needs;
	// bytes.
	Size, Want int64
	// End says that all files are there, and only what its writer puts behind them
	// is not; so the file's length may even be right, and its last bytes still be
	// missing.
	End bool
}

// Error says both sizes and what to try.
func (e *TruncatedError) Error() string {
	if e.End {
		return fmt.Sprintf("the ISO is truncated: in its %d bytes there is no volume descriptor behind the files, where the program that made it always writes one; download it again and check its checksum", e.Size)
	}
	who := "its volume"
	if e.File != "" {
		who = e.File + " on it"
	}
	return fmt.Sprintf("the ISO is truncated: %s needs %d bytes, the file has %d; download it again and check its checksum", who, e.Want, e.Size)
}

// truncatedFile makes a *TruncatedError of what reading the disc's tree gives for
// a file that runs past its end.
func truncatedFile(err error) error {
	var at *fs.PathError
	var truncated *udf.TruncatedError
	if errors.As(err, &at) && errors.As(err, &truncated) {
		return &TruncatedError{File: at.Path, Size: truncated.Size, Want: truncated.Want}
	}
	return err
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
