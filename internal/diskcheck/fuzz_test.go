package diskcheck

import (
	"bytes"
	"context"
	"os"
	"testing"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/windows/model/disktest"
)

// FuzzImage: whatever a file claims to be, reading it ends in bounded memory
// and without a panic.
func FuzzImage(f *testing.F) {
	dir := f.TempDir()
	path := dir + "/disk.qcow2"
	disktest.Run(f, "qemu-utils", "qemu-img", "create", "-q", "-f", "qcow2", path, "4M")
	small, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(small)
	mbr := make([]byte, 1<<20)
	mbr[510], mbr[511] = 0x55, 0xaa
	copy(mbr[446:], []byte{0x80, 0, 0, 0, 7, 0, 0, 0, 8, 0, 0, 0, 0xff, 1, 0, 0})
	copy(mbr[8*512:], "\xeb\x52\x90NTFS    ")
	f.Add(mbr)
	f.Fuzz(func(_ *testing.T, b []byte) {
		img, err := openImage(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			return
		}
		defer func() { _ = img.close() }()
		c := &checker{ctx: context.Background(), want: Expect{Firmware: UEFI}, report: &Report{}, disk: img}
		_ = c.run()
	})
}
