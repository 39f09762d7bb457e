package media_test

import (
	"bytes"
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/media"
)

// TestManyFiles puts a payload of many files in one folder on discs. Each takes a
// fraction of a second; looking names up one by one took minutes of the processor.
func TestManyFiles(t *testing.T) {
	const count, limit = 20_000, 40 * time.Second
	var files []media.DiscFile
	for i := range count {
		files = append(files, media.BytesFile(fmt.Sprintf("payload/component-%d.txt", i), []byte("x")))
	}
	disc := smallDisc(t)
	image, err := media.Open(bytes.NewReader(disc), int64(len(disc)))
	if err != nil {
		t.Fatal(err)
	}
	for what, write := range map[string]func() error{
		"answer disc": func() error {
			return media.WriteAnswerDisc(context.Background(), filepath.Join(t.TempDir(), "answer.iso"), "WINTEMPLATE", files)
		},
		"patch": func() error {
			e := image.Edit()
			if err := e.AddDiscFiles(files); err != nil {
				return err
			}
			_, err := e.Plan(media.Options{})
			return err
		},
	} {
		began := time.Now()
		if err := write(); err != nil {
			t.Errorf("%s: %v", what, err)
		}
		if took := time.Since(began); took > limit {
			t.Errorf("%s: %s for %d files", what, took, count)
		}
	}
}
