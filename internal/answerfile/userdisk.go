package answerfile

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// minimumEFI is the least that an EFI system partition may have, in MB
// (Microsoft, "UEFI/GPT-based hard drive partitions").
const minimumEFI = 100

// filePartition is a partition as DiskConfiguration asks for it.
type filePartition struct {
	order                       int
	kind, format, label, letter string
	size                        int
	sized, extend, active       bool
}

// disk finds what keeps Setup from laying out the machine's one disk, and
// Windows' partition from being the last.
func (f userFile) disk() {
	setup := f.component(passWindowsPE, componentSetup)
	var disks []*node
	for _, n := range setup.find("DiskConfiguration").children() {
		if n.name == "Disk" {
			disks = append(disks, n)
		}
	}
	if len(disks) == 0 {
		f.p.add("DiskConfiguration", "missing in pass windowsPE; Setup stops at its disk page")
		return
	}
	if len(disks) > 1 {
		f.p.add("DiskConfiguration", "%d disks; the machine has one, with DiskID 0", len(disks))
	}
	f.diskZero("DiskConfiguration/Disk/DiskID", disks[0].child("DiskID"))
	f.diskZero("ImageInstall/OSImage/InstallTo/DiskID", setup.find("ImageInstall/OSImage/InstallTo/DiskID"))
	if !disks[0].isTrue("WillWipeDisk") {
		f.p.add("DiskConfiguration/Disk/WillWipeDisk", "not true; Setup keeps what is on the disk, and stops where it has made partitions before")
	}
	partitions := f.created(disks[0])
	f.modified(disks[0], partitions)
	f.bootable(partitions)
	if to := setup.find("ImageInstall/OSImage/InstallTo/PartitionID"); to != nil && len(partitions) > 0 {
		f.target(to, partitions)
	}
}

func (f userFile) diskZero(field string, id *node) {
	if id != nil && strings.TrimSpace(id.text) != "0" {
		f.p.add(field, "%s; the machine has one disk, whose number is 0", strings.TrimSpace(id.text))
	}
}

// created are the partitions in the order in which Setup makes them.
func (f userFile) created(disk *node) []filePartition {
	var all []filePartition
	for _, n := range disk.find("CreatePartitions").children() {
		p := filePartition{kind: strings.ToLower(strings.TrimSpace(n.value("Type"))), extend: n.isTrue("Extend"), sized: n.child("Size") != nil}
		p.order, _ = strconv.Atoi(strings.TrimSpace(n.value("Order")))
		p.size, _ = strconv.Atoi(strings.TrimSpace(n.value("Size")))
		all = append(all, p)
	}
	slices.SortStableFunc(all, func(a, b filePartition) int { return cmp.Compare(a.order, b.order) })
	for i, p := range all {
		const field = "DiskConfiguration/Disk/CreatePartitions"
		switch {
		case p.sized == p.extend:
			f.p.add(field, "partition %d has both or neither of Size and Extend; Setup wants one of them", i+1)
		case p.extend && i != len(all)-1:
			f.p.add(field, "partition %d takes the rest of the disk (Extend), but %d follow it; only the last may", i+1, len(all)-1-i)
		}
		if p.kind == "efi" && p.sized && p.size < minimumEFI {
			f.p.add(field, "the EFI partition has %d MB; the least is %d, and 260 on disks with 4K sectors", p.size, minimumEFI)
		}
		if f.a.Firmware == BIOS && (p.kind == "efi" || p.kind == "msr") {
			f.p.add("DiskConfiguration", "a partition of type %s, but the firmware is bios, whose disks have no such", strings.ToUpper(p.kind))
		}
	}
	if f.a.Firmware == BIOS && len(all) > 4 {
		f.p.add("DiskConfiguration", "%d partitions, but the firmware is bios, whose disks hold four", len(all))
	}
	return all
}

// modified reads ModifyPartitions into the partitions.
func (f userFile) modified(disk *node, partitions []filePartition) {
	const field = "DiskConfiguration/Disk/ModifyPartitions"
	letters := map[string]bool{}
	for _, n := range disk.find("ModifyPartitions").children() {
		id, _ := strconv.Atoi(strings.TrimSpace(n.value("PartitionID")))
		if id < 1 || id > len(partitions) {
			f.p.add(field, "PartitionID %d, but the disk gets %d partitions", id, len(partitions))
			continue
		}
		p := &partitions[id-1]
		p.format = strings.ToUpper(strings.TrimSpace(n.value("Format")))
		p.label = n.value("Label")
		p.letter = strings.ToUpper(strings.TrimSpace(n.value("Letter")))
		p.active = n.isTrue("Active")
		switch {
		case p.letter == "":
		case p.letter < "C" || p.letter > "W":
			f.p.add(field, "letter %s of partition %d; C to W are free in Windows PE", p.letter, id)
		case letters[p.letter]:
			f.p.add(field, "letter %s is given twice", p.letter)
		}
		letters[p.letter] = true
		if p.format == "FAT32" && len(p.label) > 11 {
			f.p.add(field, "label %q of partition %d; FAT32 takes 11 characters of ASCII, fewer of others", p.label, id)
		}
		if p.kind == "msr" && (p.format != "" || p.letter != "") {
			f.p.add(field, "partition %d is the MSR, which takes neither Format nor Letter", id)
		}
		if p.kind == "efi" && p.format != "FAT32" {
			f.p.add(field, "partition %d is the EFI partition, whose Format is FAT32", id)
		}
	}
}

// bootable: the firmware must find what to start.
func (f userFile) bootable(partitions []filePartition) {
	efi, active := 0, 0
	for _, p := range partitions {
		if p.kind == "efi" {
			efi++
		}
		if p.active {
			active++
		}
	}
	switch {
	case f.a.Firmware == UEFI && efi == 0:
		f.p.add("DiskConfiguration", "no partition of type EFI, but the firmware is uefi: Windows cannot be installed on such a disk")
	case f.a.Firmware == UEFI && efi > 1:
		f.p.add("DiskConfiguration", "%d partitions of type EFI; one is enough, and Setup takes no more", efi)
	case f.a.Firmware == UEFI && active > 0:
		f.p.add("DiskConfiguration", "an active partition, but the firmware is uefi, whose disks have none; leave Active out")
	case f.a.Firmware == BIOS && active == 0:
		f.p.add("DiskConfiguration", "no active partition, but the firmware is bios: nothing would start")
	case f.a.Firmware == BIOS && active > 1:
		f.p.add("DiskConfiguration", "%d active partitions; the firmware starts from exactly one", active)
	}
}

// target: where Windows goes.
func (f userFile) target(to *node, partitions []filePartition) {
	const field = "ImageInstall/OSImage/InstallTo/PartitionID"
	id, _ := strconv.Atoi(strings.TrimSpace(to.text))
	if id < 1 || id > len(partitions) {
		f.p.add(field, "%d, but the last partition is %d", id, len(partitions))
		return
	}
	if id != len(partitions) {
		f.p.add(field, "%d, but the last partition is %d; Windows' must be the last, or no clone can grow it", id, len(partitions))
	}
	switch p := partitions[id-1]; {
	case p.kind != "primary" && p.kind != "logical" || p.format != "NTFS":
		f.p.add(field, "%d, which is no primary partition formatted with NTFS", id)
	case p.letter != "" && p.letter != "C":
		f.p.add(field, "%d, whose letter is %s; the build wants Windows on C", id, p.letter)
	}
}

// isTrue tells whether the element at path says true.
func (n *node) isTrue(path string) bool {
	return strings.EqualFold(strings.TrimSpace(n.value(path)), "true")
}
