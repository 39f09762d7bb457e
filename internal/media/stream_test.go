package media_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/media"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/media/mediatest"
)

// payloads adds 50 local files to the disc at path.
func payloads(t *testing.T, path string) *media.Plan {
	t.Helper()
	dir := t.TempDir()
	edit := open(t, path).Edit()
	for i := range 50 {
		local := filepath.Join(dir, fmt.Sprintf("payload-%02d", i))
		if err := os.WriteFile(local, bytes.Repeat([]byte{byte(i)}, 9000), 0o600); err != nil {
			t.Fatal(err)
		}
		f, err := media.LocalFile(fmt.Sprintf("wintemplate/payload/%02d.bin", i), local)
		if err != nil {
			t.Fatal(err)
		}
		if err := edit.AddDiscFile(f); err != nil {
			t.Fatal(err)
		}
	}
	plan, err := edit.Plan(media.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return plan
}

func TestHandler(t *testing.T) {
	plan := payloads(t, mediatest.Build(t, mediatest.Spec(mediatest.Server2022Eval())))
	want, err := io.ReadAll(io.NewSectionReader(plan, 0, plan.Size()))
	if err != nil {
		t.Fatal(err)
	}
	handler, err := plan.Handler()
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(handler)
	defer server.Close()
	type answer struct {
		status string
		code   int
		length int64
		header http.Header
	}
	get := func(method, ranges, ifRange string) (answer, []byte) {
		t.Helper()
		r, err := http.NewRequestWithContext(context.Background(), method, server.URL+"/disc.iso", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		if ranges != "" {
			r.Header.Set("Range", ranges)
		}
		if ifRange != "" {
			r.Header.Set("If-Range", ifRange)
		}
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		b, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		return answer{response.Status, response.StatusCode, response.ContentLength, response.Header}, b
	}
	head, _ := get(http.MethodHead, "", "")
	if head.length != int64(len(want)) || head.header.Get("Accept-Ranges") != "bytes" {
		t.Errorf("HEAD: %d bytes of %d, %v", head.length, len(want), head.header)
	}
	tag := head.header.Get("ETag")
	if digest, err := plan.Digest(); err != nil || tag != `"`+digest+`"` {
		t.Errorf("ETag %s, digest %s, %v", tag, digest, err)
	}
	if _, b := get(http.MethodGet, "", ""); !bytes.Equal(b, want) {
		t.Errorf("%d bytes came, %d are the disc", len(b), len(want))
	}
	// a download that was cut off in a payload goes on there
	cut := len(want) - 20_001
	rest, b := get(http.MethodGet, fmt.Sprintf("bytes=%d-", cut), tag)
	if rest.code != http.StatusPartialContent || !bytes.Equal(append(bytes.Clone(want[:cut]), b...), want) {
		t.Errorf("resumed with %s: %d bytes, %d were left", rest.status, len(b), len(want)-cut)
	}
	if whole, b := get(http.MethodGet, "bytes=5-", `"another disc"`); whole.code != http.StatusOK || len(b) != len(want) {
		t.Errorf("resuming another disc: %s, %d bytes", whole.status, len(b))
	}
	if past, _ := get(http.MethodGet, fmt.Sprintf("bytes=%d-", len(want)), ""); past.code != http.StatusRequestedRangeNotSatisfiable {
		t.Errorf("past the end: %s", past.status)
	}
	if post, _ := get(http.MethodPost, "", ""); post.code != http.StatusMethodNotAllowed {
		t.Errorf("POST: %s", post.status)
	}
}

// TestPayloadsAreNotKeptOpen reads a part of each payload, as a client of the
// stream may, and counts the process' open payloads.
func TestPayloadsAreNotKeptOpen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "small.iso")
	if err := os.WriteFile(path, smallDisc(t), 0o600); err != nil {
		t.Fatal(err)
	}
	plan := payloads(t, path)
	b := make([]byte, 1024)
	for at := int64(0); at < plan.Size(); at += 4096 {
		if _, err := plan.ReadAt(b[:min(1024, plan.Size()-at)], at); err != nil {
			t.Fatal(err)
		}
	}
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if name, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil && strings.Contains(name, "payload-") {
			t.Errorf("%s is open", name)
		}
	}
}

// TestDigestSaysWhyThereIsNone takes a payload away.
func TestDigestSaysWhyThereIsNone(t *testing.T) {
	local := filepath.Join(t.TempDir(), "payload")
	if err := os.WriteFile(local, []byte("payload"), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := media.LocalFile("payload", local)
	if err != nil {
		t.Fatal(err)
	}
	disc := smallDisc(t)
	image, err := media.Open(bytes.NewReader(disc), int64(len(disc)))
	if err != nil {
		t.Fatal(err)
	}
	edit := image.Edit()
	if err := edit.AddDiscFile(f); err != nil {
		t.Fatal(err)
	}
	plan, err := edit.Plan(media.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(local); err != nil {
		t.Fatal(err)
	}
	if digest, err := plan.Digest(); err == nil || digest != "" {
		t.Errorf("%q, %v", digest, err)
	}
	if _, err := plan.Handler(); err == nil {
		t.Error("a handler without a digest")
	}
}
