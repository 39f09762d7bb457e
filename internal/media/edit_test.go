package media_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/media"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/media/eltorito"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/media/mediatest"
)

// run runs a tool that judges, and gives its output.
func run(t testing.TB, debianPackage, tool string, args ...string) string {
	t.Helper()
	if _, err := exec.LookPath(tool); err != nil {
		t.Fatalf("%s is not installed; it is in Debian's package %s", tool, debianPackage)
	}
	out, err := exec.Command(tool, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", tool, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// efiImage reads the image that the catalogue of a disc names.
func efiImage(t *testing.T, r io.ReaderAt, size int64) []byte {
	t.Helper()
	catalog, err := eltorito.Read(r, size)
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, mediatest.BootImageSize)
	if _, err := r.ReadAt(b, int64(catalog.Bootable(eltorito.EFI)[0].Sector)*2048); err != nil && !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	return b
}

func content(t *testing.T, f *media.DiscFile) []byte {
	t.Helper()
	r, err := f.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func noPrompt(t *testing.T, path string) (*media.Plan, error) {
	t.Helper()
	edit := open(t, path).Edit()
	if err := edit.NoPromptUEFI(); err != nil {
		return nil, err
	}
	return edit.Plan(media.Options{})
}

// overlay writes the plan's overlay over path, has QEMU check it and flatten
// it, and gives the flat disc.
func overlay(t *testing.T, p *media.Plan, path string) string {
	t.Helper()
	qcow2 := writeOverlay(t, p, path)
	run(t, "qemu-utils", "qemu-img", "check", qcow2)
	if info := run(t, "qemu-utils", "qemu-img", "info", qcow2); !strings.Contains(info, "backing file format: raw") {
		t.Errorf("the header doesn't name the backing format:\n%s", info)
	}
	flat := filepath.Join(t.TempDir(), "flat.iso")
	run(t, "qemu-utils", "qemu-img", "convert", "-O", "raw", qcow2, flat)
	run(t, "qemu-utils", "qemu-img", "compare", "-f", "qcow2", "-F", "raw", qcow2, flat)
	return flat
}

func TestNoPromptUEFI(t *testing.T) {
	spec := mediatest.Spec(mediatest.Server2022Eval())
	path := mediatest.Build(t, spec)
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(efiImage(t, bytes.NewReader(before), int64(len(before))), content(t, spec.UEFI)) {
		t.Fatal("the fixture doesn't boot to its prompt")
	}
	plan, err := noPrompt(t, path)
	if err != nil {
		t.Fatal(err)
	}
	if err := plan.Verify(); err != nil {
		t.Error(err)
	}
	flat, err := os.ReadFile(overlay(t, plan, path))
	if err != nil {
		t.Fatal(err)
	}
	streamed, err := io.ReadAll(io.NewSectionReader(plan, 0, plan.Size()))
	if err != nil || !bytes.Equal(streamed, flat) {
		t.Errorf("stream and overlay differ (%v)", err)
	}
	if !bytes.Equal(efiImage(t, bytes.NewReader(flat), int64(len(flat))), mediatest.BootImage(mediatest.Program("NOPROMPT", mediatest.CA2011))) {
		t.Error("the patched disc doesn't boot efisys_noprompt.bin")
	}
	if len(flat) != len(before) {
		t.Errorf("%d bytes, was %d", len(flat), len(before))
	}
	changed := 0
	for i := 0; i < len(flat); i += 2048 {
		if !bytes.Equal(flat[i:i+2048], before[i:i+2048]) {
			changed++
		}
	}
	if changed == 0 || changed > mediatest.BootImageSize/2048 {
		t.Errorf("%d sectors changed", changed)
	}
	if after, err := os.ReadFile(path); err != nil || !bytes.Equal(after, before) {
		t.Error("the user's ISO was changed")
	}

	// a disc that has no prompt any more is left as it is
	patched := filepath.Join(t.TempDir(), "patched.iso")
	if err := os.WriteFile(patched, flat, 0o600); err != nil {
		t.Fatal(err)
	}
	again, err := noPrompt(t, patched)
	if err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(io.NewSectionReader(again, 0, again.Size())); err != nil || !bytes.Equal(b, flat) {
		t.Error("a disc without a prompt was changed again")
	}
	if facts, err := open(t, patched).Inspect(); err != nil || facts.Boot.Prompt || facts.Boot.File != "efi/microsoft/boot/efisys_noprompt.bin" {
		t.Errorf("%+v, %v", facts, err)
	}
}

func TestApplyEqualsOverlay(t *testing.T) {
	path := mediatest.Build(t, mediatest.Spec(mediatest.Server2022Eval()))
	plan, err := noPrompt(t, path)
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	copied := filepath.Join(t.TempDir(), "copy.iso")
	if err := os.WriteFile(copied, b, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(copied, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := plan.Apply(f); err != nil {
		t.Fatal(err)
	}
	run(t, "diffutils", "cmp", copied, overlay(t, plan, path))
}

func TestPlanIsDeterministic(t *testing.T) {
	path := mediatest.Build(t, mediatest.Spec(mediatest.Server2022Eval()))
	var overlays [][]byte
	var digests []string
	for range 2 {
		plan, err := noPrompt(t, path)
		if err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(writeOverlay(t, plan, path))
		if err != nil {
			t.Fatal(err)
		}
		digest, err := plan.Digest()
		if err != nil {
			t.Fatal(err)
		}
		overlays, digests = append(overlays, b), append(digests, digest)
	}
	if !bytes.Equal(overlays[0], overlays[1]) || digests[0] != digests[1] || len(digests[0]) != 64 {
		t.Errorf("two plans differ; digests %q", digests)
	}
	edit := open(t, path).Edit()
	plan, err := edit.Plan(media.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if digest, err := plan.Digest(); err != nil || digest == digests[0] {
		t.Error("a plan that changes nothing has the same digest")
	}
}

// TestDigestNamesTheResult plans a whole patch in another order each time, and
// then one that differs in a byte, and one over another disc.
func TestDigestNamesTheResult(t *testing.T) {
	spec := mediatest.Spec(mediatest.Server2022Eval())
	digest := func(path, autounattend string) string {
		t.Helper()
		edit := open(t, path).Edit()
		for p, c := range additions() { // a map: in no order at all
			if p == "Autounattend.xml" {
				c = autounattend
			}
			if err := edit.AddFile(p, strings.NewReader(c)); err != nil {
				t.Fatal(err)
			}
		}
		if err := edit.NoPromptUEFI(); err != nil {
			t.Fatal(err)
		}
		plan, err := edit.Plan(media.Options{})
		if err != nil {
			t.Fatal(err)
		}
		digest, err := plan.Digest()
		if err != nil {
			t.Fatal(err)
		}
		return digest
	}
	path := mediatest.Build(t, spec)
	first := digest(path, "<unattend/>")
	for range 5 {
		if again := digest(mediatest.Build(t, spec), "<unattend/>"); again != first {
			t.Errorf("the same patch of the same disc has digests %s and %s", first, again)
		}
	}
	if digest(path, "<unattend />") == first {
		t.Error("another answer file has the same digest")
	}
	spec.Label = "SSS_X64FREE_KO-KR_DV9"
	if digest(mediatest.Build(t, spec), "<unattend/>") == first {
		t.Error("the patch of another disc has the same digest")
	}
}

// TestSigners is about updated media, which hold boot images of two
// authorities: a machine may trust only one of them.
func TestSigners(t *testing.T) {
	const dir = "efi/microsoft/boot/"
	image := func(name, text, ca string) media.DiscFile {
		if ca == "" {
			return media.BytesFile(dir+name, mediatest.BootImage(mediatest.Program(text)))
		}
		return media.BytesFile(dir+name, mediatest.BootImage(mediatest.Program(text, ca)))
	}
	prompt2011, quiet2011 := image("efisys.bin", "PROMPT", mediatest.CA2011), image("efisys_noprompt.bin", "NOPROMPT", mediatest.CA2011)
	prompt2023, quiet2023 := image("efisys_EX.bin", "PROMPT EX", mediatest.CA2023), image("efisys_noprompt_EX.bin", "NOPROMPT EX", mediatest.CA2023)
	renamed := image("efisys.bin", "PROMPT EX", mediatest.CA2023)
	longer := media.BytesFile(dir+"efisys_noprompt.bin", append(mediatest.BootImage(mediatest.Program("NOPROMPT", mediatest.CA2011)), make([]byte, 2048)...))
	foreign := image("foreign.bin", "REMASTERED", mediatest.CA2011)
	almost := content(t, &prompt2011)
	almost[len(almost)/2+9000] ^= 1
	base := without(without(mediatest.Spec(mediatest.Server2022Eval()), dir+"efisys.bin"), dir+"efisys_noprompt.bin")
	for _, c := range []struct {
		name    string
		boots   media.DiscFile
		files   []media.DiscFile
		want    *media.DiscFile
		refusal string
	}{
		{"one pair", prompt2011, []media.DiscFile{prompt2011, quiet2011}, &quiet2011, ""},
		{"two pairs, old boots", prompt2011, []media.DiscFile{prompt2011, quiet2011, prompt2023, quiet2023}, &quiet2011, ""},
		{"two pairs, new boots", prompt2023, []media.DiscFile{prompt2011, quiet2011, prompt2023, quiet2023}, &quiet2023, ""},
		{"unsigned pair", image("efisys.bin", "PROMPT", ""), []media.DiscFile{image("efisys.bin", "PROMPT", ""), image("efisys_noprompt.bin", "NOPROMPT", "")}, ptr(image("", "NOPROMPT", "")), ""},
		{"new prompt under the old name", renamed, []media.DiscFile{renamed, quiet2011}, nil, mediatest.CA2023},
		{"no image without a prompt", prompt2011, []media.DiscFile{prompt2011}, nil, "efisys_noprompt.bin"},
		{"another length", prompt2011, []media.DiscFile{prompt2011, longer}, nil, "1476608 bytes"},
		{"remastered", foreign, []media.DiscFile{prompt2011, quiet2011}, nil, "is none of"},
		{"one byte differs", media.BytesFile("x", almost), []media.DiscFile{prompt2011, quiet2011}, nil, "differs from it"},
	} {
		t.Run(c.name, func(t *testing.T) {
			spec := base
			spec.Files = append(append([]media.DiscFile{}, base.Files...), c.files...)
			spec.UEFI = &c.boots
			plan, err := noPrompt(t, mediatest.Build(t, spec))
			if c.want == nil {
				var refusal *media.RefusedError
				if !errors.As(err, &refusal) || !strings.Contains(err.Error(), c.refusal) {
					t.Errorf("%v; want a refusal with %q", err, c.refusal)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(efiImage(t, plan, plan.Size()), content(t, c.want)) {
				t.Error("another image boots")
			}
		})
	}
}

func ptr[T any](v T) *T { return &v }

func TestNoCatalogue(t *testing.T) {
	spec := mediatest.Spec(mediatest.Server2022Eval())
	spec.BIOS, spec.UEFI = nil, nil
	if _, err := noPrompt(t, mediatest.Build(t, spec)); err == nil || !strings.Contains(err.Error(), "no boot catalogue") {
		t.Error(err)
	}
	spec = mediatest.Spec(mediatest.Server2022Eval())
	spec.UEFI = nil
	if _, err := noPrompt(t, mediatest.Build(t, spec)); err == nil || !strings.Contains(err.Error(), "no EFI entry") {
		t.Error(err)
	}
}

// withCatalog gives a disc of the spec whose boot catalogue change has worked on.
func withCatalog(t *testing.T, spec media.DiscSpec, change func([]eltorito.Entry) []eltorito.Entry) string {
	t.Helper()
	path := mediatest.Build(t, spec)
	disc, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	catalog, err := eltorito.Read(bytes.NewReader(disc), int64(len(disc)))
	if err != nil {
		t.Fatal(err)
	}
	b, err := eltorito.Encode("Microsoft Corporation", change(catalog.Entries))
	if err != nil {
		t.Fatal(err)
	}
	copy(disc[int(catalog.Sector)*2048:], b)
	if err := os.WriteFile(path, disc, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestCataloguesOfOtherKinds: what boots must be known to the byte, so that
// whatever else a catalogue may say is refused by its name.
func TestCataloguesOfOtherKinds(t *testing.T) {
	spec := mediatest.Spec(mediatest.Server2022Eval())
	for name, c := range map[string]struct {
		change         func(entries []eltorito.Entry) []eltorito.Entry
		want           string
		uefi, unmarked bool
	}{
		"two for EFI":  {func(e []eltorito.Entry) []eltorito.Entry { return append(e, e[1]) }, "has 2 EFI entries", true, false},
		"emulation":    {func(e []eltorito.Entry) []eltorito.Entry { e[1].Media = 4; return e }, "asks for emulation 4", true, false},
		"switched off": {func(e []eltorito.Entry) []eltorito.Entry { e[1].Bootable = false; return e }, "has no EFI entry", false, false},
		"unmarked": {
			func(e []eltorito.Entry) []eltorito.Entry { e[1].Platform = eltorito.BIOS; return e },
			"none of its boot catalogue's 2 entries is marked for UEFI (platform 0xEF); genisoimage marks one", false, true,
		},
	} {
		path := withCatalog(t, spec, c.change)
		_, err := noPrompt(t, path)
		var refusal *media.RefusedError
		if !errors.As(err, &refusal) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v; want a refusal with %q", name, err, c.want)
		}
		facts, err := open(t, path).Inspect()
		if err != nil || facts.UEFI != c.uefi || !facts.BIOS || facts.Boot.Unmarked != c.unmarked {
			t.Errorf("%s: %+v, %v", name, facts, err)
		}
	}
}

// TestInspectWithoutCatalogue: what a disc that does not boot holds is read.
func TestInspectWithoutCatalogue(t *testing.T) {
	spec := mediatest.Spec(mediatest.Server2022Eval())
	spec.BIOS, spec.UEFI = nil, nil
	if f := inspect(t, spec); f.BIOS || f.UEFI || f.Boot.Unmarked || len(f.Images) != 4 {
		t.Errorf("%+v", f)
	}
}

func TestIdentityNoticesAChange(t *testing.T) {
	path := mediatest.Build(t, mediatest.Spec(mediatest.Server2022Eval()))
	identity, err := media.Identify(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := identity.Check(); err != nil {
		t.Errorf("a changed mode is no changed ISO: %v", err)
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, at := range []int64{1000, identity.Size - 60<<10, identity.Size - 2} {
		was := make([]byte, 2)
		if _, err := f.ReadAt(was, at); err != nil {
			t.Fatal(err)
		}
		write := func(b []byte) {
			if _, err := f.WriteAt(b, at); err != nil {
				t.Fatal(err)
			}
			if err := os.Chtimes(path, identity.Modified, identity.Modified); err != nil {
				t.Fatal(err)
			}
		}
		write([]byte{^was[0], ^was[1]})
		if err := identity.Check(); err == nil || !strings.Contains(err.Error(), "content") {
			t.Errorf("changed content at %d of %d with the old time: %v", at, identity.Size, err)
		}
		write(was)
		if err := identity.Check(); err != nil {
			t.Errorf("the same content again: %v", err)
		}
	}
	if err := f.Truncate(identity.Size - 2048); err != nil {
		t.Fatal(err)
	}
	if err := identity.Check(); err == nil || !strings.Contains(err.Error(), "bytes") {
		t.Errorf("changed size: %v", err)
	}
}
