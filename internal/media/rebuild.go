package media

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/media/eltorito"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/media/udf"
)

// Rebuild writes the edited disc anew to the file out, laid out as BuildDisc
// does it: for discs whose layout Plan refuses. It copies every byte. The boot
// images are taken as they are, or as NoPromptUEFI has them; one that it can't
// carry over is a *RebuildError. The file is its owner's only: what was added may
// be an answer file with passwords.
func (e *Edit) Rebuild(ctx context.Context, out string) error {
	if err := e.image.vol.Check(); err != nil {
		return truncatedFile(err)
	}
	spec := DiscSpec{Label: cmp.Or(cut(e.image.Label(), 32), unlabelled), Recorded: e.image.vol.Recorded()}
	var err error
	if spec.Files, spec.Directories, err = e.files(); err != nil {
		return err
	}
	err = e.bootImages(&spec)
	var refusal *RefusedError
	if errors.As(err, &refusal) {
		return &RebuildError{Reason: refusal.Reason}
	}
	if err != nil {
		return err
	}
	return buildDisc(ctx, out, spec, 0o600)
}

// unlabelled is the label of a disc that had none; every volume needs one.
const unlabelled = "WINDOWS"

func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "")
}

// maxSharing is how many times its size a disc's files may have together: oscdimg
// -o stores equal files once, a hostile disc one file under any number of names.
const maxSharing = 4

// files are the disc's files and directories after the edit's steps.
func (e *Edit) files() ([]DiscFile, []string, error) {
	files, dirs := map[string]DiscFile{}, map[string]string{}
	tree := e.image.FS()
	var total int64
	err := fs.WalkDir(tree, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == "." {
			return err
		}
		key := udf.Fold(path)
		if other := cmp.Or(files[key].Path, dirs[key]); other != "" {
			return &RebuildError{Reason: fmt.Sprintf("%s and %s on it are the same name to Windows", udf.Printable(other), udf.Printable(path))}
		}
		if d.IsDir() {
			dirs[key] = path
			return nil
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if total += info.Size(); total > maxSharing*e.image.size {
			return &RebuildError{Reason: fmt.Sprintf("its files have more than %d times its own %d bytes together", maxSharing, e.image.size)}
		}
		files[key] = DiscFile{Path: path, Size: info.Size(), Open: func() (io.ReadCloser, error) { return tree.Open(path) }}
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	for _, s := range e.steps {
		key := udf.Fold(s.path)
		if s.source != nil {
			path := s.path
			if was, ok := files[key]; ok {
				path = was.Path
			}
			files[key] = sourceFile(path, s.source)
			continue
		}
		before := len(files) + len(dirs)
		isGone := func(name string) bool { return name == key || strings.HasPrefix(name, key+"/") }
		maps.DeleteFunc(files, func(name string, _ DiscFile) bool { return isGone(name) })
		maps.DeleteFunc(dirs, func(name, _ string) bool { return isGone(name) })
		if len(files)+len(dirs) == before {
			return nil, nil, &fs.PathError{Op: "remove", Path: s.path, Err: fs.ErrNotExist}
		}
	}
	var out []DiscFile
	for _, key := range slices.Sorted(maps.Keys(files)) {
		out = append(out, files[key])
	}
	return out, slices.Sorted(maps.Values(dirs)), nil
}

func sourceFile(path string, s Source) DiscFile {
	return DiscFile{Path: path, Size: s.Size(), Open: func() (io.ReadCloser, error) {
		return io.NopCloser(io.NewSectionReader(s, 0, s.Size())), nil
	}}
}

// bootImages finds the boot images that the new disc's catalogue is to name.
func (e *Edit) bootImages(spec *DiscSpec) error {
	catalog, err := eltorito.Read(e.image.r, e.image.size)
	if errors.Is(err, eltorito.ErrNone) {
		return nil
	}
	if err != nil {
		return err
	}
	if entries := catalog.Bootable(eltorito.BIOS); len(entries) > 0 {
		if err := e.image.biosImage(spec, entries[0]); err != nil {
			return err
		}
	}
	if len(catalog.Bootable(eltorito.EFI)) == 0 {
		return nil
	}
	boot, err := e.image.findBoot(catalog)
	if err != nil {
		return err
	}
	image, err := boot.present(e.image)
	if err != nil {
		return err
	}
	if e.noPrompt != nil && e.noPrompt.replacement != nil {
		image = *e.noPrompt.replacement
	}
	file := sourceFile(image.path, image)
	spec.UEFI = &file
	return nil
}

// present is the image that the catalogue names, as its own bytes: a file that
// resembles it in samples may still be another. Only its length comes from the
// file, which the catalogue doesn't tell.
func (b *efiBoot) present(i *Image) (variant, error) {
	like := b.current[0]
	for _, v := range b.current {
		same, err := b.sameBytes(i, v)
		if err != nil {
			return variant{}, err
		}
		if same {
			like = v
			break
		}
	}
	return variant{like.path, b.at(i, like.Size())}, nil
}
