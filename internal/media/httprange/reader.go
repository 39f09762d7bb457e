// Package httprange reads a file on a web server in pieces: an ISO's editions
// are known after some hundred KB of its 5 GB.
package httprange

import (
	"container/list"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"net/http"
	"sync"
)

const (
	// blockSize is what is asked for at once; smaller reads come from the cache.
	blockSize = 16 << 10
	// cachedBlocks bounds the cache: 4 MiB.
	cachedBlocks = 256
	// runBlocks is how many blocks one request asks for at most.
	runBlocks = 64
)

// Reader reads a remote file. It implements io.ReaderAt and is safe for
// concurrent use. A file that changes on the server while it is read gives
// ErrChanged, never a mixture; where the server has no validator that tells,
// Confirm does.
type Reader struct {
	ctx    context.Context
	client *http.Client
	url    string
	size   int64 // set by Open, like all above

	// wire is held over a fetch: requests one after the other stay on one
	// connection, and so, mostly, at one copy of the file.
	wire sync.Mutex
	// at is where the redirects from url ended: a mirror chosen once is kept, as
	// another one may be older.
	at string
	// now is the version that all of sums are of.
	now   version
	sums  map[int64][sha256.Size]byte // by block
	moves int

	mu          sync.Mutex
	blocks      map[int64]*list.Element
	order       *list.List // most recently used first
	transferred int64
	requests    int
}

type block struct {
	number int64
	bytes  []byte
}

// Open asks for the file's size. The context bounds all reads. The error says
// what the server lacks: the file, or ranges.
func Open(ctx context.Context, client *http.Client, address string) (*Reader, error) {
	if client == nil {
		client = http.DefaultClient
	}
	r := &Reader{
		ctx: ctx, client: client, url: address, at: address, sums: map[int64][sha256.Size]byte{},
		blocks: map[int64]*list.Element{}, order: list.New(),
	}
	first, err := r.fetch(0, blockSize)
	if err != nil {
		return nil, err
	}
	r.size = r.now.size
	r.remember(0, first)
	return r, nil
}

// Size is the file's length in bytes.
func (r *Reader) Size() int64 { return r.size }

// Transferred is how many bytes of content came over the wire, and in how many
// requests.
func (r *Reader) Transferred() (bytes int64, requests int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.transferred, r.requests
}

// ReadAt implements io.ReaderAt.
func (r *Reader) ReadAt(b []byte, off int64) (int, error) {
	if off < 0 {
		return 0, errors.New("negative offset")
	}
	if off >= r.Size() {
		return 0, io.EOF
	}
	var short error
	if left := r.Size() - off; int64(len(b)) > left {
		b, short = b[:left], io.EOF
	}
	done := 0
	for done < len(b) {
		at := off + int64(done)
		number := at / blockSize
		content, err := r.block(number, (off+int64(len(b))+blockSize-1)/blockSize)
		if err != nil {
			return done, err
		}
		done += copy(b[done:], content[at-number*blockSize:])
	}
	return done, short
}

// block gives a block. When it isn't cached, it and its uncached successors up
// to end come in one request, of at most runBlocks.
func (r *Reader) block(number, end int64) ([]byte, error) {
	r.mu.Lock()
	if e := r.blocks[number]; e != nil {
		r.order.MoveToFront(e)
		r.mu.Unlock()
		return e.Value.(*block).bytes, nil
	}
	last := number + 1
	for last < end && last-number < runBlocks && r.blocks[last] == nil {
		last++
	}
	r.mu.Unlock()
	from := number * blockSize
	content, err := r.fetch(from, min(last*blockSize, r.Size())-from)
	if err != nil {
		return nil, err
	}
	for n := number; n < last; n++ {
		at := (n - number) * blockSize
		r.remember(n, content[at:min(at+blockSize, int64(len(content)))])
	}
	return content[:min(blockSize, len(content))], nil
}

func (r *Reader) remember(number int64, b []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.blocks[number] != nil {
		return
	}
	r.blocks[number] = r.order.PushFront(&block{number, b})
	for r.order.Len() > cachedBlocks {
		oldest := r.order.Back()
		delete(r.blocks, oldest.Value.(*block).number)
		r.order.Remove(oldest)
	}
}
