// Package standintest boots the stand-in under QEMU without libvirt and
// without the plugin, for the tests of the stand-in itself.
package standintest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/windows/hand"
)

// Spec is a virtual machine.
type Spec struct {
	Firmware string   // "uefi" (when empty) or "bios"
	Disk     string   // qcow2, see NewDisk
	Bus      string   // "virtio-blk" (when empty), "virtio-scsi" or "sata"
	CDs      []string // ISO files, or qcow2 overlays over one, on SATA
	// CDsOnSCSI puts the CDs on virtio-scsi instead.
	CDsOnSCSI bool
	// ExtraSCSI adds a virtio-scsi controller without a disk.
	ExtraSCSI bool
	// LinkDown starts the network adapter without a cable, see VM.SetLink.
	LinkDown bool
	// Address is where the host listens for the guest's WinRM; 127.0.0.1 and a
	// free port when empty. One that the guest can reach, too, lets it pull files.
	Address string
	// CPU is QEMU's model; "max" when empty.
	CPU string
	// MemoryMiB is 768 when 0.
	MemoryMiB int
	// TPM gives the machine a TPM 2.0.
	TPM bool

	tpm string // socket of its emulator
}

// VM is a running machine.
type VM struct {
	// Host and Port lead to the guest's 5986.
	Host    string
	Port    int
	dir     string
	cmd     *exec.Cmd
	ended   chan error
	control *qmp
	hand    *handClient
	// loopback is a port of 127.0.0.1 that leads to the guest's 5986, too
	loopback int
}

// NewDisk makes a blank qcow2 disk in the test's folder.
func NewDisk(t testing.TB, gib int) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "disk.qcow2")
	run(t, "qemu-utils", "qemu-img", "create", "-q", "-f", "qcow2", path, strconv.Itoa(gib)+"G")
	return path
}

// Overlay makes a disk over another one, which stays as it is.
func Overlay(t testing.TB, disk string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "clone.qcow2")
	run(t, "qemu-utils", "qemu-img", "create", "-q", "-f", "qcow2", "-b", disk, "-F", "qcow2", path)
	return path
}

// run runs a tool of the test and fails with the Debian package that has it.
func run(t testing.TB, pkg, name string, args ...string) []byte {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("%s is not installed: apt-get install %s", name, pkg)
	}
	out, err := exec.Command(path, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return out
}

// Firmware images of Debian's ovmf package.
const (
	ovmfCode = "/usr/share/OVMF/OVMF_CODE_4M.fd"
	ovmfVars = "/usr/share/OVMF/OVMF_VARS_4M.fd"
)

// Start boots a machine by QEMU's own emulation (a host's KVM may be there and
// not work). It is stopped when the test ends.
func Start(t testing.TB, s Spec) *VM {
	t.Helper()
	qemu, err := exec.LookPath("qemu-system-x86_64")
	if err != nil {
		t.Fatal("qemu-system-x86_64 is not installed: apt-get install qemu-system-x86")
	}
	if s.Address == "" {
		s.Address = "127.0.0.1"
	}
	vm := &VM{dir: t.TempDir(), Host: s.Address, ended: make(chan error, 1)}
	if s.TPM {
		s.tpm = startTPM(t)
	}
	args, err := s.arguments(vm.dir)
	if err != nil {
		t.Fatal(err)
	}
	vm.cmd = exec.Command(qemu, args...)
	var said bytes.Buffer
	vm.cmd.Stderr = &said
	if err := vm.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		err := vm.cmd.Wait()
		if err != nil {
			err = fmt.Errorf("%w: %s", err, said.Bytes())
		}
		vm.ended <- err
	}()
	t.Cleanup(func() {
		vm.Stop() // before its files go
		if t.Failed() {
			t.Logf("COM1:\n%s\nCOM2:\n%s", vm.Console(), vm.Log())
		}
	})
	if vm.control, err = dialQMP(filepath.Join(vm.dir, "qmp")); err != nil {
		t.Fatalf("QEMU does not start: %v\n%s", err, said.Bytes())
	}
	t.Cleanup(vm.control.close)
	vm.Port, vm.loopback = vm.forward(t, s.Address), vm.forward(t, "127.0.0.1")
	if s.LinkDown {
		vm.SetLink(t, false)
	}
	if vm.hand, err = dialHand(filepath.Join(vm.dir, handSocket)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(vm.hand.close)
	vm.command(t, "cont", nil)
	return vm
}

// forward has QEMU listen for the guest's 5986, and gives the port: one that
// was free a moment ago, or the next, when somebody else has taken it meanwhile.
func (vm *VM) forward(t testing.TB, address string) int {
	t.Helper()
	var said string
	for range 10 {
		port, err := freePort(address)
		check(t, err)
		answer, err := vm.control.ask("human-monitor-command", map[string]any{
			"command-line": fmt.Sprintf("hostfwd_add lan tcp:%s:%d-:5986", address, port),
		})
		check(t, err)
		check(t, json.Unmarshal(answer, &said))
		if said == "" {
			return port
		}
	}
	t.Fatalf("QEMU forwards no port of %s: %s", address, said)
	return 0
}

func freePort(address string) (int, error) {
	l, err := net.Listen("tcp", net.JoinHostPort(address, "0"))
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// arguments are QEMU's; the machine is like the one that the plugin defines.
func (s Spec) arguments(dir string) ([]string, error) {
	cpu := s.CPU
	if cpu == "" {
		cpu = "max"
	}
	memory := s.MemoryMiB
	if memory == 0 {
		memory = 768
	}
	args := []string{
		"-machine", "q35,accel=tcg", "-cpu", cpu, "-smp", "2", "-m", strconv.Itoa(memory), "-S",
		"-display", "none", "-vga", "std", "-nodefaults", "-no-user-config",
		"-serial", "file:" + filepath.Join(dir, "com1"),
		"-chardev", "socket,id=com2,server=on,wait=off,path=" + filepath.Join(dir, handSocket) + ",logfile=" + filepath.Join(dir, "com2"),
		"-serial", "chardev:com2",
		"-qmp", "unix:" + filepath.Join(dir, "qmp") + ",server=on,wait=off",
		"-netdev", "user,id=lan", "-device", "virtio-net-pci,netdev=lan,id=nic",
		"-drive", "if=none,id=disk,format=qcow2,cache=unsafe,discard=unmap,file=" + s.Disk,
	}
	switch s.Bus {
	case "", "virtio-blk":
		args = append(args, "-device", "virtio-blk-pci,drive=disk,bootindex=1")
	case "virtio-scsi":
		args = append(args, "-device", "virtio-scsi-pci", "-device", "scsi-hd,drive=disk,bootindex=1")
	case "sata":
		args = append(args, "-device", "ide-hd,drive=disk,bus=ide.5,bootindex=1")
	default:
		return nil, fmt.Errorf("bus %q", s.Bus)
	}
	if s.ExtraSCSI || s.CDsOnSCSI {
		args = append(args, "-device", "virtio-scsi-pci,id=extra")
	}
	for i, cd := range s.CDs {
		format := "raw"
		if filepath.Ext(cd) == ".qcow2" {
			format = "qcow2"
		}
		at := fmt.Sprintf("ide-cd,drive=cd%d,bus=ide.%d,bootindex=%d", i, i, 2+i)
		if s.CDsOnSCSI {
			at = fmt.Sprintf("scsi-cd,drive=cd%d,bootindex=%d", i, 2+i)
		}
		args = append(args,
			"-drive", fmt.Sprintf("if=none,id=cd%d,media=cdrom,format=%s,readonly=on,file=%s", i, format, cd),
			"-device", at)
	}
	if s.tpm != "" {
		args = append(args, "-chardev", "socket,id=tpm,path="+s.tpm, "-tpmdev", "emulator,id=tpm0,chardev=tpm", "-device", "tpm-crb,tpmdev=tpm0")
	}
	if s.Firmware == "bios" {
		return args, nil
	}
	vars := filepath.Join(dir, "vars.fd")
	blank, err := os.ReadFile(ovmfVars)
	if err != nil {
		return nil, fmt.Errorf("%w: apt-get install ovmf", err)
	}
	return append(args,
		"-drive", "if=pflash,format=raw,readonly=on,file="+ovmfCode,
		"-drive", "if=pflash,format=raw,file="+vars), os.WriteFile(vars, blank, 0o644)
}

// escapes are what firmware and boot loader draw with.
var escapes = regexp.MustCompile(`\x1b\[[0-9;=?]*[A-Za-z]`)

func (vm *VM) port(name string) string {
	text, _ := os.ReadFile(filepath.Join(vm.dir, name))
	return escapes.ReplaceAllString(string(text), "")
}

// Console is what COM1 has said so far, without the firmware's drawing.
func (vm *VM) Console() string { return vm.port("com1") }

// Log is the stand-in's own log, from COM2.
func (vm *VM) Log() string { return vm.port("com2") }

// Logged is the stand-in's log with all that it has said by now: the port is
// slower than the network.
func (vm *VM) Logged(t testing.TB) string {
	t.Helper()
	vm.order(t, hand.Order{Do: hand.Look})
	return vm.Log()
}

// WaitLog waits for a text in the stand-in's log.
func (vm *VM) WaitLog(t testing.TB, text string, limit time.Duration) {
	t.Helper()
	vm.wait(t, "line "+text+" in the log", limit, func() bool { return strings.Contains(vm.Log(), text) })
}

// WaitBeacon waits for a beacon on COM1 whose line begins so ("bootstrap
// start").
func (vm *VM) WaitBeacon(t testing.TB, said string, limit time.Duration) {
	t.Helper()
	vm.wait(t, "beacon "+said, limit, func() bool {
		_, line, begun := strings.Cut(vm.Console(), "wintemplate: "+said)
		return begun && strings.Contains(line, "\n") // which comes a byte at a time
	})
}

// WaitConsole waits for a text on COM1.
func (vm *VM) WaitConsole(t testing.TB, text string, limit time.Duration) {
	t.Helper()
	vm.wait(t, text, limit, func() bool { return strings.Contains(vm.Console(), text) })
}

// Running says whether the machine has power.
func (vm *VM) Running() bool {
	select {
	case err := <-vm.ended:
		vm.ended <- err
		return false
	default:
		return true
	}
}

// WaitScreen waits for a screen and returns its line in the log.
func (vm *VM) WaitScreen(t testing.TB, id string, limit time.Duration) string {
	t.Helper()
	any := regexp.MustCompile(`screen ([\w-]+):.*\n`) // the whole line: it comes a byte at a time
	var line []string
	vm.wait(t, "screen "+id, limit, func() bool {
		line = any.FindStringSubmatch(vm.Log())
		return line != nil
	})
	if line[1] != id {
		t.Fatalf("screen %q instead of %q: %s", line[1], id, line[0])
	}
	return strings.TrimSpace(line[0])
}

// patience stretches the limits of waits, which are an idle host's: the tests
// run side by side with each other and with other packages' machines.
const patience = 6

func (vm *VM) wait(t testing.TB, what string, limit time.Duration, done func() bool) {
	t.Helper()
	limit *= patience
	for start := time.Now(); time.Since(start) < limit; time.Sleep(100 * time.Millisecond) {
		if done() {
			return
		}
		select {
		case err := <-vm.ended:
			vm.ended <- err
			if !done() {
				t.Fatalf("the machine ended before %s: %v", what, err)
			}
			return
		default:
		}
	}
	t.Fatalf("no %s within %s", what, limit)
}

// WaitPowerOff waits until the guest has powered the machine off.
func (vm *VM) WaitPowerOff(t testing.TB, limit time.Duration) {
	t.Helper()
	limit *= patience
	select {
	case err := <-vm.ended:
		vm.ended <- err
		if err != nil {
			t.Fatalf("QEMU: %v", err)
		}
	case <-time.After(limit):
		t.Fatalf("not powered off within %s", limit)
	}
}

// Stop takes the power away.
func (vm *VM) Stop() {
	_ = vm.cmd.Process.Kill()
	vm.ended <- <-vm.ended
}

// SetLink plugs the network cable in or out.
func (vm *VM) SetLink(t testing.TB, up bool) {
	t.Helper()
	vm.command(t, "set_link", map[string]any{"name": "nic", "up": up})
}

// Loopback is the same machine, spoken to by 127.0.0.1. The guest cannot pull
// files from a host that it knows by that name.
func (vm *VM) Loopback() *VM {
	other := *vm
	other.Host, other.Port = "127.0.0.1", vm.loopback
	return &other
}

// Freeze stops the machine's processors: it neither answers nor resets
// anything. Thaw lets them go on.
func (vm *VM) Freeze(t testing.TB) { vm.command(t, "stop", nil) }

// Thaw undoes Freeze.
func (vm *VM) Thaw(t testing.TB) { vm.command(t, "cont", nil) }

// PressPower presses the ACPI power button.
func (vm *VM) PressPower(t testing.TB) {
	t.Helper()
	vm.command(t, "system_powerdown", nil)
}

// PressKey presses a key, by QEMU's name ("spc").
func (vm *VM) PressKey(t testing.TB, key string) {
	t.Helper()
	vm.command(t, "send-key", map[string]any{"keys": []any{map[string]any{"type": "qcode", "data": key}}})
}

// Screenshot writes the screen as PNG.
func (vm *VM) Screenshot(t testing.TB, path string) {
	t.Helper()
	vm.command(t, "screendump", map[string]any{"filename": path, "format": "png"})
}

func (vm *VM) command(t testing.TB, name string, arguments map[string]any) {
	t.Helper()
	if err := vm.control.do(name, arguments); err != nil && !errors.Is(err, net.ErrClosed) {
		t.Fatalf("QMP %s: %v", name, err)
	}
}
