package httprange

import (
	"net/http"
	"strings"
	"time"
)

// version is what an answer says of the state of the file that it is from.
type version struct {
	// size is the length that Content-Range tells.
	size int64
	// validator is a strong ETag alone; else the weak one and Last-Modified, which
	// are compared together.
	validator string
	// strong says that two contents can't have the same validator, RFC 9110, 8.8.1.
	strong bool
}

// dateMargin is by how much an answer's Date must be after its Last-Modified for
// that to be a strong validator: the file could have changed again in the same
// second, and the two may come from different clocks (RFC 9110, 8.8.2.2; a minute
// is what RFC 7232 named).
const dateMargin = time.Minute

func versionOf(size int64, h http.Header) version {
	etag, modified := h.Get("ETag"), h.Get("Last-Modified")
	if opaque, weak := strings.CutPrefix(etag, "W/"); etag != "" && !weak {
		return version{size: size, validator: opaque, strong: true}
	}
	v := version{size: size, validator: etag + " " + modified}
	changed, err1 := http.ParseTime(modified)
	answered, err2 := http.ParseTime(h.Get("Date"))
	v.strong = err1 == nil && err2 == nil && answered.Sub(changed) >= dateMargin
	return v
}

// same compares what the server says, as far as it says anything.
func (v version) same(other version) bool {
	return v.size == other.size && v.validator == other.validator
}
