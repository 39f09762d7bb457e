package media_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/media"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/media/linuxguest"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/media/mediatest"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/media/wim"
)

// largeWIM gives an install.wim of 4.8 GiB whose XML lies at its end, as
// Microsoft's does, with a mark on either side of each extent's border.
func largeWIM() (file media.DiscFile, marks map[int64]string) {
	small := mediatest.WIM(mediatest.Server2022Eval()...)
	header, xml := small[:wim.HeaderSize], small[wim.HeaderSize:]
	const size = 4915 << 20
	xmlAt := int64(size - len(xml))
	binary.LittleEndian.PutUint64(header[0x50:], uint64(xmlAt))
	pieces := map[int64][]byte{0: header, xmlAt: xml}
	marks = map[int64]string{}
	for border := int64(0x3ffff800); border < xmlAt; border += 0x3ffff800 {
		mark := fmt.Sprintf("<%015d|%015d>", border, border)
		marks[border-16], pieces[border-16] = mark, []byte(mark)
	}
	return media.DiscFile{Path: "sources/install.wim", Size: size, Open: func() (io.ReadCloser, error) {
		var parts []io.Reader
		at := int64(0)
		for _, from := range slices.Sorted(maps.Keys(pieces)) {
			parts = append(parts, io.LimitReader(zeros{}, from-at), bytes.NewReader(pieces[from]))
			at = from + int64(len(pieces[from]))
		}
		return io.NopCloser(io.MultiReader(parts...)), nil
	}}, marks
}

// TestBeyond4GiB is about a disc with an install.wim of several extents, and
// with added files that lie past 4 GiB.
func TestBeyond4GiB(t *testing.T) {
	if testing.Short() {
		t.Skip("boots virtual machines")
	}
	large, marks := largeWIM()
	spec := without(mediatest.Spec(nil), "sources/install.wim")
	spec.Files = append(spec.Files, large)
	path := mediatest.Build(t, spec)
	if info, err := os.Stat(path); err != nil || info.Size() < 4915<<20 {
		t.Fatalf("%v, %v", info, err)
	}
	image := open(t, path)
	facts, err := image.Inspect()
	if err != nil || len(facts.Images) != 4 {
		t.Fatalf("%+v, %v", facts, err)
	}
	edit := image.Edit()
	for p, c := range additions() {
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
	if err := plan.Verify(); err != nil {
		t.Fatal(err)
	}
	qcow2 := writeOverlay(t, plan, path)
	run(t, "qemu-utils", "qemu-img", "check", qcow2)
	if got := boots(t, "OVMF", qcow2, "qcow2"); got != "NOPROMPT" {
		t.Errorf("OVMF: %q", got)
	}
	script := "mount -t udf -o ro,utf8 /dev/vda /mnt && cd /mnt || exit 1\necho == size; stat -c %s sources/install.wim\n"
	for at := range marks {
		script += fmt.Sprintf("echo == %d; dd if=sources/install.wim iflag=skip_bytes bs=33 skip=%d count=1 2>/dev/null; echo\n", at, at)
	}
	script += "echo == sums; find . -type f ! -name install.wim -exec md5sum {} +\n"
	got := sections(linuxguest.Run(t, script, linuxguest.Disk{Path: qcow2, Format: "qcow2"}))
	if got["size"] != fmt.Sprintf("%d\n", large.Size) {
		t.Errorf("Linux: install.wim has %q bytes", got["size"])
	}
	for at, mark := range marks {
		if got[fmt.Sprint(at)] != mark+"\n" {
			t.Errorf("Linux reads %q at %d, want %q", got[fmt.Sprint(at)], at, mark)
		}
	}
	want := map[string]string{}
	for _, f := range spec.Files {
		if f.Path != large.Path {
			want[f.Path] = string(content(t, &f))
		}
	}
	for p, c := range additions() {
		want[p] = c
	}
	same(t, "Linux", sums(want), parseSums(t, got["sums"]))
}
