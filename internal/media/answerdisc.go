package media

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
	"unicode/utf16"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/media/iso9660"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/media/udf"
)

// discTime stamps what is written, so that the same input gives the same bytes.
var discTime = time.Date(2021, 5, 8, 0, 0, 0, 0, time.UTC)

// WriteAnswerDisc writes the disc that carries the answer file: ISO 9660 with
// Joliet and no UDF, since Windows prefers UDF where it finds it and a structure
// of ours that its driver dislikes would mean no answer file, silently; Joliet
// is proven (quickemu 4a11725b). The same label and files give the same bytes.
// On an error no file is left at out.
func WriteAnswerDisc(ctx context.Context, out, label string, files []DiscFile) error {
	if err := checkLabel(label); err != nil {
		return err
	}
	if err := checkDiscFiles(files); err != nil {
		return err
	}
	return writeNew(out, func(f *os.File) error {
		var list []iso9660.File
		for _, x := range files {
			list = append(list, iso9660.File(x))
		}
		err := iso9660.Write(ctx, f, list, iso9660.Options{Label: label, Recorded: discTime})
		if err != nil {
			return fmt.Errorf("answer disc: %w", err)
		}
		return nil
	})
}

// writeNew writes a file under a temporary name beside out and renames it.
func writeNew(out string, write func(*os.File) error) error {
	f, err := os.CreateTemp(filepath.Dir(out), "."+filepath.Base(out)+".*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // gone once it is renamed
	defer f.Close()
	if err := write(f); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), out)
}

// checkLabel allows what ISO 9660 and Joliet both hold: 16 characters in UCS-2.
func checkLabel(label string) error {
	if label == "" || len(label) > 16 || strings.Trim(label, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") != "" {
		return fmt.Errorf("label %q: 1 to 16 of A-Z, 0-9 and _ are allowed", label)
	}
	return nil
}

// maxJolietName is the specification's, in UCS-2 characters.
const maxJolietName = 64

// checkDiscFiles says what a disc can't hold.
func checkDiscFiles(files []DiscFile) error {
	var errs []error
	seen := map[string]string{}
	dirs := map[string]bool{}
	for _, f := range files {
		problem := ""
		switch {
		case !fs.ValidPath(f.Path) || f.Path == ".":
			problem = "is no relative path with slashes"
		case strings.Count(f.Path, "/") > 6:
			problem = "is deeper than 7 directories"
		case f.Size < 0 || f.Size >= 1<<32-sectorSize:
			problem = fmt.Sprintf("has %d bytes; ISO 9660 holds less than 4 GiB a file", f.Size)
		}
		for element := range strings.SplitSeq(f.Path, "/") {
			if n := len(utf16.Encode([]rune(element))); n > maxJolietName {
				problem = fmt.Sprintf("has a name of %d characters, Joliet holds %d", n, maxJolietName)
			}
			if strings.ContainsAny(element, `*:;?\`) || strings.ContainsFunc(element, func(r rune) bool { return r < 0x20 || r > 0xffff }) {
				problem = "has a name with a character that Joliet doesn't hold"
			}
			if why := NotForWindows(element); why != "" && problem == "" {
				problem = why
			}
		}
		key := udf.Fold(f.Path)
		if other, ok := seen[key]; ok {
			problem = fmt.Sprintf("is there twice (%s), whatever the case", other)
		}
		seen[key] = f.Path
		for i := range key {
			if key[i] == '/' {
				dirs[key[:i]] = true
			}
		}
		if problem != "" {
			errs = append(errs, fmt.Errorf("file %q for the disc %s", f.Path, problem))
		}
	}
	for key, name := range seen {
		if dirs[key] {
			errs = append(errs, fmt.Errorf("file %q for the disc is also a directory", name))
		}
	}
	return errors.Join(errs...)
}
