package standintest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/diskcheck"
)

// sealed is a sealed disk that tests break, one thing at a time, with other
// people's tools (ntfscp, hivexregedit, wimlib, mtools, sgdisk).
type sealed struct {
	disk  string // raw, all but drive C:
	drive string // drive C:, a volume of its own
	esp   slice
	c     slice
	hives map[string]string // a copy of each hive, by its upper-case name
	want  diskcheck.Expect
}

// slice is a part of a disk, in bytes.
type slice struct{ Start, Size int64 }

// openSealed takes a qcow2 disk apart.
func openSealed(t testing.TB, qcow2 string, want diskcheck.Expect) *sealed {
	t.Helper()
	dir := t.TempDir()
	s := &sealed{disk: filepath.Join(dir, "disk.raw"), drive: filepath.Join(dir, "c.ntfs"), hives: map[string]string{}, want: want}
	run(t, "qemu-utils", "qemu-img", "convert", "-O", "raw", qcow2, s.disk)
	s.esp, s.c = partitions(t, s.disk)
	extract(t, s.disk, s.c, s.drive, slice{0, s.c.Size})
	punch(t, s.disk, s.c)
	for _, name := range []string{"SOFTWARE", "SYSTEM", "SAM"} {
		s.hives[name] = filepath.Join(dir, name)
		if err := os.WriteFile(s.hives[name], run(t, "ntfs-3g", "ntfscat", "-f", s.drive, config+name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

const config = "Windows/System32/config/"

// partitions are the ESP and the last of the others, by sfdisk.
func partitions(t testing.TB, raw string) (esp, last slice) {
	t.Helper()
	var dump struct {
		Table struct {
			Partitions []struct {
				Start, Size int64
				Type        string
			} `json:"partitions"`
		} `json:"partitiontable"`
	}
	if err := json.Unmarshal(run(t, "fdisk", "sfdisk", "--json", raw), &dump); err != nil {
		t.Fatal(err)
	}
	for _, p := range dump.Table.Partitions {
		s := slice{p.Start * 512, p.Size * 512}
		if strings.EqualFold(p.Type, "C12A7328-F81F-11D2-BA4B-00A0C93EC93B") {
			esp = s
		} else if s.Start > last.Start {
			last = s
		}
	}
	if esp.Size == 0 || last.Size == 0 {
		t.Fatalf("no ESP, or no other partition: %+v", dump)
	}
	return esp, last
}

// broken is a copy of the disk that a test damages.
type broken struct {
	t testing.TB
	*sealed
	dir         string
	Disk, Drive string // raw files: the disk without C:, and C:
	// Want is what the check is told; a test may change it.
	Want diskcheck.Expect
	// Finish changes the image that is checked, once it is whole.
	Finish func(qcow2 string)
}

// Break makes a copy.
func (s *sealed) Break(t testing.TB) *broken {
	t.Helper()
	dir := t.TempDir()
	b := &broken{t: t, sealed: s, dir: dir, Disk: filepath.Join(dir, "disk.raw"), Drive: filepath.Join(dir, "c.ntfs"), Want: s.want}
	size, err := os.Stat(s.disk)
	if err != nil {
		t.Fatal(err)
	}
	extract(t, s.disk, slice{0, size.Size()}, b.Disk, slice{0, size.Size()})
	extract(t, s.drive, slice{0, s.c.Size}, b.Drive, slice{0, s.c.Size})
	return b
}

// Check puts the disk together and checks it.
func (b *broken) Check() *diskcheck.Report {
	b.t.Helper()
	extract(b.t, b.Drive, slice{0, b.c.Size}, b.Disk, b.c)
	// As qcow2: a raw one would be searched with all its holes.
	image := filepath.Join(b.dir, "disk.qcow2")
	run(b.t, "qemu-utils", "qemu-img", "convert", "-f", "raw", "-O", "qcow2", b.Disk, image)
	if b.Finish != nil {
		b.Finish(image)
	}
	r, err := diskcheck.Check(context.Background(), image, b.Want)
	if err != nil {
		b.t.Fatal(err)
	}
	return r
}

// Put writes a file into a folder of drive C: that is there; slashes.
func (b *broken) Put(path, text string) {
	b.t.Helper()
	local := filepath.Join(b.dir, "put")
	if err := os.WriteFile(local, []byte(text), 0o600); err != nil {
		b.t.Fatal(err)
	}
	run(b.t, "ntfs-3g", "ntfscp", "-f", "-q", b.Drive, local, path)
}

// Merge changes the registry, by lines of a .reg file below a key that begins
// with HKLM\SOFTWARE, HKLM\SYSTEM or HKLM\SAM.
func (b *broken) Merge(key string, lines ...string) {
	b.t.Helper()
	rest := strings.TrimPrefix(strings.ReplaceAll(key, "CurrentControlSet", "ControlSet001"), `HKLM\`)
	hive, path, _ := strings.Cut(rest, `\`)
	file, text := filepath.Join(b.dir, hive), filepath.Join(b.dir, "merge.reg")
	if _, err := os.Stat(file); err != nil {
		original, err := os.ReadFile(b.hives[hive])
		if err != nil {
			b.t.Fatalf("%s: %v", key, err)
		}
		if err := os.WriteFile(file, original, 0o600); err != nil {
			b.t.Fatal(err)
		}
	}
	reg := "Windows Registry Editor Version 5.00\r\n"
	for i, c := range path + `\` { // each key above it too: hivexregedit makes one level at a time
		if c == '\\' {
			reg += fmt.Sprintf("\r\n[%s]\r\n", path[:i])
		}
	}
	reg += strings.Join(lines, "\r\n") + "\r\n"
	if err := os.WriteFile(text, []byte(reg), 0o600); err != nil {
		b.t.Fatal(err)
	}
	run(b.t, "libwin-hivex-perl", "hivexregedit", "--merge", file, text)
	run(b.t, "ntfs-3g", "ntfscp", "-f", "-q", b.Drive, file, config+hive)
}

// Rebuild makes drive C: anew from its files, changed by commands of
// `wimlib-imagex update`: what deletes, or needs a folder.
func (b *broken) Rebuild(commands ...string) {
	b.t.Helper()
	wim := filepath.Join(b.dir, "c.wim")
	run(b.t, "wimtools", "wimlib-imagex", "capture", b.Drive, wim, "--compress=none", "--no-acls")
	for _, c := range commands {
		run(b.t, "wimtools", "wimlib-imagex", "update", wim, "1", "--command="+c)
	}
	if err := os.Remove(b.Drive); err != nil {
		b.t.Fatal(err)
	}
	f, err := os.Create(b.Drive)
	if err != nil {
		b.t.Fatal(err)
	}
	if err := errors.Join(f.Truncate(b.c.Size), f.Close()); err != nil {
		b.t.Fatal(err)
	}
	run(b.t, "ntfs-3g", "mkntfs", "-q", "-Q", "-F", "-p", fmt.Sprint(b.c.Start/512), "-H", "255", "-S", "63", b.Drive)
	run(b.t, "wimtools", "wimlib-imagex", "apply", wim, "1", b.Drive, "--no-acls")
}

// Write writes bytes into a raw file.
func (b *broken) Write(path string, off int64, data []byte) {
	b.t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		b.t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt(data, off); err != nil {
		b.t.Fatal(err)
	}
}

// ESP runs an mtools command on the ESP.
func (b *broken) ESP(command string, args ...string) {
	b.t.Helper()
	run(b.t, "mtools", command, append([]string{"-i", fmt.Sprintf("%s@@%d", b.Disk, b.esp.Start)}, args...)...)
}

// extract copies a part of a file over a part of another, holes as holes.
func extract(t testing.TB, from string, part slice, to string, at slice) {
	t.Helper()
	in, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	if info, err := out.Stat(); err != nil {
		t.Fatal(err)
	} else if info.Size() < at.Start+at.Size {
		if err := out.Truncate(at.Start + at.Size); err != nil {
			t.Fatal(err)
		}
	}
	end := part.Start + part.Size
	for pos := part.Start; pos < end; {
		data, err := unix.Seek(int(in.Fd()), pos, unix.SEEK_DATA)
		if errors.Is(err, unix.ENXIO) || err == nil && data >= end {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		hole, err := unix.Seek(int(in.Fd()), data, unix.SEEK_HOLE)
		if err != nil {
			t.Fatal(err)
		}
		hole = min(hole, end)
		if _, err := io.Copy(io.NewOffsetWriter(out, at.Start+data-part.Start), io.NewSectionReader(in, data, hole-data)); err != nil {
			t.Fatal(err)
		}
		pos = hole
	}
}

// punch makes a part of a file a hole.
func punch(t testing.TB, path string, part slice) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, part.Start, part.Size); err != nil {
		t.Fatal(err)
	}
}

// regName is a value's name as a .reg file has it.
func regName(name string) string {
	return `"` + regexp.MustCompile(`["\\]`).ReplaceAllString(name, `\$0`) + `"`
}
