package httprange_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/media/httprange"
)

// state is what one copy of the file answers.
type state struct {
	content  []byte
	etag     string
	modified time.Time
}

func (s state) serve(w http.ResponseWriter, r *http.Request) {
	if s.etag != "" {
		w.Header().Set("ETag", s.etag)
	}
	http.ServeContent(w, r, "disc.iso", s.modified, bytes.NewReader(s.content))
}

// served opens a file whose n-th request, from 1 on, is answered by choose(n).
func served(t *testing.T, choose func(n int) state) (*httprange.Reader, *int) {
	t.Helper()
	n := 0
	r, err := httprange.Open(t.Context(), nil, serve(t, func(w http.ResponseWriter, r *http.Request) {
		n++
		choose(n).serve(w, r)
	}))
	if err != nil {
		t.Fatal(err)
	}
	return r, &n
}

func long() time.Time { return time.Unix(1700000000, 0) }

// altered is the content with one byte changed at an offset.
func altered(content []byte, at int) []byte {
	b := bytes.Clone(content)
	b[at] ^= 1
	return b
}

// readAll reads in an order that leaves holes, and compares.
func readAll(t *testing.T, r *httprange.Reader, content []byte) error {
	t.Helper()
	for _, off := range []int{0, 500_000, 60_000, 999_000, 300_000, 510_000} {
		b := make([]byte, 1000)
		if _, err := r.ReadAt(b, int64(off)); err != nil {
			return err
		}
		if !bytes.Equal(b, content[off:off+1000]) {
			t.Errorf("wrong bytes at %d", off)
		}
	}
	return r.Confirm()
}

// TestCopiesOfOneFile reads a file from servers that name its one content by
// several validators.
func TestCopiesOfOneFile(t *testing.T) {
	content := blob(1_000_003)
	a, b := state{content, `"a-1"`, long()}, state{content, `"b-1"`, long()}
	older := state{content, "", long().Add(-time.Hour)}
	for name, choose := range map[string]func(n int) state{
		"in turn": func(n int) state { return []state{a, b}[n%2] },
		"three in turn": func(n int) state {
			return []state{a, b, {content, `"c"`, long()}}[n%3]
		},
		"the first is gone": func(n int) state {
			if n <= 3 {
				return a
			}
			return b
		},
		"times differ":      func(n int) state { return []state{{content, "", long()}, older}[n%2] },
		"weak and strong":   func(n int) state { return []state{{content, `W/"a-1"`, long()}, a}[n%2] },
		"only one of them":  func(n int) state { return []state{{content, "", long()}, a}[n%2] },
		"nothing but bytes": func(int) state { return state{content, "", time.Time{}} },
	} {
		t.Run(name, func(t *testing.T) {
			r, n := served(t, choose)
			if err := readAll(t, r, content); err != nil {
				t.Error(err)
			}
			if *n > 60 {
				t.Errorf("%d requests", *n)
			}
		})
	}
}

// TestChangedFile reads a file that is another one from some request on.
func TestChangedFile(t *testing.T) {
	content := blob(1_000_003)
	a := state{content, `"a"`, long()}
	for name, c := range map[string]struct {
		before, after state
	}{
		"what was read before":      {a, state{altered(content, 500), `"b"`, long()}},
		"what was read second":      {a, state{altered(content, 500_500), `"b"`, long()}},
		"by Last-Modified":          {state{content, "", long()}, state{altered(content, 500), "", long().Add(time.Second)}},
		"length":                    {a, state{append(bytes.Clone(content), 1), `"a"`, long()}},
		"shorter":                   {a, state{content[:900_000], `"b"`, long()}},
		"no validators":             {state{content, "", time.Time{}}, state{altered(content, 500), "", time.Time{}}},
		"within the second":         {state{content, "", time.Now().Add(time.Minute)}, state{altered(content, 500), "", time.Now().Add(time.Minute)}},
		"a weak tag that stayed":    {state{content, `W/"a"`, time.Time{}}, state{altered(content, 500_500), `W/"a"`, time.Time{}}},
		"a weak tag, another time":  {state{content, `W/"a"`, long()}, state{altered(content, 500), `W/"a"`, long().Add(time.Second)}},
		"lies with a strong tag":    {a, state{altered(content, 500), `"a"`, long()}}, // noticed by nothing: see below
		"a block that is read anew": {a, state{altered(content, 500), `"b"`, long()}},
	} {
		t.Run(name, func(t *testing.T) {
			r, _ := served(t, func(n int) state {
				if n <= 2 {
					return c.before
				}
				return c.after
			})
			err := readAll(t, r, content)
			if name == "lies with a strong tag" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if !errors.Is(err, httprange.ErrChanged) || strings.Contains(err.Error(), "secret") {
				t.Errorf("%v; want %v", err, httprange.ErrChanged)
			}
		})
	}
}

// TestCopiesOfTwoFiles reads from two servers of which one has another file: the
// reader stays at the first, and when it is gone says so.
func TestCopiesOfTwoFiles(t *testing.T) {
	content := blob(1_000_003)
	a, b := state{content, `"a"`, long()}, state{altered(content, 999_500), `"b"`, long()}
	r, _ := served(t, func(n int) state { return []state{b, a}[n%2] }) // the first answer is a's
	if err := readAll(t, r, content); err != nil {
		t.Errorf("while both answer: %v", err)
	}
	r, _ = served(t, func(n int) state {
		if n <= 5 {
			return a
		}
		return b
	})
	if err := readAll(t, r, content); !errors.Is(err, httprange.ErrChanged) {
		t.Errorf("when the first is gone: %v", err)
	}
}

// TestEndlessVersions reads from a server that never says the same twice.
func TestEndlessVersions(t *testing.T) {
	content := blob(1_000_003)
	r, n := served(t, func(n int) state { return state{content, "", long().Add(time.Duration(n) * time.Second)} })
	if err := readAll(t, r, content); err == nil || !strings.Contains(err.Error(), "several versions") {
		t.Errorf("%v", err)
	}
	if *n > 100 {
		t.Errorf("%d requests", *n)
	}
}

// TestMirrors follows a redirect once, and comes back when that mirror fails.
func TestMirrors(t *testing.T) {
	content := blob(1_000_003)
	gone := false
	first := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if gone {
			w.WriteHeader(http.StatusForbidden) // as an expired link answers
			return
		}
		state{content, `"1"`, long()}.serve(w, r)
	}))
	defer first.Close()
	second := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		state{content, `"2"`, long()}.serve(w, r)
	}))
	defer second.Close()
	asked := 0
	address := serve(t, func(w http.ResponseWriter, r *http.Request) {
		asked++
		to := first
		if asked > 1 {
			to = second
		}
		http.Redirect(w, r, to.URL+"/disc.iso?signature=secret", http.StatusFound)
	})
	r, err := httprange.Open(context.Background(), nil, address)
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 1000)
	if _, err := r.ReadAt(b, 500_000); err != nil || asked != 1 {
		t.Errorf("%v; the address was asked %d times, the mirror is kept", err, asked)
	}
	gone = true
	if _, err := r.ReadAt(b, 800_000); err != nil || !bytes.Equal(b, content[800_000:801_000]) {
		t.Errorf("after the mirror's end: %v", err)
	}
	before := asked
	if _, err := r.ReadAt(b, 900_000); err != nil || asked != before {
		t.Errorf("%v; the address was asked %d times more, the new mirror is kept", err, asked-before)
	}
}
