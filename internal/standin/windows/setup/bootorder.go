package setup

import "slices"

// BootOrder is what the firmware tries, and who presses a key when the CD asks
// for one.
type BootOrder struct {
	// CDFirst says that the CD stands before the disk.
	CDFirst bool
	// Prompt says that the CD asks "Press any key to boot from CD or DVD" and
	// gives the machine back to its firmware when none comes.
	Prompt bool
	// Keys are the starts at which a key is pressed, from 1.
	Keys []int
}

// Play starts the machine with an empty disk and the restarts that an
// installation takes: Windows PE, then Windows from its disk for good. When the
// CD starts although Windows is on the disk, an answer file with WillWipeDisk
// installs it anew, again and again: nothing asks.
func (b BootOrder) Play() *Screen {
	const starts = 3 // Windows PE, the specialize pass, the first logon
	installed := false
	for start := 1; start <= starts; start++ {
		fromCD := !b.Prompt || slices.Contains(b.Keys, start)
		switch {
		case installed && (!b.CDFirst || !fromCD):
			// Windows goes on from its disk.
		case !fromCD:
			return &Screen{
				ID: "no-boot-device", Pass: "windowsPE", Title: "UEFI Interactive Shell", Text: "No bootable option or device was found.",
				Log: "nobody pressed a key when the CD asked for one", Source: "dockur/windows: src/power.sh",
			}
		case installed:
			return &Screen{
				ID: "setup-again", Pass: "windowsPE", Title: "Windows Setup", Text: "Windows Setup begins from the start.",
				Log:    "the CD started although Windows is on the disk: it comes first and " + map[bool]string{true: "a key was pressed again", false: "asks for no key"}[b.Prompt],
				Source: "dockur/windows: boot order; rgl/windows-vagrant: keys at the first start only",
			}
		default:
			installed = true
		}
	}
	return nil
}
