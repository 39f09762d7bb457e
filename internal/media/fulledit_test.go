package media_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/media"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/media/eltorito"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/media/mediatest"
)

// genisoimageDisc makes a disc of the spec's files by genisoimage -udf, as
// people who remaster Windows discs do.
func genisoimageDisc(t *testing.T, spec media.DiscSpec) string {
	t.Helper()
	tree := t.TempDir()
	for _, f := range spec.Files {
		path := filepath.Join(tree, f.Path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, content(t, &f), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	iso := filepath.Join(t.TempDir(), "genisoimage.iso")
	run(t, "genisoimage", "genisoimage", "-quiet", "-udf", "-iso-level", "3", "-J", "-joliet-long", "-allow-limited-size", "-V", "REMASTERED",
		"-b", "boot/etfsboot.com", "-no-emul-boot", "-boot-load-size", "8",
		"-eltorito-alt-boot", "-e", "efi/microsoft/boot/efisys.bin", "-no-emul-boot", "-o", iso, tree)
	return iso
}

// tree reads a whole disc by the package's own reader.
func tree(t *testing.T, image *media.Image) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := fs.WalkDir(image.FS(), ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := fs.ReadFile(image.FS(), p)
		out[p] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// extracted reads a whole disc by 7z, which reads UDF where there is one.
func extracted(t *testing.T, disc string, more ...string) map[string]string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "x")
	run(t, "p7zip-full", "7z", append([]string{"x", "-o" + dir, disc}, more...)...)
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(p)
		rel, _ := filepath.Rel(dir, p)
		out[filepath.ToSlash(rel)] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func same(t *testing.T, who string, want, got map[string]string) {
	t.Helper()
	for p, content := range want {
		if g, ok := got[p]; !ok {
			t.Errorf("%s: %s is missing", who, p)
		} else if g != content {
			t.Errorf("%s: %s has %d bytes, want %d, or others", who, p, len(g), len(content))
		}
	}
	for p := range got {
		if _, ok := want[p]; !ok {
			t.Errorf("%s: %s is there and should not be", who, p)
		}
	}
}

// additions are what a one-CD medium gets, and what tries the directory code.
func additions() map[string]string {
	random := rand.NewChaCha8([32]byte{7})
	blob := func(n int) string {
		b := make([]byte, n)
		_, _ = random.Read(b)
		return string(b)
	}
	out := map[string]string{
		"Autounattend.xml":                             "<unattend/>",
		"$WinPEDriver$/viostor/viostor.inf":            "[Version]",
		"$WinPEDriver$/viostor/viostor.sys":            blob(70_001),
		"sources/$OEM$/$1/wintemplate/bootstrap.ps1":   blob(4096),
		"sources/extra/nested/deeper/file.txt":         "deep",
		"wintemplate/payload/한국어 설치 파일.msi":            blob(2048),
		"wintemplate/payload/empty.bin":                "",
		"wintemplate/payload/Cloudbase Init (x64).msi": blob(3_000_001),
		"setup.exe": "replaced: " + blob(100_000),
	}
	for i := range 80 {
		out[fmt.Sprintf("wintemplate/payload/a file with a rather long name, number %d, of many.dat", i)] = blob(i * 37)
	}
	return out
}

func TestFullPatch(t *testing.T) {
	spec := mediatest.Spec(mediatest.Server2022Eval())
	for name, path := range map[string]string{"as Microsoft's": mediatest.Build(t, spec), "genisoimage": genisoimageDisc(t, spec)} {
		t.Run(name, func(t *testing.T) {
			image := open(t, path)
			want := tree(t, image)
			edit := image.Edit()
			added := additions()
			// in no order at all: the plan must not depend on it
			for p, c := range added {
				if err := edit.AddFile(p, strings.NewReader(c)); err != nil {
					t.Fatal(err)
				}
				want[p] = c
			}
			for _, p := range []string{"support/logging/README.TXT", "sources/dlmanifests"} {
				if err := edit.Remove(p); err != nil {
					t.Fatal(err)
				}
			}
			for p := range want {
				if p == "support/logging/readme.txt" || strings.HasPrefix(p, "sources/dlmanifests/") {
					delete(want, p)
				}
			}
			if err := edit.NoPromptUEFI(); err != nil {
				t.Fatal(err)
			}
			plan, err := edit.Plan(media.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if err := plan.Verify(); err != nil {
				t.Fatal(err)
			}
			flat := overlay(t, plan, path)
			same(t, "own reader", want, tree(t, open(t, flat)))
			got := extracted(t, flat)
			if name != "as Microsoft's" {
				delete(got, "[BOOT]/Boot-NoEmul.img")
			}
			same(t, "7z", want, got)
			judgeUDF(t, flat, len(want))
			f, err := os.Open(flat)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			if !bytes.Equal(efiImage(t, f, plan.Size()), mediatest.BootImage(mediatest.Program("NOPROMPT", mediatest.CA2011))) {
				t.Error("the patched disc doesn't boot efisys_noprompt.bin")
			}
			judgeElTorito(t, flat)

			// a patched disc can be patched again
			second := open(t, flat).Edit()
			if err := second.AddFile("AUTOUNATTEND.XML", strings.NewReader("second")); err != nil {
				t.Fatal(err)
			}
			again, err := second.Plan(media.Options{})
			if err != nil {
				t.Fatal(err)
			}
			want["Autounattend.xml"] = "second"
			same(t, "7z, second patch", want, extracted(t, overlay(t, again, flat)))
		})
	}
}

// TestPatchOfAnySize: genisoimage's disc ends in 150 anchors, which stay where
// they are when the disc grows. None may be where readers look for the new ones.
func TestPatchOfAnySize(t *testing.T) {
	spec := mediatest.Spec(mediatest.Server2022Eval())
	path := genisoimageDisc(t, spec)
	for size := 64 << 10; size <= 704<<10; size += 128 << 10 {
		t.Run(fmt.Sprintf("%d KiB", size>>10), func(t *testing.T) {
			image := open(t, path)
			files := len(tree(t, image))
			edit := image.Edit()
			if err := edit.AddFile("added.bin", strings.NewReader(strings.Repeat("x", size))); err != nil {
				t.Fatal(err)
			}
			plan, err := edit.Plan(media.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if err := plan.Verify(); err != nil {
				t.Error(err)
			}
			judgeUDF(t, overlay(t, plan, path), files+1)
		})
	}
}

// judgeUDF has udfinfo read the volume's descriptors.
func judgeUDF(t *testing.T, disc string, files int) {
	t.Helper()
	info := run(t, "udftools", "udfinfo", disc)
	for _, want := range []string{fmt.Sprintf("numfiles=%d\n", files), "integrity=closed\n", "type=PSPACE", "start=256, blocks=1, type=ANCHOR"} {
		if !strings.Contains(info, want) {
			t.Errorf("udfinfo lacks %q:\n%s", want, info)
		}
	}
	if strings.Contains(strings.ToLower(info), "error") || strings.Contains(strings.ToLower(info), "warning") {
		t.Errorf("udfinfo complains:\n%s", info)
	}
}

// judgeElTorito has xorriso read the boot catalogue.
func judgeElTorito(t *testing.T, disc string) {
	t.Helper()
	report := run(t, "xorriso", "xorriso", "-indev", disc, "-report_el_torito", "plain")
	if !strings.Contains(report, "BIOS  y   none") || !strings.Contains(report, "UEFI  y   none") {
		t.Errorf("xorriso sees:\n%s", report)
	}
}

// TestRootStays proves that a root directory with room keeps its blocks: boot
// managers have UDF readers of their own, of which nothing is known.
func TestRootStays(t *testing.T) {
	path := mediatest.Build(t, mediatest.Spec(mediatest.Server2022Eval()))
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	edit := open(t, path).Edit()
	if err := edit.AddFile("Autounattend.xml", strings.NewReader("<unattend/>")); err != nil {
		t.Fatal(err)
	}
	plan, err := edit.Plan(media.Options{})
	if err != nil {
		t.Fatal(err)
	}
	after, err := io.ReadAll(io.NewSectionReader(plan, 0, plan.Size()))
	if err != nil {
		t.Fatal(err)
	}
	var changed []int
	for at := 0; at+2048 <= len(before); at += 2048 {
		if !bytes.Equal(before[at:at+2048], after[at:at+2048]) {
			changed = append(changed, at/2048)
		}
	}
	// ISO 9660's volume, two partition descriptors, the integrity descriptor, the
	// root's entry and its names
	if want := []int{16, 259, 273, 277, 293}; len(changed) != 6 || !slices.Equal(changed[:5], want) {
		t.Errorf("sectors %v changed, want %v and the root's names", changed, want)
	}
}

func TestAddFSAndDiscFiles(t *testing.T) {
	path := mediatest.Build(t, mediatest.Spec(mediatest.Server2022Eval()))
	image := open(t, path)
	want := tree(t, image)
	edit := image.Edit()
	files := fstest.MapFS{"a/b.txt": {Data: []byte("b")}, "c.bin": {Data: bytes.Repeat([]byte("c"), 300_000)}}
	if err := edit.AddFS("sources/$OEM$", files); err != nil {
		t.Fatal(err)
	}
	opened := 0
	one := media.DiscFile{Path: "payload.bin", Size: 5_000_000, Open: func() (io.ReadCloser, error) {
		opened++
		return io.NopCloser(io.LimitReader(zeros{}, 5_000_000)), nil
	}}
	if err := edit.AddDiscFile(one); err != nil {
		t.Fatal(err)
	}
	plan, err := edit.Plan(media.Options{})
	if err != nil {
		t.Fatal(err)
	}
	flat := overlay(t, plan, path)
	if opened > 1 {
		t.Errorf("the payload was opened %d times for one overlay", opened)
	}
	want["sources/$OEM$/a/b.txt"], want["sources/$OEM$/c.bin"] = "b", strings.Repeat("c", 300_000)
	want["payload.bin"] = strings.Repeat("\x00", 5_000_000)
	same(t, "7z", want, extracted(t, flat))
}

// TestOneDisc puts what else lies on the answer disc onto the installation disc.
func TestOneDisc(t *testing.T) {
	path := mediatest.Build(t, mediatest.Spec(mediatest.Server2022Eval()))
	image := open(t, path)
	want := tree(t, image)
	edit := image.Edit()
	if err := edit.AddDiscFiles(answerFiles()); err != nil {
		t.Fatal(err)
	}
	plan, err := edit.Plan(media.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := plan.Verify(); err != nil {
		t.Fatal(err)
	}
	for _, f := range answerFiles() {
		want[f.Path] = string(content(t, &f))
	}
	same(t, "7z", want, extracted(t, overlay(t, plan, path)))
}

func TestEditRefuses(t *testing.T) {
	path := mediatest.Build(t, mediatest.Spec(mediatest.Server2022Eval()))
	image := open(t, path)
	add := func(p string) func(*media.Edit) error {
		return func(e *media.Edit) error { return e.AddFile(p, strings.NewReader("x")) }
	}
	remove := func(p string) func(*media.Edit) error { return func(e *media.Edit) error { return e.Remove(p) } }
	for name, c := range map[string]struct {
		do   func(*media.Edit) error
		want string
	}{
		"escape":             {add("../x"), "invalid"},
		"absolute":           {add("/x"), "invalid"},
		"backslash":          {add(`a\b`), "Windows doesn't allow"},
		"Windows' own":       {add("a:b"), "Windows doesn't allow"},
		"beneath a file":     {add("setup.exe/x"), "setup.exe is a file"},
		"over a directory":   {add("SOURCES"), "is a directory"},
		"long":               {add(strings.Repeat("x", 255)), "254 characters"},
		"device":             {add("CON"), "device"},
		"device, extension":  {add("sources/aux.txt"), "device"},
		"device folder":      {add("nul/x"), "device"},
		"trailing dot":       {add("x."), "dot or a space"},
		"trailing space":     {add("x /y"), "dot or a space"},
		"nothing":            {func(e *media.Edit) error { return e.AddFile("x", nil) }, "no content"},
		"remove what's gone": {remove("sources/none"), "not exist"},
		"remove the root":    {remove("."), "invalid"},
	} {
		t.Run(name, func(t *testing.T) {
			edit := image.Edit()
			err := c.do(edit)
			if err == nil {
				_, err = edit.Plan(media.Options{})
			}
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v; want %q", err, c.want)
			}
		})
	}
}

// TestNotEditable damages what an edit must trust.
func TestNotEditable(t *testing.T) {
	whole, err := os.ReadFile(mediatest.Build(t, mediatest.Spec(mediatest.Server2022Eval())))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		at   int
		want string
	}{
		"anchor":               {256*2048 + 20, "anchor at sector 256"},
		"reserve sequence":     {277*2048 + 192, "sector 277"},
		"integrity":            {273*2048 + 28, "integrity descriptor"},
		"main sequence":        {259*2048 + 192, "sector 259"},
		"terminated integrity": {273 * 2048, "no integrity descriptor"},
	} {
		t.Run(name, func(t *testing.T) {
			b := bytes.Clone(whole)
			b[c.at] ^= 0xff
			image, err := media.Open(bytes.NewReader(b), int64(len(b)))
			if err != nil {
				t.Fatalf("it can't even be read: %v", err)
			}
			edit := image.Edit()
			if err := edit.AddFile("x", strings.NewReader("x")); err != nil {
				t.Fatal(err)
			}
			_, err = edit.Plan(media.Options{})
			var refusal *media.RefusedError
			if !errors.As(err, &refusal) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v; want a refusal with %q", err, c.want)
			}
		})
	}
}

// TestRebuild writes discs anew, also one that the patcher refuses.
func TestRebuild(t *testing.T) {
	spec := mediatest.Spec(mediatest.Server2022Eval())
	microsoft := mediatest.Build(t, spec)
	damaged, err := os.ReadFile(microsoft)
	if err != nil {
		t.Fatal(err)
	}
	damaged[277*2048+192] ^= 0xff // the reserve sequence
	refusedDisc := filepath.Join(t.TempDir(), "damaged.iso")
	if err := os.WriteFile(refusedDisc, damaged, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, path := range map[string]string{"as Microsoft's": microsoft, "genisoimage": genisoimageDisc(t, spec), "refused by the patcher": refusedDisc} {
		t.Run(name, func(t *testing.T) {
			image := open(t, path)
			want := tree(t, image)
			edit := image.Edit()
			for p, c := range additions() {
				want[p] = c
				if err := edit.AddFile(p, strings.NewReader(c)); err != nil {
					t.Fatal(err)
				}
			}
			if err := edit.Remove("support"); err != nil {
				t.Fatal(err)
			}
			delete(want, "support/logging/readme.txt")
			if err := edit.NoPromptUEFI(); err != nil {
				t.Fatal(err)
			}
			var discs [2][]byte
			var out string
			for i := range discs {
				out = filepath.Join(t.TempDir(), "rebuilt.iso")
				if err := edit.Rebuild(context.Background(), out); err != nil {
					t.Fatal(err)
				}
				if discs[i], err = os.ReadFile(out); err != nil {
					t.Fatal(err)
				}
			}
			if !bytes.Equal(discs[0], discs[1]) {
				t.Error("two rebuilds differ")
			}
			same(t, "own reader", want, tree(t, open(t, out)))
			same(t, "7z", want, extracted(t, out))
			judgeUDF(t, out, len(want))
			judgeElTorito(t, out)
			if !bytes.Equal(efiImage(t, bytes.NewReader(discs[0]), int64(len(discs[0]))), mediatest.BootImage(mediatest.Program("NOPROMPT", mediatest.CA2011))) {
				t.Error("the rebuilt disc doesn't boot efisys_noprompt.bin")
			}
		})
	}
}

// TestRebuildIsBounded has many names give the same large file.
func TestRebuildIsBounded(t *testing.T) {
	spec := mediatest.Spec(mediatest.Server2022Eval(), media.BytesFile("sources/large.bin", bytes.Repeat([]byte{7}, 3<<20)))
	disc, err := os.ReadFile(mediatest.Build(t, spec))
	if err != nil {
		t.Fatal(err)
	}
	large := entryOf(t, disc, "sources/large.bin")
	for i := range 40 {
		small := entryOf(t, disc, fmt.Sprintf("sources/dlmanifests/component-%02d.man", i))
		copy(small[56:64], large[56:64])     // size
		copy(small[64:72], large[64:72])     // blocks
		copy(small[176:184], large[176:184]) // extent
		reseal(small)
	}
	image, err := media.Open(bytes.NewReader(disc), int64(len(disc)))
	if err != nil {
		t.Fatal(err)
	}
	err = image.Edit().Rebuild(context.Background(), filepath.Join(t.TempDir(), "rebuilt.iso"))
	var refusal *media.RebuildError
	if !errors.As(err, &refusal) || !strings.Contains(err.Error(), "more than 4 times") {
		t.Error(err)
	}
}

// TestRebuildKeepsTheBootImage gives the catalogue an image that resembles the
// disc's file in all samples and differs in one byte.
func TestRebuildKeepsTheBootImage(t *testing.T) {
	path := mediatest.Build(t, mediatest.Spec(mediatest.Server2022Eval()))
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.Index(b, efiImage(t, bytes.NewReader(b), int64(len(b))))
	b[at+mediatest.BootImageSize-7] ^= 0xff
	want := efiImage(t, bytes.NewReader(b), int64(len(b)))
	image, err := media.Open(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(t.TempDir(), "rebuilt.iso")
	if err := image.Edit().Rebuild(context.Background(), out); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(out)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	got, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(efiImage(t, bytes.NewReader(got), int64(len(got))), want) {
		t.Error("the rebuilt disc boots another image")
	}
}

// TestRebuildMovesTheBootInfoTable rebuilds a disc whose BIOS image is told where
// it lies, as those of isolinux and GRUB are: the image of the new disc is told
// its new place.
func TestRebuildMovesTheBootInfoTable(t *testing.T) {
	spec := mediatest.Spec(mediatest.Server2022Eval())
	image := bytes.Repeat([]byte("0123456"), 5000)
	bios := media.BytesFile("boot/etfsboot.com", image)
	spec = without(spec, "boot/etfsboot.com")
	spec.BIOS, spec.BIOSBootInfoTable = &bios, true
	edit := open(t, mediatest.Build(t, spec)).Edit()
	if err := edit.AddFile("more/names/to/move/it.txt", strings.NewReader("x")); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(t.TempDir(), "rebuilt.iso")
	if err := edit.Rebuild(context.Background(), out); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	catalog, err := eltorito.Read(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	sector := catalog.Bootable(eltorito.BIOS)[0].Sector
	got := b[int(sector)*2048:][:len(image)]
	for at, want := range map[int]uint32{8: 16, 12: sector, 16: uint32(len(image))} {
		if v := binary.LittleEndian.Uint32(got[at:]); v != want {
			t.Errorf("the table says %d at byte %d, want %d", v, at, want)
		}
	}
	if !bytes.Equal(got[:8], image[:8]) || !bytes.Equal(got[64:], image[64:]) {
		t.Error("the image is another")
	}
	report := run(t, "xorriso", "xorriso", "-indev", out, "-report_el_torito", "plain")
	if !strings.Contains(report, "boot-info-table") && !strings.Contains(report, "boot info") {
		t.Errorf("xorriso sees no table:\n%s", report)
	}
}

// TestRebuildOfAnUnknownBootImage doesn't advise what it is.
func TestRebuildOfAnUnknownBootImage(t *testing.T) {
	spec := mediatest.Spec(mediatest.Server2022Eval())
	other := media.BytesFile("x", bytes.Repeat([]byte("other"), 1000))
	spec.UEFI = &other
	edit := open(t, mediatest.Build(t, spec)).Edit()
	err := edit.Rebuild(context.Background(), filepath.Join(t.TempDir(), "rebuilt.iso"))
	var refusal *media.RebuildError
	if !errors.As(err, &refusal) || strings.Contains(err.Error(), "patched") {
		t.Errorf("%v", err)
	}
	if err := edit.NoPromptUEFI(); err == nil || strings.Contains(err.Error(), "rebuild") {
		t.Errorf("%v", err)
	}
}

// TestRebuildKeepsEmptyDirectories removes a directory's only file.
func TestRebuildKeepsEmptyDirectories(t *testing.T) {
	disc := smallDisc(t)
	image, err := media.Open(bytes.NewReader(disc), int64(len(disc)))
	if err != nil {
		t.Fatal(err)
	}
	edit := image.Edit()
	for _, gone := range []string{"empty/x", "SOURCES"} {
		if err := edit.Remove(gone); err != nil {
			t.Fatal(err)
		}
	}
	out := filepath.Join(t.TempDir(), "rebuilt.iso")
	if err := edit.Rebuild(context.Background(), out); err != nil {
		t.Fatal(err)
	}
	entries, err := fs.ReadDir(open(t, out).FS(), ".")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if got := strings.Join(names, " "); got != "empty setup.exe" {
		t.Errorf("%s", got)
	}
}
