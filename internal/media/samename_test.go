package media_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/media"
)

// discOfFolder makes a disc of the files of a folder by genisoimage -udf.
func discOfFolder(t *testing.T, label string, files map[string]string) *media.Image {
	t.Helper()
	folder := t.TempDir()
	for name, content := range files {
		path := filepath.Join(folder, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	iso := filepath.Join(t.TempDir(), "folder.iso")
	run(t, "genisoimage", "genisoimage", "-quiet", "-udf", "-V", label, "-o", iso, folder)
	image, closer, err := media.OpenFile(iso)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = closer.Close() })
	return image
}

// TestNamesThatDifferInCase edits discs that hold two names which are one to
// Windows, as UDF allows and Linux makes.
func TestNamesThatDifferInCase(t *testing.T) {
	for what, files := range map[string]map[string]string{
		"files":       {"README": "upper", "readme": "lower", "sources/a": "a"},
		"directories": {"README/one": "1", "readme/two": "2", "sources/a": "a"},
	} {
		t.Run(what, func(t *testing.T) {
			image := discOfFolder(t, "CASE", files)
			var refusal *media.RefusedError
			for name, edit := range map[string]func(*media.Edit) error{
				"add":    func(e *media.Edit) error { return e.AddFile("readme", bytes.NewReader(nil)) },
				"into":   func(e *media.Edit) error { return e.AddFile("readMe/new", bytes.NewReader(nil)) },
				"remove": func(e *media.Edit) error { return e.Remove("README") },
			} {
				e := image.Edit()
				if err := edit(e); err != nil {
					t.Fatal(err)
				}
				if _, err := e.Plan(media.Options{}); !errors.As(err, &refusal) || !strings.Contains(err.Error(), "same name to Windows") {
					t.Errorf("%s: %v", name, err)
				}
			}
			e := image.Edit()
			if err := e.AddFile("sources/new", bytes.NewReader([]byte("new"))); err != nil {
				t.Fatal(err)
			}
			plan, err := e.Plan(media.Options{})
			if err == nil {
				err = plan.Verify()
			}
			if err != nil {
				t.Errorf("an edit beside them: %v", err)
			}
			var rebuild *media.RebuildError
			err = e.Rebuild(context.Background(), filepath.Join(t.TempDir(), "rebuilt.iso"))
			if !errors.As(err, &rebuild) || !strings.Contains(err.Error(), "README") || !strings.Contains(err.Error(), "readme") {
				t.Errorf("rebuilt: %v", err)
			}
		})
	}
}

// TestRebuildOfADiscWithoutLabel rebuilds a disc that nobody gave a label.
func TestRebuildOfADiscWithoutLabel(t *testing.T) {
	image := discOfFolder(t, "", map[string]string{"sources/a": "a"})
	out := filepath.Join(t.TempDir(), "rebuilt.iso")
	if err := image.Edit().Rebuild(context.Background(), out); err != nil {
		t.Fatal(err)
	}
	rebuilt, closer, err := media.OpenFile(out)
	if err != nil {
		t.Fatal(err)
	}
	defer closer.Close()
	if rebuilt.Label() == "" {
		t.Error("it has no label")
	}
}
