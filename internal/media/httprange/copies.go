package httprange

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"slices"
)

const (
	// tries is how often a request is made until a copy of the wanted version
	// answers: of three that answer by chance, one is missed by all in fewer than
	// one of a hundred.
	tries = 12
	// maxMoves bounds how often the reader goes over to another version.
	maxMoves = 8
	// maxSums bounds what is kept of what was read: some MB, for 1 GiB.
	maxSums = 1 << 16
)

// ErrChanged says that the file on the server is another than at the start.
var ErrChanged = errors.New("the file changed on the server")

// errCopies: whether the file is the same at all of them is not known.
var errCopies = errors.New("the servers behind this address have several versions of the file (ETag or Last-Modified differ), and none of them answers often enough to read it from one; give a mirror's own address, or download the ISO and give its path")

// fetch gets length bytes at off, of the version that everything before is of.
//
// A mirror or CDN may answer from copies of one file whose ETags differ, as they
// do where a server makes them of inode or time; RFC 9110, 15.3.7.3 forbids to
// combine such parts by their validators. So the first version is asked for
// again; when it doesn't come back, all that was read is read again from
// the other and compared. What has been read is therefore always what that one
// version holds, and a file that did change there is noticed.
func (r *Reader) fetch(off, length int64) ([]byte, error) {
	r.wire.Lock()
	defer r.wire.Unlock()
	b, err := r.fetchOne(off, length)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", redacted(r.url), err)
	}
	return b, nil
}

func (r *Reader) fetchOne(off, length int64) ([]byte, error) {
	for {
		b, other, err := r.ask(off, length, r.now)
		if err != nil {
			return nil, err
		}
		if b != nil {
			if r.now.size == 0 {
				r.now = other
			}
			return b, r.keep(off, b)
		}
		if err := r.move(other); err != nil {
			return nil, err
		}
	}
}

// ask makes requests until the wanted version answers, the zero one being any.
// The bytes are nil when it never does; the version is that of the last answer.
func (r *Reader) ask(off, length int64, want version) ([]byte, version, error) {
	var last version
	for range tries {
		a, err := r.request(off, length, want)
		if err != nil {
			return nil, a.version, err
		}
		if a.bytes != nil {
			return a.bytes, a.version, nil
		}
		last = a.version
	}
	return nil, last, nil
}

// keep notes what blocks hold, and compares those that were read before.
func (r *Reader) keep(off int64, b []byte) error {
	number := off / blockSize
	for one := range slices.Chunk(b, blockSize) {
		sum := sha256.Sum256(one)
		if before, ok := r.sums[number]; ok && before != sum {
			return ErrChanged
		}
		if len(r.sums) <= maxSums {
			r.sums[number] = sum
		}
		number++
	}
	return nil
}

// move goes over to another version, when it holds all that was read.
func (r *Reader) move(to version) error {
	if to.size != r.now.size || len(r.sums) > maxSums {
		return ErrChanged
	}
	if r.moves++; r.moves > maxMoves {
		return errCopies
	}
	if err := r.reread(to); err != nil {
		return err
	}
	r.now = to
	return nil
}

// reread compares all that was read with what the version holds.
func (r *Reader) reread(of version) error {
	numbers := slices.Sorted(maps.Keys(r.sums))
	for len(numbers) > 0 {
		n := 1
		for n < len(numbers) && n < runBlocks && numbers[n] == numbers[0]+int64(n) {
			n++
		}
		off := numbers[0] * blockSize
		b, _, err := r.ask(off, min(int64(n)*blockSize, of.size-off), of)
		switch {
		case err != nil:
			return err
		case b == nil:
			return errCopies
		}
		if err := r.keep(off, b); err != nil {
			return err
		}
		numbers = numbers[n:]
	}
	return nil
}

// Confirm tells, after all reading, whether the file stayed the same. A server
// that gives a strong validator has said so with each answer. Of one that gives
// none, or one that two contents may share, all that was read is read again: had
// the file changed in between, some of it would differ.
func (r *Reader) Confirm() error {
	r.wire.Lock()
	defer r.wire.Unlock()
	if r.now.strong {
		return nil
	}
	err := errors.New("too much was read to confirm it, and the server gives no ETag; download the ISO and give its path")
	if len(r.sums) <= maxSums {
		err = r.reread(r.now)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", redacted(r.url), err)
	}
	return nil
}
