package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/media"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/media/mediatest"
)

// noise gives n bytes that don't compress, the same for the same seed.
func noise(path string, n int64, seed byte) media.DiscFile {
	return media.DiscFile{Path: path, Size: n, Open: func() (io.ReadCloser, error) {
		return io.NopCloser(io.LimitReader(rand.NewChaCha8([32]byte{seed}), n)), nil
	}}
}

// prepare writes a disc laid out as Microsoft's, of about a thousand files, and
// the 45 MB in 96 files that are to be added.
func (b *bench) prepare(ctx context.Context, size int64) error {
	images := mediatest.Server2022Eval()
	xml := mediatest.WIM(images...)
	install := noise("", size-int64(len(xml)), 1)
	more := []media.DiscFile{noise("sources/boot2.bin", 400<<20, 2)}
	for i := range 950 {
		more = append(more, noise(fmt.Sprintf("sources/replacement/component-%03d.dll", i), int64(3000+i*37), byte(i)))
	}
	spec := mediatest.Spec(images, more...)
	for i, f := range spec.Files {
		if f.Path == "sources/install.wim" {
			spec.Files[i].Size = size
			spec.Files[i].Open = func() (io.ReadCloser, error) {
				rest, err := install.Open()
				return io.NopCloser(io.MultiReader(bytesReader(xml), rest)), err
			}
		}
	}
	b.disc, b.added = b.path("windows.iso"), b.path("added")
	if err := media.BuildDisc(ctx, b.disc, spec); err != nil {
		return err
	}
	const files, total = 96, 45 << 20
	for i := range files {
		f := noise(fmt.Sprintf("$WinPEDriver$/driver-%02d/driver.sys", i), total/files, byte(100+i))
		path := filepath.Join(b.added, f.Path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		r, err := f.Open()
		if err != nil {
			return err
		}
		w, err := os.Create(path)
		if err != nil {
			return err
		}
		if _, err := io.Copy(w, r); err != nil {
			return err
		}
		if err := w.Close(); err != nil {
			return err
		}
	}
	info, err := os.Stat(b.disc)
	if err != nil {
		return err
	}
	fmt.Printf("media: a disc of %.2f GB, %d MB to add in %d files, best of %d rounds\n", float64(info.Size())/1e9, total>>20, files, b.rounds)
	return nil
}
