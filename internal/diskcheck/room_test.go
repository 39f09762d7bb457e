package diskcheck

import (
	"context"
	"encoding/binary"
	"os"
	"strings"
	"testing"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/handoff"
)

// finding is the report's finding of that id.
func (r *Report) finding(t *testing.T, id string) Finding {
	t.Helper()
	for _, f := range r.Findings {
		if f.ID == id {
			return f
		}
	}
	t.Fatalf("no finding %s", id)
	return Finding{}
}

// TestRoomBehindWindows: a partition behind drive C: is found on both kinds of
// disks, and only a recovery partition can be wanted there.
func TestRoomBehindWindows(t *testing.T) {
	for _, c := range []struct {
		name, firmware, behind string
		keep                   bool
		severity               handoff.Severity
		says                   string
	}{
		{"recovery, GPT", UEFI, "2700", false, handoff.Fail, "partition 4 (recovery, 1 MiB)"},
		{"recovery, MBR", BIOS, "2700", false, handoff.Fail, "partition 3 (recovery, 1 MiB)"},
		{"data, GPT", UEFI, "0700", false, handoff.Fail, "partition 4 (basic, 1 MiB)"},
		{"data, MBR", BIOS, "0700", false, handoff.Fail, "partition 3 (basic, 1 MiB)"},
		{"recovery that is wanted, GPT", UEFI, "2700", true, handoff.OK, "which was to be kept"},
		{"recovery that is wanted, MBR", BIOS, "2700", true, handoff.OK, "which was to be kept"},
		{"data where recovery is wanted", UEFI, "0700", true, handoff.Fail, "basic"},
		{"nothing, though wanted", UEFI, "", true, handoff.OK, "the last partition"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := good(c.firmware)
			s.Behind, s.want.KeepRecovery = c.behind, c.keep
			r := s.check(t)
			f := r.finding(t, "windows-last")
			if f.Severity != c.severity || !strings.Contains(f.Found, c.says) {
				t.Errorf("%s: %s", f.Severity, f.Found)
			}
			if c.severity == handoff.Fail && (f.Remedy == "" || len(r.Bad()) != 1) {
				t.Errorf("remedy %q; %v", f.Remedy, r.Err())
			}
		})
	}
}

// TestFileSystemFillsPartition: the partition grew, the file system did not,
// or the other way round.
func TestFileSystemFillsPartition(t *testing.T) {
	t.Parallel()
	s := good(BIOS)
	s.finish()
	path := s.Raw(t, t.TempDir())
	for name, by := range map[string]int64{"smaller": 3 << 20, "larger": -(1 << 20)} {
		image, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		const second = 446 + 16
		at := int64(binary.LittleEndian.Uint32(image[second+8:])) * sector
		sectors := binary.LittleEndian.Uint64(image[at+40:])
		binary.LittleEndian.PutUint64(image[at+40:], uint64(int64(sectors)-by/sector))
		damaged := t.TempDir() + "/disk.raw"
		if err := os.WriteFile(damaged, image, 0o600); err != nil {
			t.Fatal(err)
		}
		r, err := Check(context.Background(), damaged, s.want)
		if err != nil {
			t.Fatal(err)
		}
		if f := r.finding(t, "windows-filled"); f.Severity != handoff.Fail || f.Remedy == "" {
			t.Errorf("%s: %+v", name, f)
		}
	}
}
