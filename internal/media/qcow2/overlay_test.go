package qcow2_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/media/qcow2"
)

// pattern reads as a byte that tells its MiB: content of any length.
type pattern struct{ size int64 }

func (p pattern) ReadAt(b []byte, off int64) (int, error) {
	for i := range b {
		at := off + int64(i)
		if at >= p.size {
			return i, io.EOF
		}
		b[i] = byte(at>>20) | 1
	}
	return len(b), nil
}

func qemuImg(t *testing.T, args ...string) {
	t.Helper()
	tool, err := exec.LookPath("qemu-img")
	if err != nil {
		t.Fatal("qemu-img is not installed; it is in Debian's package qemu-utils")
	}
	if out, err := exec.Command(tool, args...).CombinedOutput(); err != nil {
		t.Fatalf("qemu-img %v: %v\n%s", args, err, out)
	}
}

// TestOverlay changes places of a sparse backing file of 1.5 GiB, which needs
// three tables of the second level, and has QEMU read it.
func TestOverlay(t *testing.T) {
	const backingSize, size = 1500 << 20, 1500<<20 + 70_000*512
	dir := t.TempDir()
	backing, overlay := filepath.Join(dir, "backing.raw"), filepath.Join(dir, "overlay.qcow2")
	if err := os.WriteFile(backing, []byte("start"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(backing, backingSize); err != nil {
		t.Fatal(err)
	}
	changed := []qcow2.Range{
		{Offset: 1400 << 20, Length: 3},
		{Offset: 100<<10 + 7, Length: 1},
		{Offset: 100<<10 + 9, Length: 1},
		{Offset: 512<<20 - 10, Length: 20},
		{Offset: 600 << 20, Length: 5 << 20},
		{Offset: backingSize - 4, Length: size - backingSize},
	}
	for _, readers := range []int{0, 4} {
		f, err := os.Create(overlay)
		if err != nil {
			t.Fatal(err)
		}
		o := qcow2.Overlay{Size: size, Backing: backing, Changed: changed, Content: pattern{size}, Readers: readers}
		if err := qcow2.Write(f, o); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		qemuImg(t, "check", overlay)
		flat := filepath.Join(dir, "flat.raw")
		qemuImg(t, "convert", "-O", "raw", overlay, flat)
		r, err := os.Open(flat)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		if info, err := r.Stat(); err != nil || info.Size() != size {
			t.Fatalf("%v, %v", info, err)
		}
		// whole clusters come from the content, the rest from the backing file
		want := make([]byte, qcow2.ClusterSize)
		got := make([]byte, qcow2.ClusterSize)
		for cluster := int64(0); cluster < size; cluster += qcow2.ClusterSize {
			clear(want)
			n := min(qcow2.ClusterSize, size-cluster)
			for _, c := range changed {
				if c.Offset < cluster+qcow2.ClusterSize && cluster < c.Offset+c.Length {
					_, _ = pattern{size}.ReadAt(want[:n], cluster)
				}
			}
			if cluster == 0 {
				copy(want, "start")
			}
			if _, err := r.ReadAt(got[:n], cluster); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got[:n], want[:n]) {
				t.Fatalf("%d readers: QEMU reads other bytes in the cluster at %d", readers, cluster)
			}
		}
	}
}

type failing struct{ after int64 }

func (f failing) WriteAt(b []byte, off int64) (int, error) {
	if off > f.after {
		return 0, errors.New("disk full")
	}
	return len(b), nil
}

func (f failing) ReadAt(b []byte, off int64) (int, error) {
	if off > f.after {
		return 0, errors.New("unreadable")
	}
	return len(b), nil
}

func TestFailures(t *testing.T) {
	all := []qcow2.Range{{Offset: 0, Length: 200 << 20}}
	for name, c := range map[string]struct {
		w    io.WriterAt
		o    qcow2.Overlay
		want string
	}{
		"writing": {failing{50 << 20}, qcow2.Overlay{Size: 200 << 20, Backing: "x", Changed: all, Content: pattern{200 << 20}, Readers: 4}, "disk full"},
		"reading": {failing{1 << 40}, qcow2.Overlay{Size: 200 << 20, Backing: "x", Changed: all, Content: failing{50 << 20}, Readers: 4}, "unreadable"},
		"beyond":  {failing{1 << 40}, qcow2.Overlay{Size: 100 << 20, Backing: "x", Changed: all, Content: pattern{200 << 20}}, "209715200 bytes at 0 in a disk of 104857600"},
		"no name": {failing{1 << 40}, qcow2.Overlay{Size: 200 << 20, Content: pattern{200 << 20}}, "backing file name of 0 bytes; 1 to 1023 are allowed"},
	} {
		if err := qcow2.Write(c.w, c.o); err == nil || err.Error() != c.want {
			t.Errorf("%s: %v; want %q", name, err, c.want)
		}
	}
}
