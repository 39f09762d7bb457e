package setup

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Partition is a partition that Setup makes.
type Partition struct {
	Kind   string // EFI, MSR, Primary
	MiB    int64  // 0: what is left
	Format string // FAT32, NTFS or ""
	Label  string
	Letter string // "C" or ""
	TypeID string // GPT type GUID or MBR type byte, "" for the kind's own
	Active bool
}

// Layout is what becomes of the target disk.
type Layout struct {
	Disk       int // its number
	Partitions []Partition
	Windows    int // index of the partition that gets Windows
}

// System is the index of the partition that the firmware starts from: the EFI
// system partition, or the active one.
func (l Layout) System() int {
	for i, p := range l.Partitions {
		if p.Kind == "EFI" || p.Active {
			return i
		}
	}
	return l.Windows
}

// Sizes that Microsoft documents ("UEFI/GPT-based hard drive partitions"):
// 100 MB is the least of an EFI system partition.
const minimumEFIMiB = 100

// planDisk reads DiskConfiguration and InstallTo against the disks.
func (s *Session) planDisk(disks []Disk, needBytes int64) (Layout, *Screen) {
	setup := s.Answers.component("windowsPE", "Microsoft-Windows-Setup")
	if len(disks) == 0 {
		return Layout{}, &Screen{
			ID: "media-driver", Pass: "windowsPE", Title: "Windows Setup",
			Text:   "A media driver your computer needs is missing. / We couldn't find any drives. To get a storage driver, click Load driver.",
			Log:    "no disk: none of the drivers offered is for the disk's controller",
			Source: "antifob/incus-windows#5, virtio-win/kvm-guest-drivers-windows#1100",
		}
	}
	all := setup.all("DiskConfiguration", "Disk")
	if len(all) == 0 {
		return Layout{}, &Screen{
			ID: "disk-page", Pass: "windowsPE", Title: "Windows Setup", Text: "Where do you want to install Windows?",
			Log: "no DiskConfiguration", Source: "learn.microsoft.com: Microsoft-Windows-Setup-DiskConfiguration",
		}
	}
	target, ok := setup.number("ImageInstall/OSImage/InstallTo/DiskID")
	partition, ok2 := setup.number("ImageInstall/OSImage/InstallTo/PartitionID")
	if !ok || !ok2 {
		return Layout{}, diskScreen("ImageInstall", "no ImageInstall/OSImage/InstallTo with DiskID and PartitionID")
	}
	for _, d := range all {
		id, _ := d.number("DiskID")
		if id >= len(disks) {
			return Layout{}, diskScreen("DiskConfiguration", fmt.Sprintf("DiskID %d: the disks are 0 to %d", id, len(disks)-1))
		}
		if id == target {
			return s.layOut(d, id, disks[id], partition, needBytes)
		}
	}
	return Layout{}, diskScreen("ImageInstall", fmt.Sprintf("InstallTo DiskID %d has no DiskConfiguration", target))
}

func diskScreen(setting, detail string) *Screen {
	return &Screen{
		ID: "disk-configuration", Pass: "windowsPE", Title: "Windows Setup",
		Text:   fmt.Sprintf("Windows could not apply the unattend answer file's <%s> setting.", setting),
		Log:    detail,
		Source: "antifob/incus-windows#5",
	}
}

func (s *Session) layOut(d *node, id int, disk Disk, target int, needBytes int64) (Layout, *Screen) {
	layout := Layout{Disk: id, Windows: target - 1}
	if !d.flag("WillWipeDisk") && disk.Partitions > 0 {
		return layout, diskScreen("DiskConfiguration", fmt.Sprintf("disk %d has %d partitions and WillWipeDisk is not true", id, disk.Partitions))
	}
	created := d.all("CreatePartitions", "CreatePartition")
	slices.SortStableFunc(created, byOrder)
	for i, n := range created {
		kind, _ := n.value("Type")
		size, sized := n.number("Size")
		if extend := n.flag("Extend"); extend == sized {
			return layout, diskScreen("DiskConfiguration", fmt.Sprintf("CreatePartition %d: either Size or Extend", i+1))
		} else if extend && i != len(created)-1 {
			return layout, diskScreen("DiskConfiguration", fmt.Sprintf("CreatePartition %d: Extend before the last partition", i+1))
		}
		layout.Partitions = append(layout.Partitions, Partition{Kind: kind, MiB: int64(size)})
	}
	if screen := layout.modify(d); screen != nil {
		return layout, screen
	}
	if screen := layout.check(s.Machine.Firmware); screen != nil {
		return layout, screen
	}
	return layout, layout.checkSize(disk, needBytes)
}

func byOrder(a, b *node) int {
	x, _ := a.number("Order")
	y, _ := b.number("Order")
	return cmp.Compare(x, y)
}

func (l *Layout) modify(d *node) *Screen {
	modified := d.all("ModifyPartitions", "ModifyPartition")
	slices.SortStableFunc(modified, byOrder)
	letters := map[string]bool{}
	for _, n := range modified {
		id, _ := n.number("PartitionID")
		if id < 1 || id > len(l.Partitions) {
			return diskScreen("DiskConfiguration", fmt.Sprintf("ModifyPartition: PartitionID %d of %d", id, len(l.Partitions)))
		}
		p := &l.Partitions[id-1]
		p.Format, _ = n.value("Format")
		p.Label, _ = n.value("Label")
		p.Letter, _ = n.value("Letter")
		p.TypeID, _ = n.value("TypeID")
		p.Active = n.flag("Active")
		if p.Letter != "" {
			if letter := strings.ToUpper(p.Letter); letter < "C" || letter > "W" || letters[letter] {
				return diskScreen("DiskConfiguration", fmt.Sprintf("Letter %s: C to W, each once (X is Windows PE's own)", p.Letter))
			}
			letters[strings.ToUpper(p.Letter)] = true
		}
		if p.Format == "FAT32" && len(p.Label) > 11 {
			return diskScreen("DiskConfiguration", fmt.Sprintf("label %q is longer than FAT32's 11 bytes", p.Label))
		}
	}
	return nil
}

// check proves the layout against the firmware: GPT and an EFI system
// partition under UEFI, an active primary partition under BIOS.
func (l *Layout) check(firmware Firmware) *Screen {
	if l.Windows < 0 || l.Windows >= len(l.Partitions) {
		return diskScreen("ImageInstall", fmt.Sprintf("InstallTo PartitionID %d: the disk gets %d partitions", l.Windows+1, len(l.Partitions)))
	}
	efi, active := 0, 0
	for i, p := range l.Partitions {
		if p.Active {
			active++
		}
		switch p.Kind {
		case "EFI":
			efi++
			if p.Format != "FAT32" {
				return diskScreen("DiskConfiguration", "the EFI system partition is not formatted with FAT32")
			}
			if p.MiB < minimumEFIMiB {
				return diskScreen("DiskConfiguration", fmt.Sprintf("EFI system partition of %d MB: at least %d", p.MiB, minimumEFIMiB))
			}
		case "MSR":
			if p.Format != "" || p.Letter != "" {
				return diskScreen("DiskConfiguration", "the MSR partition can't be formatted")
			}
		case "Extended", "Logical":
			return diskScreen("DiskConfiguration", fmt.Sprintf("partition %d: the stand-in makes no %s partitions", i+1, p.Kind))
		}
		if firmware == BIOS && p.Kind != "Primary" {
			return diskScreen("DiskConfiguration", fmt.Sprintf("partition %d of type %s on a BIOS machine, whose disk has an MBR", i+1, p.Kind))
		}
	}
	windows := l.Partitions[l.Windows]
	switch {
	case windows.Kind != "Primary" || windows.Format != "NTFS":
		return diskScreen("ImageInstall", "Windows goes on a primary partition formatted with NTFS")
	case firmware == UEFI && efi != 1:
		return diskScreen("DiskConfiguration", fmt.Sprintf("%d EFI system partitions on a UEFI machine", efi))
	case firmware == UEFI && active > 0:
		return diskScreen("DiskConfiguration", "Active has no meaning on a GPT disk")
	case firmware == BIOS && active != 1:
		return diskScreen("DiskConfiguration", fmt.Sprintf("%d active partitions on a BIOS machine: it starts from exactly one", active))
	case firmware == BIOS && len(l.Partitions) > 4:
		return diskScreen("DiskConfiguration", fmt.Sprintf("%d primary partitions: an MBR holds four", len(l.Partitions)))
	}
	return nil
}

func (l *Layout) checkSize(disk Disk, needBytes int64) *Screen {
	left := disk.Bytes>>20 - 2
	for _, p := range l.Partitions {
		left -= p.MiB
	}
	if left < 0 {
		return diskScreen("DiskConfiguration", fmt.Sprintf("the partitions are %d MiB larger than the disk", -left))
	}
	room := l.Partitions[l.Windows].MiB
	if room == 0 {
		room = left
	}
	if need := needBytes>>20 + 1; room < need {
		return diskScreen("ImageInstall", fmt.Sprintf("the partition for Windows has %d MiB, the image needs %d", room, need))
	}
	return nil
}
