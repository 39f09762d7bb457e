package discs

import (
	"fmt"
	"io"
)

// cpioWriter writes an initramfs archive in the "newc" format of the kernel's
// Documentation/driver-api/early-userspace/buffer-format.rst. Every stamp is
// zero and inode numbers count up, so equal input gives equal bytes.
type cpioWriter struct {
	w     io.Writer
	inode int
	err   error
}

func (c *cpioWriter) entry(name string, mode uint32, major, minor int, body []byte) {
	c.head(name, mode, major, minor, len(body))
	c.write(body)
	c.pad(len(body))
}

// head writes what comes before a file's content.
func (c *cpioWriter) head(name string, mode uint32, major, minor, size int) {
	c.inode++
	header := fmt.Sprintf("070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X",
		c.inode, mode, 0, 0, 1, 0, size, 0, 0, major, minor, len(name)+1, 0)
	c.write([]byte(header + name + "\x00"))
	c.pad(len(header) + len(name) + 1)
}

func (c *cpioWriter) write(p []byte) {
	if c.err == nil {
		_, c.err = c.w.Write(p)
	}
}

func (c *cpioWriter) pad(written int) {
	c.write(make([]byte, (4-written%4)%4))
}

func (c *cpioWriter) Dir(name string)               { c.entry(name, 0o040755, 0, 0, nil) }
func (c *cpioWriter) File(name string, body []byte) { c.entry(name, 0o100755, 0, 0, body) }
func (c *cpioWriter) Device(name string, major, minor int) {
	c.entry(name, 0o020600, major, minor, nil)
}

// Close writes the trailer.
func (c *cpioWriter) Close() error {
	c.entry("TRAILER!!!", 0, 0, 0, nil)
	return c.err
}
