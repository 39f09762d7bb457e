package libvirtapi

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	golibvirt "github.com/digitalocean/go-libvirt"
	"libvirt.org/go/libvirtxml"
)

// How long the probe's guest and the taking away of its things may take. Under a KVM that works the guest's line comes
// within a second.
const (
	probeLimit   = 5 * time.Second
	probeCleanup = 10 * time.Second
	probeTurn    = 30 * time.Second
)

// ProbeName is the name of the probe's domain, and begins that of its volume. The domain's is always the same, since
// libvirt keeps a log file for every name that there ever was.
const ProbeName = "wintemplate-kvm-probe"

// probeDiskSize is what SeaBIOS takes for a disk; it boots none of one sector.
const probeDiskSize = 1 << 20

// Probe is the answer of ProbeKVM.
type Probe struct {
	Accelerator Accelerator // KVM when a guest really ran, else TCG
	Reason      string      // why not KVM, for the user; empty for KVM
}

// ProbeKVM runs a tiny guest under KVM and demands output from it within a few seconds: a /dev/kvm that can be
// opened proves nothing, and there are machines (virtual ones, above all) on which a guest then hangs. The guest is a
// boot sector on a volume in pool. It answers within eight seconds and leaves nothing behind; should the plugin be
// killed, libvirt ends the guest by itself. err is for a libvirt or pool that failed, not for a missing KVM.
func (c *Conn) ProbeKVM(ctx context.Context, pool string) (Probe, error) {
	host, err := c.Host(ctx)
	if err != nil {
		return Probe{}, err
	}
	if !host.KVM {
		return Probe{TCG, "libvirt offers no KVM on this host: hardware virtualization is off in its firmware, " +
			"nested virtualization is off on the machine that it runs on, or /dev/kvm is not there"}, nil
	}
	return c.probe(ctx, pool, KVM, probeSector(), probeLimit)
}

// probe runs the sector's guest with an accelerator, and waits that long for its line; TCG is for the tests.
func (c *Conn) probe(ctx context.Context, pool string, acc Accelerator, sector []byte, limit time.Duration) (Probe, error) {
	disk, remove, err := c.probeDisk(ctx, pool, sector)
	if err != nil {
		return Probe{}, err
	}
	defer remove()
	return c.probeGuest(ctx, acc, disk, limit)
}

// probeDisk makes the volume with the boot sector.
func (c *Conn) probeDisk(ctx context.Context, pool string, image []byte) (Volume, func(), error) {
	var id [4]byte
	_, _ = rand.Read(id[:])
	v, err := c.CreateVolume(ctx, pool, VolumeSpec{Name: ProbeName + "-" + hex.EncodeToString(id[:]), Format: "raw", Capacity: probeDiskSize})
	if err != nil {
		return Volume{}, nil, err
	}
	remove := func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), probeCleanup)
		defer cancel()
		_ = c.DeleteVolume(ctx, v)
	}
	if _, err := c.UploadVolume(ctx, v, bytes.NewReader(image), int64(len(image)), nil); err != nil {
		remove()
		return Volume{}, nil, err
	}
	return v, remove, nil
}

// probeGuest runs the guest. It is transient and dies with the connection that made it.
func (c *Conn) probeGuest(ctx context.Context, acc Accelerator, disk Volume, limit time.Duration) (Probe, error) {
	doc, err := probeXML(acc, ProbeName, disk.Path)
	if err != nil {
		return Probe{}, err
	}
	l, err := c.fresh(ctx)
	if err != nil {
		return Probe{}, err
	}
	defer l.close()
	started, err := c.startProbe(ctx, l, doc)
	if err != nil {
		var e *Error
		if errors.As(err, &e) && e.Code != 0 {
			return Probe{TCG, "a test guest under KVM does not start: " + strings.Join(strings.Fields(e.Message), " ")}, nil
		}
		return Probe{}, err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), probeCleanup)
		defer cancel()
		_ = c.Destroy(ctx, started)
	}()
	return c.probeOutput(ctx, acc, started, limit)
}

// startProbe waits its turn when another build probes just now: a name that is taken says nothing about KVM.
func (c *Conn) startProbe(ctx context.Context, l *link, doc string) (Domain, error) {
	turn := time.Now().Add(probeTurn)
	for {
		d, err := on(ctx, l, "start domain", ProbeName, c.limits.act, func(r *golibvirt.Libvirt) (Domain, error) {
			d, err := r.DomainCreateXML(doc, golibvirt.DomainStartPaused|golibvirt.DomainStartAutodestroy)
			return domainOf(d), err
		})
		if err == nil || !c.probeTaken(ctx, err) {
			return d, err
		}
		if time.Now().After(turn) {
			return Domain{}, fmt.Errorf("probe KVM: the domain %q of another build has not ended in %s; remove it with: virsh destroy %s", ProbeName, probeTurn, ProbeName)
		}
		select {
		case <-ctx.Done():
			return Domain{}, ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// probeTaken says whether err came of another probe with the same name: libvirt then answers OPERATION_INVALID, or
// OPERATION_FAILED ("domain already exists with uuid"), which a QEMU that does not start may give as well.
func (c *Conn) probeTaken(ctx context.Context, err error) bool {
	if errors.Is(err, ErrState) || errors.Is(err, ErrExists) {
		return true
	}
	var e *Error
	if !errors.As(err, &e) || golibvirt.ErrorNumber(e.Code) != golibvirt.ErrOperationFailed {
		return false
	}
	if strings.Contains(e.Message, ProbeName) { // it may have ended by now
		return true
	}
	_, found := c.LookupDomain(ctx, ProbeName)
	return found == nil
}

// probeOutput lets the guest run and waits for its line.
func (c *Conn) probeOutput(ctx context.Context, acc Accelerator, d Domain, patience time.Duration) (Probe, error) {
	con, err := c.Console(ctx, d)
	if err != nil {
		return Probe{}, err
	}
	defer con.Close()
	if err := c.Resume(ctx, d); err != nil {
		return Probe{}, err
	}
	limit := time.NewTimer(patience)
	defer limit.Stop()
	for {
		select {
		case line, open := <-con.Lines():
			if !open {
				return Probe{TCG, "a test guest under KVM ended before it had written anything"}, con.Err()
			}
			if strings.Contains(line.Text, probeLine) {
				return Probe{Accelerator: acc}, nil
			}
		case <-limit.C:
			return Probe{TCG, fmt.Sprintf("/dev/kvm is there, but a test guest wrote nothing within %s: "+
				"guests hang under it, as with broken nested virtualization", patience)}, nil
		case <-ctx.Done():
			return Probe{}, ctx.Err()
		}
	}
}

// probeXML is the smallest machine that is like the real one: q35, the same CPU, a disk that its BIOS can boot. Pure.
func probeXML(acc Accelerator, name, disk string) (string, error) {
	spec := DomainSpec{Accelerator: acc, Firmware: BIOS, CPUs: 1}
	var zero uint
	d := libvirtxml.Domain{
		Type:       string(acc),
		Name:       name,
		Memory:     &libvirtxml.DomainMemory{Value: 32, Unit: "MiB"},
		VCPU:       &libvirtxml.DomainVCPU{Value: 1},
		OS:         osXML(spec),
		Features:   &libvirtxml.DomainFeatureList{ACPI: &libvirtxml.DomainFeature{}, APIC: &libvirtxml.DomainFeatureAPIC{}},
		CPU:        cpuXML(spec),
		OnPoweroff: "destroy", OnReboot: "destroy", OnCrash: "destroy",
		Devices: &libvirtxml.DomainDeviceList{
			Disks: []libvirtxml.DomainDisk{diskXML(DiskSpec{Path: disk, Format: "raw", Bus: SATA, BootOrder: 1}, "sda")},
			Controllers: []libvirtxml.DomainController{
				{Type: "usb", Index: &zero, Model: "none"},
			},
			Serials: []libvirtxml.DomainSerial{{
				Source: &libvirtxml.DomainChardevSource{Pty: &libvirtxml.DomainChardevSourcePty{}},
			}},
			MemBalloon: &libvirtxml.DomainMemBalloon{Model: "none"},
		},
	}
	return d.Marshal()
}

// probeLine is what the guest writes to COM1.
const probeLine = "wintemplate: KVM runs"

// probeSector is the guest: a boot sector that waits for two ticks of the timer, so that interrupts are proved too, and
// then writes probeLine to COM1.
func probeSector() []byte {
	const text = 0x80 // where the text stands in the sector
	code := []byte{
		0xfa,       // cli
		0x31, 0xc0, // xor ax, ax
		0x8e, 0xd8, // mov ds, ax
		0x8e, 0xd0, // mov ss, ax
		0xbc, 0x00, 0x7c, // mov sp, 7c00h
		0xfc,                   // cld
		0xfb,                   // sti
		0x8b, 0x1e, 0x6c, 0x04, // mov bx, [46ch]     the BIOS's count of timer ticks
		0x83, 0xc3, 0x02, // add bx, 2
		0xf4,             // hlt                wait:
		0xa1, 0x6c, 0x04, // mov ax, [46ch]
		0x29, 0xd8, // sub ax, bx
		0x78, 0xf8, // js wait
		0xbe, text, 0x7c, // mov si, text
		0xac,       // lodsb              next:
		0x84, 0xc0, // test al, al
		0x74, 0x12, // jz end
		0x88, 0xc4, // mov ah, al
		0xba, 0xfd, 0x03, // mov dx, 3fdh       line status
		0xec,       // in al, dx          busy:
		0xa8, 0x20, // test al, 20h
		0x74, 0xfb, // jz busy
		0xba, 0xf8, 0x03, // mov dx, 3f8h       data
		0x88, 0xe0, // mov al, ah
		0xee,       // out dx, al
		0xeb, 0xe9, // jmp next
		0xf4,       // hlt                end:
		0xeb, 0xfd, // jmp end
	}
	sector := make([]byte, 512)
	copy(sector, code)
	copy(sector[text:], probeLine+"\r\n\x00")
	sector[510], sector[511] = 0x55, 0xaa
	return sector
}
