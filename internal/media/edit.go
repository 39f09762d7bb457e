package media

import (
	"errors"
	"io"
	"io/fs"
)

// Source is the content of a file that an Edit adds. *bytes.Reader and
// *io.SectionReader are sources.
type Source interface {
	io.ReaderAt
	Size() int64
}

// Edit gathers changes to a disc; nothing is written before Plan.
type Edit struct{ image *Image }

// Edit starts an edit of the disc.
func (i *Image) Edit() *Edit { return &Edit{image: i} }

// NoPromptUEFI replaces the UEFI boot image that waits for a key by the disc's
// own image that does not. Having no prompt already is fine.
func (e *Edit) NoPromptUEFI() error { return errors.New("not yet") }

// AddFile adds the file at path, or replaces it; directories are made as needed.
func (e *Edit) AddFile(path string, s Source) error { return errors.New("not yet") }

// AddFS adds every file of f beneath prefix.
func (e *Edit) AddFS(prefix string, f fs.FS) error { return errors.New("not yet") }

// Remove removes a file, or a directory with all that it holds.
func (e *Edit) Remove(path string) error { return errors.New("not yet") }

// Options of a plan.
type Options struct{}

// Plan works the edit out. It refuses, with the reason (*RefusedError), discs
// that are not laid out as it knows them.
func (e *Edit) Plan(o Options) (*Plan, error) { return nil, errors.New("not yet") }

// Plan is a patched disc. It is an io.ReaderAt and deterministic: the same disc
// and the same edit give the same bytes.
type Plan struct{ size int64 }

// Size is the patched disc's length in bytes.
func (p *Plan) Size() int64 { return p.size }

// ReadAt reads the patched disc.
func (p *Plan) ReadAt(b []byte, off int64) (int, error) { return 0, errors.New("not yet") }

// Digest names the patched disc: hex SHA-256 over the plan and a sample of the
// disc beneath it. Equal digests mean equal bytes as long as the disc beneath is
// the same.
func (p *Plan) Digest() string { return "" }

// WriteQcow2 writes the plan as a qcow2 overlay over the disc at backingPath,
// whose format the header names as raw. backingPath is the path on the host
// that runs QEMU.
func (p *Plan) WriteQcow2(w io.WriterAt, backingPath string) error { return errors.New("not yet") }

// Verify re-opens the patched disc, walks it and compares it with the original.
func (p *Plan) Verify() error { return errors.New("not yet") }
