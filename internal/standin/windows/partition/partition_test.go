package partition

import (
	"math/rand"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// blank makes a sparse disk.
func blank(t *testing.T, size int64) *os.File {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "disk"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	if err := f.Truncate(size); err != nil {
		t.Fatal(err)
	}
	return f
}

// judge runs sfdisk or sgdisk, which know nothing of this package.
func judge(t *testing.T, pkg, name string, args ...string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		path = "/usr/sbin/" + name
	}
	out, err := exec.Command(path, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %v: %v (package %s)\n%s", name, args, err, pkg, out)
	}
	return string(out)
}

func TestGPTIsAcceptedBySfdisk(t *testing.T) {
	disk := blank(t, 4<<30)
	spans, err := WriteGPT(disk, 4<<30, rand.New(rand.NewSource(1)), []Entry{
		{MiB: 300, Type: EFISystem, Name: "EFI system partition"},
		{MiB: 16, Type: MicrosoftReserve, Name: "Microsoft reserved partition"},
		{Type: BasicData, Name: "Basic data partition"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if spans[0] != (Span{1 << 20, 300 << 20}) || spans[2].Offset != 317<<20 {
		t.Errorf("spans %+v", spans)
	}
	out := judge(t, "fdisk", "sfdisk", "--verify", disk.Name())
	if !strings.Contains(out, "No errors detected") {
		t.Errorf("sfdisk --verify: %s", out)
	}
	out = judge(t, "fdisk", "sfdisk", "--dump", disk.Name())
	for _, want := range []string{
		"label: gpt", "type=C12A7328-F81F-11D2-BA4B-00A0C93EC93B", "type=E3C9E316-0B5C-4DB8-817D-F92DF00215AE",
		"type=EBD0A0A2-B9E5-4433-87C0-68B6B72699C7", `name="EFI system partition"`, "start=        2048, size=      614400",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("sfdisk does not show %s:\n%s", want, out)
		}
	}
}

func TestMBRIsAcceptedBySfdisk(t *testing.T) {
	disk := blank(t, 2<<30)
	boot := make([]byte, 30000)
	for i := range boot {
		boot[i] = byte(i)
	}
	if _, err := WriteMBR(disk, 2<<30, rand.New(rand.NewSource(1)), boot, []Entry{
		{MiB: 500, Kind: 0x07, Active: true}, {Kind: 0x07},
	}); err != nil {
		t.Fatal(err)
	}
	out := judge(t, "fdisk", "sfdisk", "--dump", disk.Name())
	for _, want := range []string{"label: dos", "start=        2048, size=     1024000, type=7, bootable", "start=     1026048"} {
		if !strings.Contains(out, want) {
			t.Errorf("sfdisk does not show %s:\n%s", want, out)
		}
	}
	gap := make([]byte, 512)
	if _, err := disk.ReadAt(gap, 512); err != nil || gap[1] != boot[513] {
		t.Errorf("the loader's second sector is not behind the first: % x", gap[:8])
	}
}

func TestRefusals(t *testing.T) {
	for name, entries := range map[string][]Entry{
		"too large":         {{MiB: 3000}},
		"extend not last":   {{MiB: 0}, {MiB: 10}},
		"nothing left over": {{MiB: 1022}, {MiB: 0}},
	} {
		if _, err := WriteGPT(blank(t, 1<<30), 1<<30, rand.New(rand.NewSource(1)), entries); err == nil {
			t.Errorf("%s: written", name)
		}
	}
	if _, err := WriteMBR(blank(t, 1<<30), 1<<30, rand.New(rand.NewSource(1)), nil, make([]Entry, 5)); err == nil {
		t.Error("five primary partitions: written")
	}
}
