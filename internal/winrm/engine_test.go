package winrm_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/powershell"
	standin "github.com/wintemplate/packer-plugin-wintemplate/internal/standin/winrm"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/winrm/engine"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/winrm/winrmtest"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/winrm"
)

// The upload's script itself, by a real engine.
func TestUploadByPowerShell(t *testing.T) {
	path := powershell.Find(t)
	c := t.TempDir() // drive C:, for an engine that is not Windows'
	if runtime.GOOS == "windows" {
		c = `C:\`
		t.Cleanup(func() { _ = os.RemoveAll(filepath.Join(c, "ProgramData", "wintemplate-test")) })
	}
	g := winrmtest.Start(t, standin.Config{Start: engine.Engine{Path: path, Environment: []string{"PWSH_C=" + c}}.Start})
	client := winrm.New(endpoint(g))
	upload := func(remote string, data []byte) (string, error) {
		return client.Upload(t.Context(), remote, bytes.NewReader(data), int64(len(data)), nil)
	}
	there := func(name string) string { return filepath.Join(c, "ProgramData", "wintemplate-test", name) }

	t.Run("a new folder, a name in Korean, several lines", func(t *testing.T) {
		data := []byte(pattern(t, 1_200_000))
		if _, err := upload(`C:\ProgramData\wintemplate-test\설치 [1] $x.msi`, data); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(there("설치 [1] $x.msi")); err != nil || !bytes.Equal(got, data) {
			t.Errorf("%d bytes arrived, %v", len(got), err)
		}
	})
	t.Run("an empty file", func(t *testing.T) {
		if _, err := upload(`C:\ProgramData\wintemplate-test\empty`, nil); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(there("empty")); err != nil || len(got) != 0 {
			t.Errorf("%d bytes arrived, %v", len(got), err)
		}
	})
	t.Run("an older file is replaced", func(t *testing.T) {
		if _, err := upload(`C:\ProgramData\wintemplate-test\empty`, []byte("new")); err != nil {
			t.Fatal(err)
		}
		if got, _ := os.ReadFile(there("empty")); string(got) != "new" {
			t.Errorf("got %q", got)
		}
	})
	t.Run("a folder has that name", func(t *testing.T) {
		_, err := upload(`C:\ProgramData\wintemplate-test`, []byte("x"))
		if err == nil || !strings.Contains(err.Error(), "is a folder") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("damaged on the way", func(t *testing.T) {
		// A line of the same length with other bytes: only the digest tells.
		damaging := standin.Config{Start: damage(engine.Engine{Path: path, Environment: []string{"PWSH_C=" + c}}.Start)}
		g := winrmtest.Start(t, damaging)
		_, err := winrm.New(endpoint(g)).Upload(t.Context(), `C:\ProgramData\wintemplate-test\damaged`, strings.NewReader("AAAA"), 4, nil)
		var d *winrm.DigestError
		if !errors.As(err, &d) || d.Want == d.Got {
			t.Errorf("got %v", err)
		}
		if left, _ := filepath.Glob(there("damaged*")); len(left) > 0 {
			t.Errorf("left behind: %v", left)
		}
	})
	if left, _ := filepath.Glob(there("*.part")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// damage changes AAAA in base64 on its way to the process.
func damage(start standin.Starter) standin.Starter {
	return func(ctx context.Context, p standin.Process) int {
		p.Stdin = &damagingReader{r: p.Stdin}
		return start(ctx, p)
	}
}

type damagingReader struct{ r io.Reader }

func (d *damagingReader) Read(p []byte) (int, error) {
	n, err := d.r.Read(p)
	copy(p[:n], bytes.ReplaceAll(p[:n], []byte("QUFBQQ=="), []byte("QUFBQg==")))
	return n, err
}
