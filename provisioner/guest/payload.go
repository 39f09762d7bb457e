package guest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/guest"
)

// payload finds an installer on the guest's discs. local, when the user gave
// it, is a file on the machine that runs Packer: the guest's disc must hold
// the very same bytes, or it is sent.
func (r *run) payload(ctx context.Context, local, name string, patterns ...string) (guest.PayloadFindResult, error) {
	p := guest.PayloadFindParameters{ManifestSHA256: r.seat.manifest(), Patterns: patterns}
	var size int64
	if local != "" {
		var err error
		if p.SHA256, size, err = digest(local); err != nil {
			return guest.PayloadFindResult{}, err
		}
		p.Patterns = append(p.Patterns, "*"+filepath.Base(local))
	}
	if p.ManifestSHA256 == "" && p.SHA256 == "" {
		return guest.PayloadFindResult{}, fmt.Errorf("there is no answer disc of this plugin to take %s from: name the file with installer", name)
	}
	found, _, err := guest.PayloadFind.Do(ctx, r.session, p)
	if err != nil {
		return found, err
	}
	if found.Found {
		return found, nil
	}
	if local != "" {
		return r.send(ctx, local, name, p.SHA256, size)
	}
	return found, errors.New(notFound(name, found))
}

func notFound(name string, found guest.PayloadFindResult) string {
	if len(found.Offered) == 0 {
		return fmt.Sprintf("no disc of the guest (%s) holds this build's wintemplate/manifest.json; is the answer disc still in the drive?", strings.Join(found.Searched, " "))
	}
	return fmt.Sprintf("the answer disc holds no %s; add it to payload, or name it with installer. The disc holds %s", name, strings.Join(found.Offered, ", "))
}

func (r *run) send(ctx context.Context, local, name, want string, size int64) (guest.PayloadFindResult, error) {
	f, err := os.Open(local)
	if err != nil {
		return guest.PayloadFindResult{}, err
	}
	defer func() { _ = f.Close() }()
	remote := `C:\Windows\Temp\wintemplate-` + want[:12] + `-` + name
	r.ui.Message(fmt.Sprintf("Sending %s (%d MB)", filepath.Base(local), size>>20))
	got, err := r.deliver.send(ctx, remote, f, size)
	if err != nil {
		return guest.PayloadFindResult{}, fmt.Errorf("send %s: %w", local, err)
	}
	if got != "" && got != want {
		return guest.PayloadFindResult{}, fmt.Errorf("send %s: the guest has SHA-256 %s, the file has %s", local, got, want)
	}
	return guest.PayloadFindResult{Found: true, Path: remote, Name: name, Size: size, SHA256: want}, nil
}

func digest(path string) (string, int64, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", 0, err
	}
	defer func() { _ = f.Close() }()
	h := sha256.New()
	n, err := io.Copy(h, f)
	if err != nil {
		return "", 0, fmt.Errorf("read %s: %w", path, err)
	}
	return hex.EncodeToString(h.Sum(nil)), n, nil
}
