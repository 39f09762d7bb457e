package fat

import "io"

// file is a chain of clusters as one stretch of bytes.
type file struct {
	v     *Volume
	chain []uint32
	size  int64
}

// ReadAt implements io.ReaderAt.
func (f *file) ReadAt(b []byte, off int64) (int, error) {
	done := 0
	for done < len(b) {
		at := off + int64(done)
		if at >= f.size {
			return done, io.EOF
		}
		within := at % f.v.cluster
		n := int(min(f.v.cluster-within, int64(len(b)-done), f.size-at))
		where := f.v.data + int64(f.chain[at/f.v.cluster]-2)*f.v.cluster + within
		if m, err := f.v.r.ReadAt(b[done:done+n], where); m < n {
			return done + max(m, 0), err
		}
		done += n
	}
	return done, nil
}
