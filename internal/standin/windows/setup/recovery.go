package setup

// recoveryMiB is what Setup of build 26100 gives the recovery partition
// (vmware/packer-examples-for-vsphere#1043).
const recoveryMiB = 682

// RecoveryMiB is the size of the recovery partition that Setup puts behind
// Windows after its restart, by shrinking drive C:; 0 when it does not.
// Server 2022 and Windows 11 do so when the answer file has made none. Build
// 26100 does so beside one that is too small for its Winre.wim as well
// (vmware/packer-examples-for-vsphere#1043), at a stage after Windows PE, so
// that no disk layout prevents it (cschneegans/unattend-generator#11). Older
// ones put Windows RE into C:\Recovery then (pbatard/rufus#2718).
func (l Layout) RecoveryMiB(build int) int64 {
	if build < 20348 {
		return 0
	}
	for _, p := range l.Partitions {
		if p.Recovery() && (build < 26100 || p.MiB >= recoveryMiB) {
			return 0
		}
	}
	return recoveryMiB
}

// Recovery says that the partition is of Windows RE's type.
func (p Partition) Recovery() bool {
	switch p.TypeID {
	case "DE94BBA4-06D1-4D40-A16A-BFD50179D6AC", "de94bba4-06d1-4d40-a16a-bfd50179d6ac", "0x27", "27":
		return true
	}
	return false
}
