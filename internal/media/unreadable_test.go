package media_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/media"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/media/httprange"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/media/iso9660"
)

var errBroken = errors.New("the drive is broken")

// broken fails from an offset on.
type broken struct {
	io.ReaderAt
	from int64
}

func (b broken) ReadAt(p []byte, off int64) (int, error) {
	if off+int64(len(p)) > b.from {
		return 0, errBroken
	}
	return b.ReaderAt.ReadAt(p, off)
}

// TestUnreadableIsNotForeign opens discs that can't be read: nobody may be told
// that they are no Windows discs, or no ISOs.
func TestUnreadableIsNotForeign(t *testing.T) {
	disc := smallDisc(t)
	for _, from := range []int64{16 << 11, 20 << 11, 256 << 11, 291 << 11} {
		r := broken{bytes.NewReader(disc), from}
		if _, err := media.Open(r, int64(len(disc))); !errors.Is(err, errBroken) {
			t.Errorf("from byte %d: %v", from, err)
		}
	}
	if _, err := iso9660.Open(broken{bytes.NewReader(disc), 16 << 11}, int64(len(disc))); !errors.Is(err, errBroken) {
		t.Errorf("as a drivers ISO: %v", err)
	}
	other := bytes.Clone(disc)
	other[100] ^= 1 // among what was read already
	n := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if n++; n > 1 {
			http.ServeContent(w, r, "x", time.Unix(1700000001, 0), bytes.NewReader(other))
			return
		}
		http.ServeContent(w, r, "x", time.Unix(1700000000, 0), bytes.NewReader(disc))
	}))
	defer server.Close()
	if _, err := media.OpenURL(t.Context(), nil, server.URL); !errors.Is(err, httprange.ErrChanged) {
		t.Errorf("changing on its server: %v", err)
	}
}
