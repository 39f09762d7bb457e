package media_test

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/media"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/media/linuxguest"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/media/mediatest"
)

// sumScript prints the MD5 of every file of a mounted disc.
const sumScript = `sum() { mount -t $1 -o ro,$3 $2 /mnt && (cd /mnt && find . -type f -exec md5sum {} +) ; umount /mnt; }
`

func sums(files map[string]string) map[string]string {
	out := map[string]string{}
	for p, c := range files {
		s := md5.Sum([]byte(c))
		out[p] = hex.EncodeToString(s[:])
	}
	return out
}

func parseSums(t *testing.T, printed string) map[string]string {
	t.Helper()
	out := map[string]string{}
	for line := range strings.Lines(printed) {
		sum, name, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "  ./")
		if !ok {
			t.Fatalf("the guest printed %q", line)
		}
		out[name] = sum
	}
	return out
}

// sections splits what the guest printed at lines of "== name".
func sections(printed string) map[string]string {
	out := map[string]string{}
	for part := range strings.SplitSeq("\n"+printed, "\n== ") {
		name, rest, ok := strings.Cut(part, "\n")
		if ok {
			if rest != "" && !strings.HasSuffix(rest, "\n") {
				rest += "\n"
			}
			out[name] = rest
		}
	}
	return out
}

// patchedOverlay adds and removes files of the disc at path and gives the
// overlay, with what the patched disc holds.
func patchedOverlay(t *testing.T, path string) (qcow2 string, want map[string]string) {
	t.Helper()
	edit := open(t, path).Edit()
	want = tree(t, open(t, path))
	for p := range want {
		if strings.HasPrefix(p, "support/") {
			delete(want, p)
		}
	}
	for p, c := range additions() {
		want[p] = c
		if err := edit.AddFile(p, strings.NewReader(c)); err != nil {
			t.Fatal(err)
		}
	}
	if err := edit.Remove("support"); err != nil {
		t.Fatal(err)
	}
	plan, err := edit.Plan(media.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return writeOverlay(t, plan, path), want
}

// TestLinuxReads has Linux's own drivers read what this package writes: a disc
// from scratch, the answer disc, and patched discs as overlays.
func TestLinuxReads(t *testing.T) {
	if testing.Short() {
		t.Skip("boots a virtual machine")
	}
	spec := mediatest.Spec(mediatest.Server2022Eval())
	fresh, remastered := mediatest.Build(t, spec), genisoimageDisc(t, spec)
	answer := map[string]string{}
	for _, f := range answerFiles() {
		answer[f.Path] = string(content(t, &f))
	}
	patched, wantPatched := patchedOverlay(t, fresh)
	patchedToo, wantPatchedToo := patchedOverlay(t, remastered)
	got := sections(linuxguest.Run(t, sumScript+`echo "== fresh"; sum udf /dev/vda utf8
echo "== answer"; sum iso9660 /dev/vdb iocharset=utf8
echo "== patched"; sum udf /dev/vdc utf8
echo "== patched genisoimage"; sum udf /dev/vdd utf8
`,
		linuxguest.Disk{Path: fresh, Format: "raw"},
		linuxguest.Disk{Path: writeAnswerDisc(t, answerFiles()), Format: "raw"},
		linuxguest.Disk{Path: patched, Format: "qcow2"},
		linuxguest.Disk{Path: patchedToo, Format: "qcow2"}))
	for name, want := range map[string]map[string]string{
		"fresh": tree(t, open(t, fresh)), "answer": answer, "patched": wantPatched, "patched genisoimage": wantPatchedToo,
	} {
		same(t, "Linux, "+name, sums(want), parseSums(t, got[name]))
	}
}

// fillScript fills a volume with what makes a reader stumble: contents in the
// entry and in short and long descriptors, holes, removed names, names beyond
// Latin-1, a directory of many blocks, a file of many extents.
const fillScript = `fill() {
	mount -t udf -o rw,utf8,$3 $2 /mnt || return 1
	cd /mnt
	mkdir -p "Mixed Case/한국어 폴더/sub" many
	echo in the entry > "Mixed Case/small.txt"
	echo 한국어 > "Mixed Case/한국어 폴더/sub/파일.txt"
	for i in $(seq 300); do echo $i > "many/a name that is rather long $i.txt"; done
	for i in $(seq 1 3 300); do rm "many/a name that is rather long $i.txt"; done
	for i in $(seq 60); do
		dd if=/bin/busybox bs=10000 count=1 skip=$((i % 20)) 2>/dev/null >> fragments-a
		dd if=/bin/busybox bs=7000 count=1 skip=$((i % 20)) 2>/dev/null >> fragments-b
		sync
	done
	cp /bin/busybox large.bin
	echo start > holes; dd if=/bin/busybox of=holes bs=1 seek=500000 count=10 2>/dev/null
	: > empty
	cd / && umount /mnt
}
`

// TestReadsWhatLinuxWrote reads volumes that mkudffs made and Linux's driver
// filled: UDF 1.02, and 2.01 with its extended file entries. Written anew, others
// find the same in them.
func TestReadsWhatLinuxWrote(t *testing.T) {
	if testing.Short() {
		t.Skip("boots a virtual machine")
	}
	kinds := []struct{ name, revision, option string }{
		{"embedded", "0x0102", "adinicb"},
		{"short", "0x0102", "noadinicb,shortad"},
		{"long, extended entries", "0x0201", "noadinicb"},
	}
	script, sum := fillScript, ""
	var disks []linuxguest.Disk
	var paths []string
	for i, k := range kinds {
		path := filepath.Join(t.TempDir(), "volume.udf")
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(path, 32<<20); err != nil {
			t.Fatal(err)
		}
		run(t, "udftools", "mkudffs", "--utf8", "-b", "2048", "--media-type=hd", "--udfrev="+k.revision, "--label=Füllung", path)
		paths = append(paths, path)
		disks = append(disks, linuxguest.Disk{Path: path, Format: "raw", Writable: true})
		script += fmt.Sprintf("fill udf /dev/vd%c %s || exit 1\n", 'a'+i, k.option)
		sum += fmt.Sprintf("echo \"== %s\"; sum udf /dev/vd%c utf8\n", k.name, 'a'+i)
	}
	got := sections(linuxguest.Run(t, script+sumScript+sum, disks...))
	var rebuilt []linuxguest.Disk
	for i, k := range kinds {
		t.Run(k.name, func(t *testing.T) {
			image := open(t, paths[i])
			if image.Label() != "Füllung" {
				t.Errorf("label %q", image.Label())
			}
			want := parseSums(t, got[k.name])
			if len(want) != 207 {
				t.Errorf("the guest wrote %d files", len(want))
			}
			same(t, "own reader", want, sums(tree(t, image)))
			// a volume that is written to keeps books of its free space
			edit := image.Edit()
			if err := edit.AddFile("x", strings.NewReader("x")); err != nil {
				t.Fatal(err)
			}
			_, err := edit.Plan(media.Options{})
			var refusal *media.RefusedError
			if !errors.As(err, &refusal) {
				t.Errorf("it was edited: %v", err)
			}
			// and is what the writer is there for
			keep := filepath.Join(filepath.Dir(paths[i]), "rebuilt.iso")
			if err := edit.Rebuild(context.Background(), keep); err != nil {
				t.Fatal(err)
			}
			rebuilt = append(rebuilt, linuxguest.Disk{Path: keep, Format: "raw"})
			all := tree(t, image)
			all["x"] = "x"
			same(t, "7z, rebuilt", all, extracted(t, keep))
			judgeUDF(t, keep, len(all))
		})
	}
	if len(rebuilt) != len(kinds) {
		t.FailNow()
	}
	again := sections(linuxguest.Run(t, sumScript+sum, rebuilt...))
	added := md5.Sum([]byte("x"))
	for _, k := range kinds {
		want := parseSums(t, got[k.name])
		want["x"] = hex.EncodeToString(added[:])
		same(t, "Linux, rebuilt, "+k.name, want, parseSums(t, again[k.name]))
	}
}
