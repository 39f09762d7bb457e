package partition

import (
	"math/rand"
	"os"
	"path/filepath"
	"testing"

	"github.com/diskfs/go-diskfs/partition/gpt"
	"github.com/diskfs/go-diskfs/partition/mbr"
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

func TestGPTIsReadByOthers(t *testing.T) {
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
	table, err := gpt.Read(disk, 512, 512)
	if err != nil {
		t.Fatalf("go-diskfs: %v", err)
	}
	if table.RecoveredFromBackup || !table.ProtectiveMBR {
		t.Errorf("primary table bad, or no protective MBR: %+v", table)
	}
	if err := table.Verify(disk, 4<<30); err != nil {
		t.Errorf("go-diskfs, backup table: %v", err)
	}
	for i, want := range []struct {
		kind, name   string
		start, bytes uint64
	}{
		{"C12A7328-F81F-11D2-BA4B-00A0C93EC93B", "EFI system partition", 2048, 300 << 20},
		{"E3C9E316-0B5C-4DB8-817D-F92DF00215AE", "Microsoft reserved partition", 616448, 16 << 20},
		{"EBD0A0A2-B9E5-4433-87C0-68B6B72699C7", "Basic data partition", 649216, 3778 << 20},
	} {
		p := table.Partitions[i]
		if string(p.Type) != want.kind || p.Name != want.name || p.Start != want.start || p.Size != want.bytes {
			t.Errorf("partition %d: type %s, name %q, start %d, %d MiB", i+1, p.Type, p.Name, p.Start, p.Size>>20)
		}
	}
}

func TestMBRIsReadByOthers(t *testing.T) {
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
	table, err := mbr.Read(disk, 512, 512)
	if err != nil {
		t.Fatalf("go-diskfs: %v", err)
	}
	for i, want := range []mbr.Partition{
		{Bootable: true, Type: mbr.NTFS, Start: 2048, Size: 500 << 11},
		{Type: mbr.NTFS, Start: 501 << 11, Size: (2048 - 501) << 11},
	} {
		p := table.Partitions[i]
		if p.Bootable != want.Bootable || p.Type != want.Type || p.Start != want.Start || p.Size != want.Size {
			t.Errorf("partition %d: %+v", i+1, p)
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
