package setup

import "testing"

func TestRecoveryMiB(t *testing.T) {
	windows := Partition{Kind: "Primary", Format: "NTFS", Letter: "C"}
	recovery := func(mib int64) Partition {
		return Partition{Kind: "Primary", Format: "NTFS", MiB: mib, TypeID: "DE94BBA4-06D1-4D40-A16A-BFD50179D6AC"}
	}
	for _, c := range []struct {
		build      int
		partitions []Partition
		want       int64
	}{
		{14393, []Partition{windows}, 0},
		{17763, []Partition{windows}, 0},
		{19045, []Partition{windows}, 0},
		{20348, []Partition{windows}, recoveryMiB},
		{20348, []Partition{recovery(550), windows}, 0},
		{26100, []Partition{windows}, recoveryMiB},
		{26100, []Partition{recovery(550), windows}, recoveryMiB},
		{26100, []Partition{recovery(1000), windows}, 0},
		{26100, []Partition{{MiB: 1000, TypeID: "0x27"}, windows}, 0},
	} {
		if got := (Layout{Partitions: c.partitions}).RecoveryMiB(c.build); got != c.want {
			t.Errorf("build %d, %d partitions: %d MiB, want %d", c.build, len(c.partitions), got, c.want)
		}
	}
}
