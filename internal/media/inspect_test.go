package media_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/media"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/media/httprange"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/media/mediatest"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/media/wim"
)

func inspect(t *testing.T, spec media.DiscSpec) *media.Facts {
	t.Helper()
	facts, err := open(t, mediatest.Build(t, spec)).Inspect()
	if err != nil {
		t.Fatal(err)
	}
	return facts
}

func open(t testing.TB, path string) *media.Image {
	t.Helper()
	image, closer, err := media.OpenFile(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closer.Close() })
	return image
}

func TestInspect(t *testing.T) {
	f := inspect(t, mediatest.Spec(mediatest.Server2022Eval()))
	if f.Label != "SSS_X64FREE_EN-US_DV9" || f.InstallPath != "sources/install.wim" || f.Build != 20348 || f.Architecture != "amd64" {
		t.Errorf("facts: %+v", f)
	}
	if !f.BIOS || !f.UEFI {
		t.Errorf("BIOS %t, UEFI %t: the catalogue has both", f.BIOS, f.UEFI)
	}
	if diff := cmp.Diff([]string{"en-US"}, f.UILanguages); diff != "" {
		t.Errorf("UI languages: %s", diff)
	}
	if f.Channel != media.ChannelEvaluation {
		t.Errorf("channel %q", f.Channel)
	}
	want := media.BootFacts{
		Prompt: true, File: "efi/microsoft/boot/efisys.bin",
		Signers: []string{mediatest.CA2011}, LoaderSigners: []string{mediatest.CA2011},
	}
	if diff := cmp.Diff(want, f.Boot); diff != "" {
		t.Errorf("boot: %s", diff)
	}
	if len(f.Images) != 4 || len(f.BootImages) != 2 {
		t.Fatalf("%d images, %d boot images", len(f.Images), len(f.BootImages))
	}
	wantImage := media.WindowsImage{
		Index: 2, Name: "Windows Server 2022 SERVERSTANDARD", Description: "Windows Server 2022 SERVERSTANDARD",
		DisplayName: "Windows Server 2022 Standard Evaluation (Desktop Experience)", DisplayDescription: "Windows Server 2022",
		Flags: "ServerStandardEval", EditionID: "ServerStandardEval", InstallationType: "Server",
		ProductName: "Microsoft® Windows® Operating System", Architecture: "amd64", Languages: []string{"en-US"}, DefaultLanguage: "en-US",
		Major: 10, Build: 20348, ServicePackBuild: 587, TotalBytes: 9 << 30, Evaluation: true,
	}
	if diff := cmp.Diff(wantImage, f.Images[1]); diff != "" {
		t.Error(diff)
	}
}

func TestChannel(t *testing.T) {
	retail := mediatest.Windows11("ko-KR")
	for name, c := range map[string]struct {
		eicfg  string
		images []wim.Image
		want   media.Channel
	}{
		"evaluation by edition id": {"", mediatest.Server2022Eval(), media.ChannelEvaluation},
		"no ei.cfg":                {"", retail, media.ChannelUnknown},
		"volume":                   {"[EditionID]\r\n\r\n[Channel]\r\nVolume\r\n\r\n[VL]\r\n1\r\n", retail, media.ChannelVolume},
		"retail":                   {"[Channel]\r\nRetail\r\n[VL]\r\n0\r\n", retail, media.ChannelRetail},
		"retail with volume's key": {"[Channel]\r\nRetail\r\n[VL]\r\n1\r\n", retail, media.ChannelVolume},
		"oem":                      {"[Channel]\nOEM\n", retail, media.ChannelOEM},
		"vl alone":                 {"[EditionID]\n[Channel]\n[VL]\n1\n", retail, media.ChannelVolume},
		"UTF-16":                   {"\xff\xfe[\x00C\x00h\x00a\x00n\x00n\x00e\x00l\x00]\x00\n\x00O\x00E\x00M\x00", retail, media.ChannelOEM},
	} {
		t.Run(name, func(t *testing.T) {
			spec := mediatest.Spec(c.images)
			if c.eicfg != "" {
				spec.Files = append(spec.Files, media.BytesFile("sources/ei.cfg", []byte(c.eicfg)))
			}
			if got := inspect(t, spec).Channel; got != c.want {
				t.Errorf("channel %q, want %q", got, c.want)
			}
		})
	}
}

// without gives the spec without a file.
func without(spec media.DiscSpec, path string) media.DiscSpec {
	var kept []media.DiscFile
	for _, f := range spec.Files {
		if f.Path != path {
			kept = append(kept, f)
		}
	}
	spec.Files = kept
	return spec
}

// part gives a WIM that says to be part n of total.
func part(whole []byte, n, total byte) []byte {
	b := bytes.Clone(whole)
	b[0x18], b[0x28], b[0x2a] = 0x4d, n, total // the GUID is that of one image
	return b
}

func TestSplitAndESD(t *testing.T) {
	images := mediatest.Server2022Eval()
	whole := mediatest.WIM(images...)
	otherGUID := part(whole, 2, 3)
	otherGUID[0x18+15] ^= 1
	noWIM := part(whole, 2, 3)
	noWIM[0] = 'X'
	base := without(mediatest.Spec(images), "sources/install.wim")
	for name, c := range map[string]struct {
		files map[string][]byte
		// the image file, or what the error says
		path, want string
	}{
		"esd":                 {map[string][]byte{"INSTALL.ESD": whole}, "sources/install.esd", ""},
		"split":               {map[string][]byte{"install.swm": part(whole, 1, 3), "install2.swm": part(whole, 2, 3), "install3.swm": part(whole, 3, 3)}, "sources/install.swm", ""},
		"split into one":      {map[string][]byte{"install.swm": part(whole, 1, 1)}, "sources/install.swm", ""},
		"no part 2":           {map[string][]byte{"install.swm": part(whole, 1, 3), "install3.swm": part(whole, 3, 3)}, "", "install2.swm"},
		"no part 3":           {map[string][]byte{"install.swm": part(whole, 1, 3), "install2.swm": part(whole, 2, 3)}, "", "install3.swm"},
		"part 2 is first":     {map[string][]byte{"install.swm": part(whole, 2, 3), "install2.swm": part(whole, 2, 3), "install3.swm": part(whole, 3, 3)}, "", "install.swm is part 2 of 3"},
		"part 4 is third":     {map[string][]byte{"install.swm": part(whole, 1, 3), "install2.swm": part(whole, 2, 3), "install3.swm": part(whole, 4, 3)}, "", "install3.swm is part 4 of 3"},
		"another number":      {map[string][]byte{"install.swm": part(whole, 1, 2), "install2.swm": part(whole, 2, 5)}, "", "install2.swm is part 2 of 5"},
		"another image":       {map[string][]byte{"install.swm": part(whole, 1, 3), "install2.swm": otherGUID, "install3.swm": part(whole, 3, 3)}, "", "install2.swm is part 2 of another image"},
		"a part is no WIM":    {map[string][]byte{"install.swm": part(whole, 1, 3), "install2.swm": noWIM, "install3.swm": part(whole, 3, 3)}, "", "install2.swm: not a WIM"},
		"a part named .wim":   {map[string][]byte{"install.wim": part(whole, 1, 5)}, "", "install.wim is the first of 5 parts"},
		"part 3 named .wim":   {map[string][]byte{"install.wim": part(whole, 3, 5)}, "", "install.wim is part 3 of 5"},
		"a part named .esd":   {map[string][]byte{"install.esd": part(whole, 1, 2)}, "", "install.esd is the first of 2 parts"},
		"no parts at all":     {map[string][]byte{"install.wim": part(whole, 1, 0)}, "", "install.wim is part 1 of 0"},
		"a part of boot.wim":  {map[string][]byte{"install.wim": whole, "boot.wim": part(whole, 1, 2)}, "", "boot.wim is the first of 2 parts"},
		"a part too many":     {map[string][]byte{"install.swm": part(whole, 1, 2), "install2.swm": part(whole, 2, 2), "install3.swm": part(whole, 3, 3)}, "sources/install.swm", ""},
		"the whole is beside": {map[string][]byte{"install.wim": whole, "install.swm": part(whole, 2, 3)}, "sources/install.wim", ""},
	} {
		t.Run(name, func(t *testing.T) {
			spec := base
			for name, content := range c.files {
				spec = without(spec, "sources/"+name)
				spec.Files = append(spec.Files, media.BytesFile("sources/"+name, content))
			}
			f, err := open(t, mediatest.Build(t, spec)).Inspect()
			switch {
			case c.want == "" && (err != nil || f.InstallPath != c.path || len(f.Images) != 4):
				t.Errorf("%+v, %v; want the images of %s", f, err, c.path)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), "sources/"+c.want)):
				t.Errorf("%v; want an error with %q", err, c.want)
			}
		})
	}
}

func TestNotWindows(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, b []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	iso := make([]byte, 64<<10)
	copy(iso[16*2048:], "\x01CD001\x01")
	copy(iso[16*2048+40:], "Debian 12.5.0 amd64 n           ")
	copy(iso[17*2048:], "\xffCD001\x01")
	for name, c := range map[string]struct {
		content []byte
		want    string
	}{
		"empty":   {nil, "the file is empty"},
		"html":    {[]byte("\r\n<!DOCTYPE html><html>Sign in</html>"), "web page"},
		"qcow2":   {append([]byte("QFI\xfb"), make([]byte, 4096)...), "qcow2"},
		"wim":     {mediatest.WIM(mediatest.Windows11("en-US")...), "a WIM"},
		"debian":  {iso, `"Debian 12.5.0 amd64 n"`},
		"garbage": {bytes.Repeat([]byte("x"), 1<<20), "no UDF volume"},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := media.OpenFile(write(name, c.content))
			var not *media.NotWindowsError
			if !errors.As(err, &not) || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), name) {
				t.Errorf("%v; want a NotWindowsError with the path and %q", err, c.want)
			}
		})
	}
	t.Run("UDF without Windows", func(t *testing.T) {
		spec := media.DiscSpec{Label: "HOLIDAY", Files: []media.DiscFile{media.BytesFile("film.ts", []byte("film"))}}
		_, err := open(t, mediatest.Build(t, spec)).Inspect()
		var not *media.NotWindowsError
		if !errors.As(err, &not) || !strings.Contains(err.Error(), "HOLIDAY") || !strings.Contains(err.Error(), "install.wim") {
			t.Error(err)
		}
	})
	t.Run("two architectures", func(t *testing.T) {
		spec := media.DiscSpec{Label: "ESD-ISO", Files: []media.DiscFile{media.BytesFile("x64/sources/install.esd", nil)}}
		if _, err := open(t, mediatest.Build(t, spec)).Inspect(); err == nil || !strings.Contains(err.Error(), "two architectures") {
			t.Error(err)
		}
	})
}

func TestTruncated(t *testing.T) {
	whole, err := os.ReadFile(mediatest.Build(t, mediatest.Spec(mediatest.Server2022Eval())))
	if err != nil {
		t.Fatal(err)
	}
	for _, size := range []int{64 << 10, 600 << 10, len(whole) / 2, len(whole) - 8<<10} {
		_, err := media.Open(bytes.NewReader(whole[:size]), int64(size))
		var truncated *media.TruncatedError
		if !errors.As(err, &truncated) || truncated.Size != int64(size) {
			t.Errorf("%d of %d bytes: %v", size, len(whole), err)
		}
	}
}

// entryOf gives the file entry (ECMA-167 4/14.9) of a file of a disc that
// BuildDisc made, to be damaged.
func entryOf(t *testing.T, disc []byte, path string) []byte {
	t.Helper()
	image, err := media.Open(bytes.NewReader(disc), int64(len(disc)))
	if err != nil {
		t.Fatal(err)
	}
	f, err := image.FS().Open(path)
	if err != nil {
		t.Fatal(err)
	}
	at, ok := f.(interface{ Run() (uint32, bool) }).Run()
	for sector := 291; ok && sector < len(disc)/2048; sector++ {
		entry := disc[sector*2048 : sector*2048+2048]
		if binary.LittleEndian.Uint16(entry) == 261 && entry[27] == 5 && binary.LittleEndian.Uint32(entry[180:])+291 == at {
			return entry
		}
	}
	t.Fatalf("%s has no entry of its own", path)
	return nil
}

// TestTruncatedFile has an ISO whose volume says that it is as short as what was
// downloaded, so that only the files' own entries tell.
func TestTruncatedFile(t *testing.T) {
	for _, c := range []struct {
		file      string
		byInspect bool
	}{
		{"sources/install.wim", true},
		{"sources/boot.wim", true},
		{"setup.exe", true},
		{"boot/bcd", true},
		{"support/logging/readme.txt", false},
		{"sources/dlmanifests/component-07.man", false},
	} {
		t.Run(c.file, func(t *testing.T) {
			disc, err := os.ReadFile(mediatest.Build(t, mediatest.Spec(mediatest.Server2022Eval())))
			if err != nil {
				t.Fatal(err)
			}
			size := int64(len(disc))
			entry := entryOf(t, disc, c.file)
			binary.LittleEndian.PutUint32(entry[180:], uint32(size/2048)-291)
			reseal(entry)
			image, err := media.Open(bytes.NewReader(disc), size)
			if err != nil {
				t.Fatal(err)
			}
			check := func(who string, err error, want bool) {
				t.Helper()
				var truncated *media.TruncatedError
				if errors.As(err, &truncated) != want || want && (truncated.File != c.file || truncated.Size != size || truncated.Want <= size ||
					!strings.Contains(err.Error(), c.file) || !strings.Contains(err.Error(), "download it again")) {
					t.Errorf("%s: %v", who, err)
				}
			}
			_, err = image.Inspect()
			check("inspect", err, c.byInspect)
			edit := image.Edit()
			_, err = edit.Plan(media.Options{})
			check("a plan of nothing", err, true)
			if err := edit.NoPromptUEFI(); err != nil {
				t.Fatal(err)
			}
			_, err = edit.Plan(media.Options{})
			check("a plan of the boot image", err, true)
			check("rebuild", image.Edit().Rebuild(context.Background(), filepath.Join(t.TempDir(), "rebuilt.iso")), true)
		})
	}
}

// counting counts what is read.
type counting struct {
	io.ReaderAt
	bytes, reads int64
}

func (c *counting) ReadAt(b []byte, off int64) (int, error) {
	c.bytes += int64(len(b))
	c.reads++
	return c.ReaderAt.ReadAt(b, off)
}

func TestInspectReadsLittle(t *testing.T) {
	path := mediatest.Build(t, mediatest.Spec(mediatest.Windows11("ja-JP"), media.DiscFile{
		Path: "sources/large.wim", Size: 3 << 30,
		Open: func() (io.ReadCloser, error) { return io.NopCloser(io.LimitReader(zeros{}, 3<<30)), nil },
	}))
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	r := &counting{ReaderAt: f}
	image, err := media.Open(r, info.Size())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := image.Inspect(); err != nil {
		t.Fatal(err)
	}
	if r.bytes > 1_000_000 {
		t.Errorf("%d bytes in %d reads, at most 1 MB is allowed", r.bytes, r.reads)
	}

	server := httptest.NewServer(http.FileServer(http.Dir(filepath.Dir(path))))
	defer server.Close()
	remote, err := httprange.Open(t.Context(), nil, server.URL+"/"+filepath.Base(path))
	if err != nil {
		t.Fatal(err)
	}
	if image, err = media.Open(remote, remote.Size()); err != nil {
		t.Fatal(err)
	}
	if _, err := image.Inspect(); err != nil {
		t.Fatal(err)
	}
	if n, requests := remote.Transferred(); n == 0 || n > 1_000_000 {
		t.Errorf("%d bytes transferred in %d requests, at most 1 MB is allowed", n, requests)
	}
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }
