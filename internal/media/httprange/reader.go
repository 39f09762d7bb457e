// Package httprange reads a file on a web server in pieces: an ISO's editions
// are known after some hundred KB of its 5 GB.
package httprange

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	// blockSize is what is asked for at once; smaller reads come from the cache.
	blockSize = 16 << 10
	// cachedBlocks bounds the cache: 4 MiB.
	cachedBlocks = 256
	attempts     = 3
)

// Reader reads a remote file. It implements io.ReaderAt and is safe for
// concurrent use. A file that changes on the server while it is read gives
// ErrChanged, never a mixture.
type Reader struct {
	ctx    context.Context
	client *http.Client
	url    string
	size   int64
	// validator is the file's ETag, or its Last-Modified.
	validator string

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

// ErrChanged says that the file on the server is another than at the start.
var ErrChanged = errors.New("the file changed on the server")

// Open asks for the file's size. The context bounds all reads. The error says
// what the server lacks: the file, or ranges.
func Open(ctx context.Context, client *http.Client, address string) (*Reader, error) {
	if client == nil {
		client = http.DefaultClient
	}
	r := &Reader{ctx: ctx, client: client, url: address, blocks: map[int64]*list.Element{}, order: list.New()}
	first, err := r.fetch(0, blockSize)
	if err != nil {
		return nil, err
	}
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
	if off >= r.size {
		return 0, io.EOF
	}
	var short error
	if left := r.size - off; int64(len(b)) > left {
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
// to end come in one request, of at most 64 blocks.
func (r *Reader) block(number, end int64) ([]byte, error) {
	r.mu.Lock()
	if e := r.blocks[number]; e != nil {
		r.order.MoveToFront(e)
		r.mu.Unlock()
		return e.Value.(*block).bytes, nil
	}
	last := number + 1
	for last < end && last-number < 64 && r.blocks[last] == nil {
		last++
	}
	r.mu.Unlock()
	from := number * blockSize
	content, err := r.fetch(from, min(last*blockSize, r.size)-from)
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

// fetch gets length bytes at off, with retries of what may pass.
func (r *Reader) fetch(off, length int64) ([]byte, error) {
	var err error
	for attempt := range attempts {
		if attempt > 0 {
			select {
			case <-r.ctx.Done(): // get says so
			case <-time.After(time.Duration(attempt) * 500 * time.Millisecond):
			}
		}
		var b []byte
		var retry bool
		b, retry, err = r.get(off, length)
		if err == nil {
			return b, nil
		}
		if !retry || r.ctx.Err() != nil {
			break
		}
	}
	if errors.Is(err, context.DeadlineExceeded) {
		err = fmt.Errorf("the server takes too long to answer; download the ISO and give its path (%w)", err)
	}
	return nil, fmt.Errorf("%s: %w", redacted(r.url), err)
}

// redacted leaves out of an address what may be a secret: user and query.
func redacted(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "the ISO's address"
	}
	u.User, u.RawQuery, u.Fragment = nil, "", ""
	return u.String()
}

func (r *Reader) get(off, length int64) (b []byte, retry bool, err error) {
	ctx, cancel := context.WithTimeout(r.ctx, time.Minute)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, r.url, nil)
	if err != nil {
		return nil, false, errors.New("not an HTTP address")
	}
	request.Header.Set("Range", fmt.Sprintf("bytes=%d-%d", off, off+length-1))
	request.Header.Set("Accept-Encoding", "identity")
	response, err := r.client.Do(request)
	if err != nil {
		var problem *url.Error
		if errors.As(err, &problem) {
			err = problem.Err // its text has the whole address
		}
		return nil, true, err
	}
	defer response.Body.Close()
	switch code := response.StatusCode; {
	case code == http.StatusPartialContent:
	case code == http.StatusOK:
		return nil, false, errors.New("the server doesn't serve ranges; download the ISO and give its path")
	case code >= 500 || code == http.StatusTooManyRequests:
		return nil, true, fmt.Errorf("the server answers %s", response.Status)
	default:
		return nil, false, fmt.Errorf("the server answers %s%s", response.Status, remedy(code))
	}
	size, got, err := contentRange(response.Header.Get("Content-Range"), off)
	if err != nil {
		return nil, false, err
	}
	if err := r.sameFile(size, response.Header); err != nil {
		return nil, false, err
	}
	if want := min(length, size-off); got != want {
		return nil, false, fmt.Errorf("the server sends %d bytes at %d where %d were asked for", got, off, want)
	}
	b = make([]byte, got)
	n, err := io.ReadFull(response.Body, b)
	r.mu.Lock()
	r.transferred += int64(n)
	r.requests++
	r.mu.Unlock()
	return b, true, err
}

// remedy says what to try after an answer that will not change by itself.
func remedy(code int) string {
	switch code {
	case http.StatusUnauthorized:
		return "; it wants a login: give an address that needs none, or download the ISO and give its path"
	case http.StatusForbidden:
		return "; it refuses this address: links to Microsoft's ISOs expire after a day, so fetch a new one, or download the ISO and give its path"
	case http.StatusNotFound, http.StatusGone:
		return "; there is no such file: check the address"
	}
	return ""
}

// sameFile compares what every answer says of the file with the first one.
func (r *Reader) sameFile(size int64, h http.Header) error {
	validator := h.Get("ETag")
	if validator == "" {
		validator = h.Get("Last-Modified")
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.size == 0 {
		r.size, r.validator = size, validator
	}
	if r.size != size || r.validator != validator {
		return ErrChanged
	}
	return nil
}

// contentRange parses "bytes first-last/size".
func contentRange(s string, first int64) (size, length int64, err error) {
	fail := fmt.Errorf("the server answers with Content-Range %q", s)
	rest, ok := strings.CutPrefix(s, "bytes ")
	span, total, ok2 := strings.Cut(rest, "/")
	from, to, ok3 := strings.Cut(span, "-")
	if !ok || !ok2 || !ok3 {
		return 0, 0, fail
	}
	a, err1 := strconv.ParseInt(from, 10, 64)
	b, err2 := strconv.ParseInt(to, 10, 64)
	size, err3 := strconv.ParseInt(total, 10, 64)
	if err1 != nil || err2 != nil || err3 != nil || a != first || b < a || size <= b || b-a >= cachedBlocks*blockSize {
		return 0, 0, fail
	}
	return size, b - a + 1, nil
}
