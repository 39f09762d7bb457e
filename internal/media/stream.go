package media

import (
	"io"
	"net/http"
	"time"
)

// Handler serves the patched disc over HTTP, without a copy of it anywhere: whole,
// in ranges, and from where a download that was cut off ended. The ETag is
// Digest's, so that a client that resumes (If-Range) never joins two discs. It
// answers every path; GET and HEAD only.
func (p *Plan) Handler() (http.Handler, error) {
	digest, err := p.Digest()
	if err != nil {
		return nil, err
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "only GET and HEAD", http.StatusMethodNotAllowed)
			return
		}
		h := w.Header()
		h.Set("ETag", `"`+digest+`"`)
		h.Set("Content-Type", "application/octet-stream") // else the disc's start is read to guess it
		http.ServeContent(w, r, "", time.Time{}, io.NewSectionReader(p, 0, p.Size()))
	}), nil
}
