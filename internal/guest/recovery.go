package guest

import "time"

// RecoveryRemoveParameters say what becomes of a recovery partition that lies
// behind drive C:.
type RecoveryRemoveParameters struct {
	// Keep only reports, and leaves the disk and Windows RE as they are.
	Keep bool `json:"keep"`
}

// RecoveryPartition is a partition of the Windows RE type: DE94BBA4-… on GPT,
// 0x27 on MBR.
type RecoveryPartition struct {
	Number int    `json:"number"` // as Windows counts, from 1
	Offset int64  `json:"offset"` // bytes
	Size   int64  `json:"size"`   // bytes
	Type   string `json:"type"`   // GPT type GUID, or mbr-0x27
}

// RecoveryRemoveResult tells how the system disk stands afterwards.
type RecoveryRemoveResult struct {
	// Removed lay behind drive C:; Kept lie before it, or were to be kept.
	Removed []RecoveryPartition `json:"removed"`
	Kept    []RecoveryPartition `json:"kept"`
	// Disabled says that this run switched Windows RE off; it may have been
	// off before.
	Disabled bool `json:"disabled"`
	// SizeBefore and SizeAfter are drive C:'s, in bytes.
	SizeBefore int64 `json:"size_before"`
	SizeAfter  int64 `json:"size_after"`
}

// RecoveryRemove takes away the recovery partition that Setup puts behind drive
// C: (Windows Server 2022 and 2025, Windows 11: unattend-generator#11,
// packer-examples-for-vsphere#1043) and extends C: to the end of the disk.
// Anything else behind C: is an error, and nothing is changed then.
var RecoveryRemove = define[RecoveryRemoveParameters, RecoveryRemoveResult]("recovery.remove", 20*time.Minute, true, "recovery-remove")
