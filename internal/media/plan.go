package media

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"sync"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/media/qcow2"
)

// Plan is a patched disc. It is an io.ReaderAt and deterministic: the same disc
// and the same edit give the same bytes.
type Plan struct {
	edit *Edit
	disc *overlaid

	digestOnce sync.Once
	digest     string
	digestErr  error
}

// Size is the patched disc's length in bytes.
func (p *Plan) Size() int64 { return p.disc.size }

// ReadAt reads the patched disc.
func (p *Plan) ReadAt(b []byte, off int64) (int, error) { return p.disc.ReadAt(b, off) }

// Digest names the patched disc: hex SHA-256 over the changes and samples of the
// disc beneath, which is not read as a whole. Equal digests mean equal bytes as
// long as the disc beneath is the same. The error is that of reading.
func (p *Plan) Digest() (string, error) {
	p.digestOnce.Do(func() { p.digest, p.digestErr = p.computeDigest() })
	return p.digest, p.digestErr
}

func (p *Plan) computeDigest() (string, error) {
	base, err := sampleHash(p.disc.base, p.disc.baseSize)
	if err != nil {
		return "", fmt.Errorf("digest of the patched disc: %w", err)
	}
	h := sha256.New()
	fmt.Fprintf(h, "wintemplate media plan 1\n%s\n%d\n", base, p.disc.size)
	for _, c := range p.disc.changes {
		fmt.Fprintf(h, "%d %d\n", c.at, c.Size())
		n, err := io.Copy(h, io.NewSectionReader(c, 0, c.Size()))
		if err == nil && n < c.Size() {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return "", fmt.Errorf("digest of the patched disc: the %d bytes at %d: %w", c.Size(), c.at, err)
		}
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// WriteQcow2 writes the plan as a qcow2 overlay over the disc at backingPath,
// whose format the header names as raw. backingPath is the path on the host
// that runs QEMU.
func (p *Plan) WriteQcow2(w io.WriterAt, backingPath string) error {
	o := qcow2.Overlay{Size: p.disc.size, Backing: backingPath, Content: p.disc, Readers: 4}
	for _, c := range p.disc.changes {
		o.Changed = append(o.Changed, qcow2.Range{Offset: c.at, Length: c.Size()})
		if _, sequential := c.Source.(*discSource); sequential {
			o.Readers = 1
		}
	}
	return qcow2.Write(w, o)
}

// WritableDisc is a copy of a disc that is changed where it lies: an *os.File.
type WritableDisc interface {
	io.WriterAt
	Truncate(size int64) error
}

// Apply writes the changes into f, which must be a copy of the disc.
func (p *Plan) Apply(f WritableDisc) error {
	if p.disc.size != p.disc.baseSize {
		if err := f.Truncate(p.disc.size); err != nil {
			return err
		}
	}
	for _, c := range p.disc.changes {
		if _, err := io.Copy(io.NewOffsetWriter(f, c.at), io.NewSectionReader(c, 0, c.Size())); err != nil {
			return err
		}
	}
	return nil
}
