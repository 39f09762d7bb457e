package guest

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	packersdk "github.com/hashicorp/packer-plugin-sdk/packer"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/delivery"
)

// mute is a communicator whose guest has vanished.
type mute struct {
	packersdk.MockCommunicator
	until chan struct{}
}

func (m *mute) Upload(string, io.Reader, *os.FileInfo) error { <-m.until; return nil }

func TestUploadToAGuestThatVanished(t *testing.T) {
	t.Parallel()
	local := filepath.Join(t.TempDir(), "x.msi")
	put(t, local, "x")
	m := &mute{until: make(chan struct{})}
	defer close(m.until)
	r := newRelay(m)
	began := time.Now()
	if err := r.upload(t.Context(), 50*time.Millisecond, local, `C:\x.msi`, nil); err == nil || !strings.Contains(err.Error(), "did not end within 50ms") {
		t.Errorf("%v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := r.upload(ctx, time.Hour, local, `C:\x.msi`, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if took := time.Since(began); took > time.Minute {
		t.Errorf("after %s", took)
	}
	if d := sendPatience(64 << 20); d < 30*time.Minute || d > 2*time.Hour {
		t.Errorf("64 MB may take %s", d)
	}
}

// hungry is a communicator that takes all at once.
type hungry struct {
	packersdk.MockCommunicator
	path string
	size int
}

func (h *hungry) Upload(path string, r io.Reader, _ *os.FileInfo) error {
	b, err := io.ReadAll(r)
	h.path, h.size = path, len(b)
	return err
}

func TestUploadIsTold(t *testing.T) {
	t.Parallel()
	local := filepath.Join(t.TempDir(), "x.msi")
	put(t, local, strings.Repeat("x", 1<<20))
	f, err := delivery.LocalFile(local)
	if err != nil {
		t.Fatal(err)
	}
	var said []string
	h := &hungry{}
	if err := newRelay(h).send(t.Context(), local, f, `C:\Windows\Temp\x.msi`, func(line string) { said = append(said, line) }); err != nil {
		t.Fatal(err)
	}
	if h.path != "C:/Windows/Temp/x.msi" || h.size != 1<<20 {
		t.Errorf("%d bytes to %s", h.size, h.path)
	}
	if len(said) == 0 || said[len(said)-1] != "x.msi: 100 % over Packer's communicator" {
		t.Errorf("%q", said)
	}
}
