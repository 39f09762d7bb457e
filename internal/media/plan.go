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
}

// Size is the patched disc's length in bytes.
func (p *Plan) Size() int64 { return p.disc.size }

// ReadAt reads the patched disc.
func (p *Plan) ReadAt(b []byte, off int64) (int, error) { return p.disc.ReadAt(b, off) }

// Digest names the patched disc: hex SHA-256 over the changes and a sample of
// the disc beneath. Equal digests mean equal bytes as long as the disc beneath
// is the same. It is empty when the disc can't be read.
func (p *Plan) Digest() string {
	p.digestOnce.Do(func() {
		base, err := sampleHash(p.disc.base, p.disc.baseSize)
		if err != nil {
			return
		}
		h := sha256.New()
		fmt.Fprintf(h, "wintemplate media plan 1\n%s\n%d\n", base, p.disc.size)
		for _, c := range p.disc.changes {
			fmt.Fprintf(h, "%d %d\n", c.at, c.Size())
			if _, err := io.Copy(h, io.NewSectionReader(c, 0, c.Size())); err != nil {
				return
			}
		}
		p.digest = hex.EncodeToString(h.Sum(nil))
	})
	return p.digest
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
