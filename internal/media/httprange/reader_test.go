package httprange_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/media/httprange"
)

func blob(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{3}).Read(b)
	return b
}

func serve(t *testing.T, handler http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(handler)
	t.Cleanup(s.Close)
	return s.URL + "/disc.iso?token=secret"
}

func TestReader(t *testing.T) {
	content := blob(1_000_003)
	address := serve(t, func(w http.ResponseWriter, r *http.Request) {
		http.ServeContent(w, r, "disc.iso", time.Unix(1700000000, 0), bytes.NewReader(content))
	})
	r, err := httprange.Open(context.Background(), nil, address)
	if err != nil {
		t.Fatal(err)
	}
	if r.Size() != int64(len(content)) {
		t.Errorf("size %d", r.Size())
	}
	for _, c := range []struct{ off, n int }{{0, 10}, {16<<10 - 3, 7}, {100_000, 300_000}, {len(content) - 5, 5}, {999_000, 1003}} {
		b := make([]byte, c.n)
		if n, err := r.ReadAt(b, int64(c.off)); n != c.n || err != nil || !bytes.Equal(b, content[c.off:c.off+c.n]) {
			t.Errorf("%d bytes at %d: %d, %v", c.n, c.off, n, err)
		}
	}
	if n, err := r.ReadAt(make([]byte, 10), int64(len(content))-4); n != 4 || !errors.Is(err, io.EOF) {
		t.Errorf("past the end: %d, %v", n, err)
	}
	before, _ := r.Transferred()
	if _, err := r.ReadAt(make([]byte, 1000), 100_000); err != nil {
		t.Fatal(err)
	}
	if after, _ := r.Transferred(); after != before {
		t.Error("a cached read was asked for again")
	}
	whole, err := io.ReadAll(io.NewSectionReader(r, 0, r.Size()))
	if err != nil || !bytes.Equal(whole, content) {
		t.Errorf("the whole file: %v", err)
	}
}

// capitals answers with the unit as some servers write it.
type capitals struct{ http.ResponseWriter }

func (c capitals) WriteHeader(code int) {
	c.Header().Set("Content-Range", strings.Replace(c.Header().Get("Content-Range"), "bytes", "Bytes", 1))
	c.ResponseWriter.WriteHeader(code)
}

func TestReaderRefuses(t *testing.T) {
	content := blob(100_000)
	plain := func(w http.ResponseWriter, r *http.Request) {
		http.ServeContent(w, r, "x", time.Unix(1700000000, 0), bytes.NewReader(content))
	}
	calls := 0
	for name, c := range map[string]struct {
		handler http.HandlerFunc
		want    string
	}{
		"absent":    {http.NotFound, "404"},
		"no ranges": {func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(content) }, "doesn't serve ranges"},
		"wrong range": {func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Range", "bytes 5-9/100")
			w.WriteHeader(http.StatusPartialContent)
		}, "Content-Range"},
		"endless": {func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Range", "bytes 0-9223372036854775806/9223372036854775807")
			w.WriteHeader(http.StatusPartialContent)
		}, "Content-Range"},
		"size within the range": {func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Range", "bytes 0-9/9") // the last byte is size-1
			w.WriteHeader(http.StatusPartialContent)
			_, _ = w.Write(content[:10])
		}, `Content-Range "bytes 0-9/9"`},
		"another unit": {func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Range", "lines 0-9/100")
			w.WriteHeader(http.StatusPartialContent)
		}, "Content-Range"},
		"failing": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) }, "502"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := httprange.Open(context.Background(), nil, serve(t, c.handler))
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "secret") {
				t.Errorf("%v; want %q and no secret", err, c.want)
			}
		})
	}
	t.Run("passing fault", func(t *testing.T) {
		address := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if calls++; calls == 2 {
				w.WriteHeader(http.StatusServiceUnavailable)
				return
			}
			plain(w, r)
		})
		r, err := httprange.Open(context.Background(), nil, address)
		if err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 10)
		if _, err := r.ReadAt(b, 50_000); err != nil || !bytes.Equal(b, content[50_000:50_010]) {
			t.Error(err)
		}
	})
	t.Run("too many requests", func(t *testing.T) {
		n := 0
		if _, err := httprange.Open(context.Background(), nil, serve(t, func(w http.ResponseWriter, r *http.Request) {
			if n++; n == 1 {
				w.WriteHeader(http.StatusTooManyRequests)
				return
			}
			plain(w, r)
		})); err != nil || n != 2 {
			t.Errorf("%d requests, %v", n, err)
		}
	})
	t.Run("a unit in capitals", func(t *testing.T) {
		r, err := httprange.Open(context.Background(), nil, serve(t, func(w http.ResponseWriter, r *http.Request) {
			plain(capitals{w}, r)
		}))
		if err != nil || r.Size() != int64(len(content)) {
			t.Error(err)
		}
	})
	t.Run("nothing is compressed on the way", func(t *testing.T) {
		if _, err := httprange.Open(context.Background(), nil, serve(t, func(w http.ResponseWriter, r *http.Request) {
			if got := r.Header.Get("Accept-Encoding"); got != "identity" { // ranges would be of the compressed file
				t.Errorf("Accept-Encoding: %q", got)
			}
			plain(w, r)
		})); err != nil {
			t.Error(err)
		}
	})
	t.Run("hanging", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
		defer cancel()
		_, err := httprange.Open(ctx, nil, serve(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
		if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "too long") {
			t.Error(err)
		}
	})
	t.Run("canceled", func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		if _, err := httprange.Open(ctx, nil, serve(t, plain)); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}

// TestRemedies answers with what a user can do something about.
func TestRemedies(t *testing.T) {
	for code, want := range map[int]string{401: "login", 403: "expire", 404: "check the address", 410: "check the address"} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }))
		_, err := httprange.Open(context.Background(), nil, server.URL+"/w.iso?token=secret")
		server.Close()
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%d: %v; want %q", code, err, want)
		}
	}
}
