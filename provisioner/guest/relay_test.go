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
	if err := r.upload(t.Context(), 50*time.Millisecond, local, `C:\x.msi`); err == nil || !strings.Contains(err.Error(), "did not end within 50ms") {
		t.Errorf("%v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := r.upload(ctx, time.Hour, local, `C:\x.msi`); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("after %s", took)
	}
	if d := sendPatience(64 << 20); d < 30*time.Minute || d > 2*time.Hour {
		t.Errorf("64 MB may take %s", d)
	}
}
