package media_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/media"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/media/linuxguest"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/media/mediatest"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/media/wim"
)

// largeWIM gives an install.wim of 4.3 GiB whose XML lies at its end, as
// Microsoft's does, with a mark on either side of each extent's border.
func largeWIM() (file media.DiscFile, marks map[int64]string) {
	small := mediatest.WIM(mediatest.Server2022Eval()...)
	header, xml := small[:wim.HeaderSize], small[wim.HeaderSize:]
	const size = 4400 << 20
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
	if info, err := os.Stat(path); err != nil || info.Size() < 4400<<20 {
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
	flat := filepath.Join(t.TempDir(), "flat.iso")
	run(t, "qemu-utils", "qemu-img", "convert", "-O", "raw", qcow2, flat)
	rebuilt := filepath.Join(t.TempDir(), "rebuilt.iso")
	if err := edit.Rebuild(context.Background(), rebuilt); err != nil {
		t.Fatal(err)
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
	for name, disc := range map[string]string{"patched": flat, "rebuilt": rebuilt} {
		judgeUDF(t, disc, len(want)+1)
		judgeElTorito(t, disc)
		same(t, "7z, "+name, want, extracted(t, disc, "-x!"+large.Path))
		if list := run(t, "p7zip-full", "7z", "l", "-slt", disc, large.Path); !strings.Contains(list, fmt.Sprintf("\nSize = %d\n", large.Size)) {
			t.Errorf("7z, %s, lists:\n%s", name, list)
		}
	}
	judgeLarge(t, "7z, rebuilt", rebuilt, large)
	script := ""
	for name, device := range map[string]string{"patched": "vda", "rebuilt": "vdb"} {
		script += "mount -t udf -o ro,utf8 /dev/" + device + " /mnt && cd /mnt || exit 1\necho == " + name + " size; stat -c %s sources/install.wim\n"
		for at := range marks {
			script += fmt.Sprintf("echo == %s %d; dd if=sources/install.wim iflag=skip_bytes bs=33 skip=%d count=1 2>/dev/null; echo\n", name, at, at)
		}
		script += "echo == " + name + " sums; find . -type f ! -name install.wim -exec md5sum {} +; cd /; umount /mnt\n"
	}
	got := sections(linuxguest.Run(t, script, linuxguest.Disk{Path: qcow2, Format: "qcow2"}, linuxguest.Disk{Path: rebuilt, Format: "raw"}))
	for _, name := range []string{"patched", "rebuilt"} {
		if size := got[name+" size"]; size != fmt.Sprintf("%d\n", large.Size) {
			t.Errorf("Linux, %s: install.wim has %q bytes", name, size)
		}
		for at, mark := range marks {
			if read := got[fmt.Sprintf("%s %d", name, at)]; read != mark+"\n" {
				t.Errorf("Linux, %s, reads %q at %d, want %q", name, read, at, mark)
			}
		}
		same(t, "Linux, "+name, sums(want), parseSums(t, got[name+" sums"]))
	}
}

// judgeLarge has 7-Zip stream the large file and compares it to the last byte.
func judgeLarge(t *testing.T, who, disc string, large media.DiscFile) {
	t.Helper()
	want, err := large.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer want.Close()
	cmd := exec.Command("7z", "x", "-so", disc, large.Path)
	got, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	a, b := make([]byte, 1<<20), make([]byte, 1<<20)
	for at := int64(0); ; at += int64(len(a)) {
		n, _ := io.ReadFull(want, a)
		m, _ := io.ReadFull(got, b)
		if n != m || !bytes.Equal(a[:n], b[:m]) {
			t.Errorf("%s: %s differs within the MiB at %d", who, large.Path, at)
			break
		}
		if n < len(a) {
			break
		}
	}
	got.Close()
	if err := cmd.Wait(); err != nil && !t.Failed() {
		t.Errorf("%s: %v", who, err)
	}
}
