package libvirttest

import "testing"

// Ending is what a guest does after it has written its text.
type Ending []byte

// The endings, as real-mode code.
var (
	// Halt does nothing for ever.
	Halt = Ending{0xf4, 0xeb, 0xfd} // hlt; jmp $-1
	// PowerOff goes to ACPI's S5 through the port where SeaBIOS puts it on q35.
	PowerOff = Ending{0xba, 0x04, 0x06, 0xb8, 0x00, 0x20, 0xef, 0xf4, 0xeb, 0xfd} // mov dx,604h; mov ax,2000h; out dx,ax
	// Reset pulses the CPU's reset line through the keyboard controller.
	Reset = Ending{0xb0, 0xfe, 0xe6, 0x64, 0xf4, 0xeb, 0xfd} // mov al,feh; out 64h,al
	// Panic reports a crash to the ISA panic device.
	Panic = Ending{0xba, 0x05, 0x05, 0xb0, 0x01, 0xee, 0xf4, 0xeb, 0xfd} // mov dx,505h; mov al,1; out dx,al
	// Fill writes the disk full from its beginning, with copies of the boot sector and what follows it. For a guest
	// without text: the BIOS's drive number must still be in dl.
	Fill = Ending{
		0x66, 0x31, 0xff, // xor edi, edi
		0x66, 0x6a, 0x00, // push dword 0       next: the packet of int 13h, function 43h, from its end
		0x66, 0x57, // push edi
		0x6a, 0x00, // push 0
		0x68, 0x00, 0x7c, // push 7c00h
		0x6a, 0x10, // push 16
		0x6a, 0x10, // push 16
		0x89, 0xe6, // mov si, sp
		0xb8, 0x00, 0x43, // mov ax, 4300h
		0xcd, 0x13, // int 13h
		0x83, 0xc4, 0x10, // add sp, 16
		0x66, 0x83, 0xc7, 0x10, // add edi, 16
		0xeb, 0xe2, // jmp next
	}
	// Again writes the text once more, for ever, with a pause of a timer tick (55 ms).
	Again = Ending{0xf4, 0xe9, 0x00, 0x00} // hlt; jmp start (offset filled in)
)

// The sector's parts: code, and the text behind it.
const (
	sectorSize = 512
	textAt     = 0x60
	againAt    = 0x1b // where the text's address is loaded
)

// Guest is a boot sector that waits some ticks of the timer (55 ms each), writes text to COM1 and then does the ending.
// text has at most 400 bytes.
func Guest(t testing.TB, text string, ticks byte, ending Ending) []byte {
	t.Helper()
	code := []byte{
		0xfa,       // cli
		0x31, 0xc0, // xor ax, ax
		0x8e, 0xd8, // mov ds, ax
		0x8e, 0xd0, // mov ss, ax
		0xbc, 0x00, 0x7c, // mov sp, 7c00h
		0xfc,                   // cld
		0xfb,                   // sti
		0x8b, 0x1e, 0x6c, 0x04, // mov bx, [46ch]
		0x83, 0xc3, ticks, // add bx, ticks
		0xf4,             // hlt                wait:
		0xa1, 0x6c, 0x04, // mov ax, [46ch]
		0x29, 0xd8, // sub ax, bx
		0x78, 0xf8, // js wait
		0xbe, textAt, 0x7c, // mov si, text
		0xac,       // lodsb              next:
		0x84, 0xc0, // test al, al
		0x74, 0x12, // jz ending
		0x88, 0xc4, // mov ah, al
		0xba, 0xfd, 0x03, // mov dx, 3fdh
		0xec,       // in al, dx          busy:
		0xa8, 0x20, // test al, 20h
		0x74, 0xfb, // jz busy
		0xba, 0xf8, 0x03, // mov dx, 3f8h
		0x88, 0xe0, // mov al, ah
		0xee,       // out dx, al
		0xeb, 0xe9, // jmp next
	}
	if &ending[0] == &Again[0] {
		back := againAt - (len(code) + len(ending))
		ending = Ending{0xf4, 0xe9, byte(back), byte(back >> 8)}
	}
	code = append(code, ending...)
	if len(code) > textAt || textAt+len(text)+1 > sectorSize-2 || ticks > 127 {
		t.Fatalf("the guest does not fit a sector: code %d, text %d, ticks %d", len(code), len(text), ticks)
	}
	sector := make([]byte, sectorSize)
	copy(sector, code)
	copy(sector[textAt:], text)
	sector[sectorSize-2], sector[sectorSize-1] = 0x55, 0xaa
	return sector
}
