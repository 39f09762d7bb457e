package httprange

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// attempts is how often a request is made whose fault may pass.
const attempts = 3

// answer is what a server says to one request.
type answer struct {
	version version
	// bytes is nil when the answer is of another version than the wanted one.
	bytes []byte
}

// request gets length bytes at off, with retries of what may pass, and from the
// address itself where the mirror that it led to fails.
func (r *Reader) request(off, length int64, want version) (answer, error) {
	a, err := r.retried(off, length, want)
	if err != nil && r.at != r.url && r.ctx.Err() == nil {
		r.at = r.url // the mirror is gone, or its link has expired
		a, err = r.retried(off, length, want)
	}
	if errors.Is(err, context.DeadlineExceeded) {
		err = fmt.Errorf("the server takes too long to answer; download the ISO and give its path (%w)", err)
	}
	return a, err
}

func (r *Reader) retried(off, length int64, want version) (a answer, err error) {
	for attempt := range attempts {
		if attempt > 0 {
			select {
			case <-r.ctx.Done(): // get says so
			case <-time.After(time.Duration(attempt) * 500 * time.Millisecond):
			}
		}
		var retry bool
		a, retry, err = r.get(off, length, want)
		if err == nil || !retry || r.ctx.Err() != nil {
			break
		}
	}
	return a, err
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

// get makes one request. The content is read only when it is of the wanted
// version, the zero one being any: closing the answer unread also closes the
// connection, and the next one may come to another copy of the file.
func (r *Reader) get(off, length int64, want version) (a answer, retry bool, err error) {
	ctx, cancel := context.WithTimeout(r.ctx, time.Minute)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, r.at, nil)
	if err != nil {
		return a, false, errors.New("not an HTTP address")
	}
	request.Header.Set("Range", fmt.Sprintf("bytes=%d-%d", off, off+length-1))
	request.Header.Set("Accept-Encoding", "identity")
	response, err := r.client.Do(request)
	if err != nil {
		var problem *url.Error
		if errors.As(err, &problem) {
			err = problem.Err // its text has the whole address
		}
		return a, true, err
	}
	defer response.Body.Close()
	switch code := response.StatusCode; {
	case code == http.StatusPartialContent:
	case code == http.StatusRequestedRangeNotSatisfiable && want.size > 0:
		return a, false, nil // as many bytes it had: this copy is shorter
	case code == http.StatusOK:
		return a, false, errors.New("the server doesn't serve ranges; download the ISO and give its path")
	case code >= 500 || code == http.StatusTooManyRequests:
		return a, true, fmt.Errorf("the server answers %s", response.Status)
	default:
		return a, false, fmt.Errorf("the server answers %s%s", response.Status, remedy(code))
	}
	size, got, err := contentRange(response.Header.Get("Content-Range"), off)
	if err != nil {
		return a, false, err
	}
	a.version = versionOf(size, response.Header)
	if want.size > 0 && !a.version.same(want) {
		return a, false, nil
	}
	if want := min(length, size-off); got != want {
		return a, false, fmt.Errorf("the server sends %d bytes at %d where %d were asked for", got, off, want)
	}
	a.bytes = make([]byte, got)
	n, err := io.ReadFull(response.Body, a.bytes)
	r.mu.Lock()
	r.transferred += int64(n)
	r.requests++
	r.mu.Unlock()
	if err == nil {
		r.at = response.Request.URL.String()
	}
	return a, true, err
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

// contentRange parses "bytes first-last/size". The unit is the same in any case
// (RFC 9110, 14.1).
func contentRange(s string, first int64) (size, length int64, err error) {
	fail := fmt.Errorf("the server answers with Content-Range %q", s)
	unit, rest, ok := strings.Cut(s, " ")
	ok = ok && strings.EqualFold(unit, "bytes")
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
