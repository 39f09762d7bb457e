package partition

import (
	"bytes"
	"math/rand"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// judge asks sfdisk what it sees.
func judge(t *testing.T, f *os.File) string {
	t.Helper()
	path, err := exec.LookPath("/usr/sbin/sfdisk")
	if err != nil {
		t.Fatal("sfdisk is missing: apt-get install fdisk")
	}
	out, err := exec.Command(path, "--dump", f.Name()).CombinedOutput()
	if err != nil || bytes.Contains(out, []byte("warning")) {
		t.Fatalf("sfdisk: %v\n%s", err, out)
	}
	return string(out)
}

// TestTableChanges shrinks Windows, puts a recovery partition behind it, and
// takes that away again, as Setup and its undoing do.
func TestTableChanges(t *testing.T) {
	random := rand.New(rand.NewSource(1))
	gpt, mbr := blank(t, 4<<30), blank(t, 4<<30)
	if _, err := WriteGPT(gpt, 4<<30, random, []Entry{{MiB: 300, Type: EFISystem}, {MiB: 16, Type: MicrosoftReserve}, {Type: BasicData}}); err != nil {
		t.Fatal(err)
	}
	if _, err := WriteMBR(mbr, 4<<30, random, []byte("loader"), []Entry{{MiB: 500, Kind: 7, Active: true}, {Kind: 7}}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		disk    *os.File
		windows int
		says    string
	}{
		{gpt, 3, "DE94BBA4-06D1-4D40-A16A-BFD50179D6AC"},
		{mbr, 2, "type=27"},
	} {
		before := judge(t, c.disk)
		change := func(do func(*Table) error) *Table {
			t.Helper()
			table, err := Read(c.disk, 4<<30)
			if err != nil {
				t.Fatal(err)
			}
			if err := do(table); err != nil {
				t.Fatal(err)
			}
			if err := table.Write(c.disk); err != nil {
				t.Fatal(err)
			}
			return table
		}
		var added int
		table := change(func(table *Table) error {
			windows, err := table.find(c.windows)
			if err != nil {
				return err
			}
			if err := table.Resize(c.windows, windows.Size-682<<20); err != nil {
				return err
			}
			added, err = table.AddRecovery(c.windows, random)
			return err
		})
		last := table.Partitions[len(table.Partitions)-1]
		if added != c.windows+1 || last.Number != added || !last.Recovery() || last.Size != 682<<20 {
			t.Errorf("added %d: %+v", added, last)
		}
		after := judge(t, c.disk)
		if !strings.Contains(after, c.says) || c.disk == gpt && !strings.Contains(after, `attrs="RequiredPartition GUID:63"`) {
			t.Errorf("sfdisk sees\n%s", after)
		}
		change(func(table *Table) error {
			if err := table.Remove(added); err != nil {
				return err
			}
			room, err := table.Room(c.windows)
			if err != nil {
				return err
			}
			return table.Resize(c.windows, room)
		})
		if now := judge(t, c.disk); now != before {
			t.Errorf("sfdisk sees\n%s, before\n%s", now, before)
		}
	}
}

func TestTableRefusals(t *testing.T) {
	disk := blank(t, 1<<30)
	if _, err := Read(disk, 1<<30); err == nil {
		t.Error("a blank disk was read")
	}
	if _, err := WriteMBR(disk, 1<<30, rand.New(rand.NewSource(1)), nil, []Entry{{MiB: 10, Kind: 7}, {MiB: 10, Kind: 7}, {MiB: 10, Kind: 7}, {MiB: 10, Kind: 7}}); err != nil {
		t.Fatal(err)
	}
	table, err := Read(disk, 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	if table.Resize(1, 11<<20) == nil || table.Resize(5, 1<<20) == nil || table.Remove(5) == nil {
		t.Error("an impossible change was made")
	}
	if _, err := table.AddRecovery(4, nil); err == nil {
		t.Error("a fifth primary partition")
	}
	if _, err := table.AddRecovery(1, nil); err == nil {
		t.Error("a partition where none fits")
	}
}
