package libvirt

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/packer-plugin-sdk/multistep/commonsteps"
	packersdk "github.com/hashicorp/packer-plugin-sdk/packer"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/beacon"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/handoff"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/libvirtapi"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/stepkit"
)

func TestBuild(t *testing.T) {
	for _, fields := range []map[string]any{nil, {"firmware": "bios"}, {"disk_bus": "virtio-scsi"}} {
		b := newBench(t, fields)
		before, err := os.Stat(b.iso)
		if err != nil {
			t.Fatal(err)
		}
		artifact, err := b.build(t.Context())
		if err != nil {
			t.Fatalf("%v: %v\n%s", fields, err, b.ui)
		}
		if d := cmp.Diff([]string{"output_directory"}, b.leftovers()); d != "" {
			t.Errorf("%v: what is left: %s", fields, d)
		}
		checkArtifact(t, b, artifact)
		after, err := os.Stat(b.iso)
		if err != nil || before.ModTime() != after.ModTime() || before.Mode() != after.Mode() || before.Size() != after.Size() {
			t.Errorf("the ISO has changed: %v", err)
		}
		for _, line := range []string{"Setup: partitioning and copying files", "First logon", "Windows is ready for provisioning", "Seal"} {
			if !strings.Contains(b.ui.String(), "] "+line) {
				t.Errorf("the user does not see the stage %q:\n%s", line, b.ui)
			}
		}
		plugged := fields["disk_bus"] == "virtio-scsi"
		if (len(b.plugged) > 0) != plugged || plugged && b.plugged[0] != "vda virtio-blk" {
			t.Errorf("%v: plugged in: %v", fields, b.plugged)
		}
		if strings.Contains(b.ui.String(), testPassword) || strings.Contains(b.xml, testPassword) {
			t.Error("the password is shown")
		}
	}
}

func checkArtifact(t *testing.T, b *bench, a *Artifact) {
	t.Helper()
	disk, manifest := filepath.Join(b.out, "ws2022.qcow2"), filepath.Join(b.out, "ws2022.json")
	if d := cmp.Diff([]string{disk, manifest}, a.Files()); d != "" {
		t.Error(d)
	}
	entries, _ := os.ReadDir(b.out)
	if len(entries) != 2 {
		t.Errorf("output_directory holds %v", entries)
	}
	m, err := handoff.ParseManifest(a.State(handoff.StateKey))
	if err != nil {
		t.Fatal(err)
	}
	onDisk, err := os.ReadFile(manifest)
	if err != nil || string(onDisk) != a.State(handoff.StateKey) {
		t.Errorf("the file is not what State gives: %v", err)
	}
	if m.Disk.Path != disk || m.Disk.SHA256 != a.Id() || m.Disk.Size != 1<<20 || m.Guest.Edition == "" || m.Guest.AgentVersion != "109.0" ||
		m.Source.DriversISOVersion != "0.1.285" || m.Guest.DriverVersion != "0.1.271" || len(m.Findings) != 1 || m.Source.ImageIndex != 2 {
		t.Errorf("manifest: %s", onDisk)
	}
	if a.BuilderId() != BuilderID || !strings.Contains(a.String(), disk) {
		t.Errorf("artifact is %q: %q", a.BuilderId(), a.String())
	}
	if !json.Valid(onDisk) {
		t.Error("the manifest is no JSON")
	}
}

// methods are all calls that a good build makes, in both storage forms.
func methods(t *testing.T) []string {
	t.Helper()
	b := newBench(t, map[string]any{"disk_bus": "virtio-scsi"})
	if _, err := b.build(t.Context()); err != nil {
		t.Fatal(err)
	}
	slices.Sort(b.calls)
	all := slices.Compact(b.calls)
	if len(all) < 25 {
		t.Fatalf("a build makes only the calls %v", all)
	}
	return all
}

// cleaning are the calls by which things are taken back.
var cleaning = []string{"Close", "DeleteVolume", "Destroy", "LookupDomain", "Undefine"}

// TestWhateverFailsNothingIsLeft fails each call of a build in turn.
func TestWhateverFailsNothingIsLeft(t *testing.T) {
	for _, method := range methods(t) {
		if slices.Contains(cleaning, method) || method == "LookupVolume" {
			continue // TestFailedCleanUpIsNamed
		}
		t.Run(method, func(t *testing.T) {
			b := newBench(t, map[string]any{"disk_bus": "virtio-scsi"})
			b.fail[method] = errors.New("told to fail with " + testPassword)
			artifact, err := b.build(t.Context())
			if artifact != nil || err == nil {
				t.Fatalf("artifact %v, error %v", artifact, err)
			}
			if !strings.Contains(err.Error(), "told to fail") || strings.Contains(err.Error(), testPassword) {
				t.Errorf("error is %v", err)
			}
			if strings.Contains(b.ui.String(), testPassword) {
				t.Error("the password is shown")
			}
			if left := b.leftovers(); len(left) > 0 {
				t.Errorf("left behind: %v\n%s", left, b.ui)
			}
		})
	}
}

// TestInterruptAnywhereLeavesNothing cancels the build at each call in turn.
func TestInterruptAnywhereLeavesNothing(t *testing.T) {
	for _, method := range methods(t) {
		if slices.Contains(cleaning, method) {
			continue
		}
		t.Run(method, func(t *testing.T) {
			b := newBench(t, map[string]any{"disk_bus": "virtio-scsi"})
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			b.at[method] = cancel
			artifact, err := b.build(ctx)
			if artifact != nil || err == nil || !strings.Contains(err.Error(), "interrupted") {
				t.Fatalf("artifact %v, error %v", artifact, err)
			}
			if left := b.leftovers(); len(left) > 0 {
				t.Errorf("left behind: %v\n%s", left, b.ui)
			}
		})
	}
}

func TestFailedCleanUpIsNamed(t *testing.T) {
	b := newBench(t, nil)
	b.fail["DeleteVolume"] = errors.New("the pool is busy")
	if _, err := b.build(t.Context()); err != nil {
		t.Fatalf("a template that is finished is not spoiled by what is left: %v", err)
	}
	text := b.ui.String()
	for _, want := range []string{"the pool is busy", "Left behind: volume ws2022-", "virsh -c qemu:///system vol-delete --pool default ws2022-"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not said:\n%s", want, text)
		}
	}
}

// TestKilledBuildIsTakenBackByTheNext ends a build as a second Ctrl-C does:
// without a clean-up.
func TestKilledBuildIsTakenBackByTheNext(t *testing.T) {
	b := newBench(t, nil)
	for _, onError := range []string{"abort"} {
		b.builder.config.PackerOnError = onError
	}
	b.fail["Resume"] = errors.New("told to fail")
	if _, err := b.build(t.Context()); err == nil {
		t.Fatal("no error")
	}
	b.unlocks()
	if left := b.leftovers(); len(left) < 5 {
		t.Fatalf("-on-error=abort left only %v", left)
	}
	if !strings.Contains(b.ui.String(), "Left behind: domain ws2022; remove it with: virsh") {
		t.Errorf("what is left is not said:\n%s", b.ui)
	}

	// Left on purpose: the next build names it and lets it be.
	b.builder.config.PackerOnError = ""
	delete(b.fail, "Resume")
	b.names = []string{"ws2022"}
	if _, err := b.build(t.Context()); err == nil || !strings.Contains(err.Error(), `vm_name: a domain "ws2022"`) {
		t.Fatalf("error is %v", err)
	}
	if !strings.Contains(b.ui.String(), "was told to leave") {
		t.Errorf("the leftovers are not named:\n%s", b.ui)
	}

	// The user has removed a part, by the commands that were told.
	if strings.Contains(b.ui.String(), "Left behind: machine") {
		t.Errorf("a domain's machine goes with it:\n%s", b.ui)
	}
	clear(b.volumes)
	before := len(b.ui.String())
	if _, err := b.build(t.Context()); err == nil {
		t.Fatal("no error")
	}
	if s := b.ui.String()[before:]; strings.Contains(s, "volume ws2022") || !strings.Contains(s, "was told to leave domain ws2022, folder ") {
		t.Errorf("what is left is told as:\n%s", s)
	}

	// A killed build's journal has no end.
	journals, _ := filepath.Glob(filepath.Join(b.journal, "*.jsonl"))
	if len(journals) != 1 {
		t.Fatalf("journals: %v", journals)
	}
	data, err := os.ReadFile(journals[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(journals[0], []byte(strings.ReplaceAll(string(data), `{"op":"end"}`+"\n", "")), 0o600); err != nil {
		t.Fatal(err)
	}
	b.names = nil
	if _, err := b.build(t.Context()); err != nil {
		t.Fatalf("%v\n%s", err, b.ui)
	}
	if !strings.Contains(b.ui.String(), "Removed") {
		t.Errorf("not said:\n%s", b.ui)
	}
	if d := cmp.Diff([]string{"output_directory"}, b.leftovers()); d != "" {
		t.Error(d)
	}
}

// TestLeftoversAreToldWhenNothingCanBegin: a journal that has no room on a full
// disk may lack it because of what an earlier build left.
func TestLeftoversAreToldWhenNothingCanBegin(t *testing.T) {
	dir := t.TempDir()
	journal, err := stepkit.OpenJournal(dir, "ws2022-1")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := journal.Record("stepMainDisk", volumeEntry("qemu:///system", "default", "ws2022-1.qcow2")); err != nil {
		t.Fatal(err)
	}
	if _, err := journal.Close(); err != nil {
		t.Fatal(err)
	}
	for range 2 { // to look takes nothing away
		said := ""
		tellLeftovers(dir, func(s string) { said += s })
		if want := "has left volume ws2022-1.qcow2 in default; remove it with: virsh -c qemu:///system vol-delete --pool default ws2022-1.qcow2"; !strings.Contains(said, want) {
			t.Errorf("said: %s", said)
		}
	}
}

// TestNoRoomForTheCompactedDisk: hours of work are not lost to one who is asked.
func TestNoRoomForTheCompactedDisk(t *testing.T) {
	b := newBench(t, nil)
	b.fail["CompactVolume"] = &libvirtapi.Error{Op: "compact to volume", Kind: libvirtapi.ErrNoSpace}
	_, err := b.build(t.Context())
	if err == nil || !strings.Contains(err.Error(), "storage_pool: ") || !strings.Contains(err.Error(), "-on-error=ask") {
		t.Errorf("error is %v", err)
	}
	if left := b.leftovers(); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestGuestThatFails(t *testing.T) {
	line := func(stage string, state beacon.State, text string) string {
		return beacon.Event{Stage: stage, State: state, Text: text}.String()
	}
	crash := &libvirtapi.OffError{Domain: "ws2022", Kind: libvirtapi.EventCrashed}
	for name, c := range map[string]struct {
		fields map[string]any
		set    func(*bench)
		want   []string
		says   string
		never  string // a call that must not have been made
	}{
		"a fail beacon stops the installation": {
			set: func(b *bench) {
				b.said["Resume"] = []string{line(beacon.Bootstrap, beacon.Start, ""), line(beacon.BootstrapDrivers, beacon.Fail, "MSI exit code 1603")}
				b.fail["Lease"] = &libvirtapi.Error{Kind: libvirtapi.ErrNotFound}
			},
			want: []string{"First logon: virtio drivers", "1603"},
		},
		"a crash in Setup": {
			set: func(b *bench) {
				b.said["Resume"] = []string{line(beacon.SetupWinPE, beacon.Start, "")}
				b.at["Resume"] = func() { go func() { time.Sleep(5 * time.Millisecond); b.powersOff(crash) }() }
			},
			want: []string{"blue screen", "last heard of: Setup: partitioning"},
		},
		"the pool runs full": {
			set: func(b *bench) {
				full := &libvirtapi.OffError{Domain: "ws2022", Kind: libvirtapi.EventSuspended}
				b.screen = true
				b.fail["Screenshot"] = errors.New("a stopped machine was asked for a picture")
				b.said["Resume"] = []string{line(beacon.SetupWinPE, beacon.Start, "")}
				b.at["Resume"] = func() { go func() { time.Sleep(5 * time.Millisecond); b.powersOff(full) }() }
			},
			want: []string{`storage_pool: "default" (`, "has run full", "no space is left on the host for its disk", "this build needs about", "last heard of: Setup: partitioning"},
		},
		"Secure Boot refuses the disc": {
			set: func(b *bench) {
				// what OVMF 2022.11 printed for an unsigned disc
				b.said["Resume"] = []string{`BdsDxe: failed to load Boot0001 "UEFI QEMU DVD-ROM QM00001 " from PciRoot(0x0)/Pci(0x1F,0x2)/Sata(0x0,0xFFFF,0x0): Access Denied`}
			},
			want: []string{`secure_boot: the machine's firmware refused to start Boot0001 "UEFI QEMU DVD-ROM QM00001"`, "secure_boot = false"},
		},
		"power-off in Setup": {
			set: func(b *bench) {
				b.said["Resume"] = nil
				b.at["Resume"] = func() { go func() { time.Sleep(5 * time.Millisecond); b.powersOff(nil) }() }
			},
			want: []string{"powered the machine off while it was needed", "never reported a stage"},
		},
		"silence": {
			fields: map[string]any{"install_timeout": "80ms"},
			set: func(b *bench) {
				b.said["Resume"], b.said["SetLink"] = nil, nil
				b.fail["Lease"] = &libvirtapi.Error{Kind: libvirtapi.ErrNotFound}
			},
			want: []string{"install_timeout: Windows was not ready after 80ms", "never reported a stage", "virt-viewer"},
		},
		"a crash while connecting": {
			set: func(b *bench) {
				b.at["connect"] = func() { b.powersOff(crash); time.Sleep(50 * time.Millisecond) }
				b.fail["connect"] = errors.New("Timeout waiting for WinRM.")
			},
			want: []string{"blue screen"},
		},
		"no connection": {
			set:  func(b *bench) { b.fail["connect"] = errors.New("Timeout waiting for WinRM.") },
			want: []string{"WinRM at 192.0.2.7: Timeout waiting for WinRM.", "winrm_timeout is 15m0s"},
		},
		"a failed seal": {
			set: func(b *bench) {
				b.said["provision"] = []string{line(beacon.SealSysprep, beacon.Fail, "Package X was installed for a user")}
			},
			want: []string{"Seal: sysprep", "Package X"},
		},
		"no power-off": {
			fields: map[string]any{"shutdown_timeout": "50ms"},
			set:    func(b *bench) { b.stays = true },
			want:   []string{"shutdown_timeout: Windows did not power off within 50ms", "raise shutdown_timeout", "last heard of: Seal start, 0s after power-on and 0s ago"},
		},
		"no seal": {
			fields: map[string]any{"shutdown_timeout": "80ms"},
			set:    func(b *bench) { b.stays, b.said["provision"] = true, nil },
			want:   []string{"shutdown_timeout: ", "No seal was heard of: is the last provisioner", "sysprep {}"},
			says:   "no provisioner has sealed Windows. Unless one of yours runs sysprep itself, nothing will power the machine off, and the build fails after 80ms",
		},
		"a provisioner behind the seal": {
			set: func(b *bench) {
				b.stays = true
				b.said["provision"] = []string{
					line(beacon.Seal, beacon.Start, ""), line(beacon.SealSysprep, beacon.Start, ""),
					line(beacon.SealSysprep, beacon.Info, "it is run as packer now"),
				}
				b.provisioner = func(ctx context.Context) error {
					for i := 0; i < 10000 && b.post() == nil; i++ {
						time.Sleep(time.Millisecond) // until the beacon was heard
					}
					<-ctx.Done() // as Packer's own, which try again
					return errors.New("Timeout during provisioning")
				}
			},
			want: []string{"Windows seals itself and powers off, and a later provisioner", "must stand before"},
		},
		"a crash while provisioning": {
			set: func(b *bench) {
				b.provisioner = func(ctx context.Context) error { b.powersOff(crash); <-ctx.Done(); return ctx.Err() }
			},
			want: []string{"blue screen", "last heard of: "},
		},
		"power-off under a provisioner that does not end": {
			set: func(b *bench) {
				b.provisioner = func(context.Context) error { b.powersOff(nil); time.Sleep(time.Second); return nil }
			},
			want: []string{"has powered the machine off, and a provisioner still runs", "sysprep {}"},
		},
		"the ISO changes under the overlay": {
			set: func(b *bench) {
				b.at["DefineDomain"] = func() {
					if err := os.WriteFile(b.iso, []byte("another disc"), 0o644); err != nil {
						b.t.Error(err)
					}
				}
			},
			want:  []string{".iso changed", "has 12"},
			never: "StartPaused",
		},
		"the ISO changes between its inspection and its checksum": {
			set: func(b *bench) {
				b.at["connect libvirt"] = func() { b.swapISO() }
			},
			want:  []string{"iso_url", ".iso changed: its content is another"},
			never: "CreateVolume",
		},
		"the ISO changes after the plan is made": {
			set: func(b *bench) {
				b.at["CreateVolume"] = func() { b.swapISO() }
			},
			want:  []string{".iso changed: its content is another"},
			never: "StartPaused",
		},
		"the ISO changes while Windows is installed from it": {
			set: func(b *bench) {
				b.at["provision"] = func() { b.swapISO() }
			},
			want:  []string{".iso changed: its content is another"},
			never: "check",
		},
		"the ISO gets another mode": {
			set: func(b *bench) {
				b.at["provision"] = func() {
					if err := os.Chmod(b.iso, 0o600); err != nil {
						b.t.Error(err)
					}
				}
			},
			want: []string{"-rw-------", "libvirt was told to leave it alone"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, c.fields)
			c.set(b)
			_, err := b.build(t.Context())
			if err == nil {
				t.Fatal("no error")
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q is not in: %v", want, err)
				}
			}
			if !strings.Contains(b.ui.String(), c.says) {
				t.Errorf("%q is not said:\n%s", c.says, b.ui)
			}
			if c.never != "" && b.called(c.never) {
				t.Errorf("%s was called", c.never)
			}
			if left := b.leftovers(); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

// TestFailureShowsTheScreen: what a frozen Windows shows is kept, and told.
func TestFailureShowsTheScreen(t *testing.T) {
	b := newBench(t, map[string]any{"install_timeout": "80ms"})
	b.screen, b.said["SetLink"] = true, nil
	b.fail["Lease"] = &libvirtapi.Error{Kind: libvirtapi.ErrNotFound}
	_, err := b.build(t.Context())
	if err == nil {
		t.Fatal("no error")
	}
	_, path, found := strings.Cut(err.Error(), "A picture of its screen: ")
	if !found || !strings.HasPrefix(path, b.out+"-screen-") || !strings.HasSuffix(path, ".png") {
		t.Fatalf("error is %v", err)
	}
	if data, err := os.ReadFile(path); err != nil || !strings.HasPrefix(string(data), "\x89PNG") {
		t.Errorf("%q, %v", data, err)
	}
}

// TestMissingScreenIsTold: a picture that libvirt does not give is no secret, and
// the cause stands before it.
func TestMissingScreenIsTold(t *testing.T) {
	b := newBench(t, map[string]any{"install_timeout": "80ms"})
	b.screen, b.said["SetLink"] = true, nil
	b.fail["Lease"] = &libvirtapi.Error{Kind: libvirtapi.ErrNotFound}
	b.fail["Screenshot"] = &libvirtapi.Error{Op: "take a picture of domain", Kind: libvirtapi.ErrTimeout}
	_, err := b.build(t.Context())
	if err == nil || !strings.HasPrefix(err.Error(), "install_timeout: ") || !strings.Contains(err.Error(), "There is no picture of its screen: libvirt: take a picture of domain") {
		t.Fatalf("error is %v", err)
	}
}

// TestSilentGuestIsBuiltAllTheSame: a missing beacon proves nothing.
func TestSilentGuestIsBuiltAllTheSame(t *testing.T) {
	b := newBench(t, map[string]any{"install_timeout": "2s"})
	b.said = map[string][]string{}
	if _, err := b.build(t.Context()); err != nil {
		t.Fatalf("%v\n%s", err, b.ui)
	}
	if !strings.Contains(b.ui.String(), "raising the network link all the same") {
		t.Errorf("not said:\n%s", b.ui)
	}
}

// TestRetryAfterAFailBeacon: the user mends something in the guest and answers
// "retry"; the failure that was told is not told again.
func TestRetryAfterAFailBeacon(t *testing.T) {
	b := newBench(t, nil)
	b.builder.config.PackerOnError = "ask"
	b.ui.TTY = answers{"r"}
	fail := beacon.Event{Stage: beacon.BootstrapDrivers, State: beacon.Fail, Text: "MSI exit code 1603"}
	b.said["Resume"] = append(b.said["Resume"], fail.String())
	b.said["SetLink"] = nil
	b.fail["Lease"] = &libvirtapi.Error{Kind: libvirtapi.ErrNotFound}
	b.at["Destroy"] = func() { b.t.Error("the machine was ended between two tries of a step") }
	b.at["Resume"] = func() {
		go func() { // the user, in the guest
			for !strings.Contains(b.ui.String(), "retry step") {
				time.Sleep(time.Millisecond)
			}
			b.mu.Lock()
			defer b.mu.Unlock()
			delete(b.fail, "Lease")
			delete(b.at, "Destroy")
		}()
	}
	if _, err := b.build(t.Context()); err != nil {
		t.Fatalf("%v\n%s", err, b.ui)
	}
	if n := strings.Count(b.ui.String(), "1603"); n < 2 {
		t.Errorf("the failure is said %d times:\n%s", n, b.ui)
	}
}

// answers is a terminal at which one line is always typed.
type answers struct{ line string }

func (a answers) ReadString() (string, error) { return a.line, nil }
func (answers) Close() error                  { return nil }

func TestPreflight(t *testing.T) {
	for name, c := range map[string]struct {
		fields map[string]any
		set    func(*bench, *effects)
		want   []string
	}{
		"everything at once": {
			set: func(b *bench, e *effects) {
				b.names = []string{"ws2022"}
				b.network.DHCP = false
				b.fail["FindPool"] = errors.New(`pool "default" is of type logical`)
				if err := os.Mkdir(b.out, 0o755); err != nil {
					b.t.Fatal(err)
				}
			},
			want: []string{`vm_name: a domain "ws2022" is on qemu:///system already`, "virsh -c qemu:///system destroy ws2022; virsh -c qemu:///system undefine --nvram ws2022", "network: \"default\" gives no addresses", "storage_pool: pool", "output_directory: ", "exists"},
		},
		"little space": {
			set: func(b *bench, e *effects) {
				b.pool.Available = 1 << 30
				e.space = func(string) (uint64, error) { return 1 << 20, nil }
			},
			want: []string{"storage_pool: \"default\" (/pool) has 1.0 GiB free, the build needs about", "output_directory: ", "has 1 MiB free"},
		},
		"no KVM": {
			fields: map[string]any{"accelerator": "kvm"},
			set: func(b *bench, e *effects) {
				b.probe = libvirtapi.Probe{Accelerator: libvirtapi.TCG, Reason: "/dev/kvm is not there"}
			},
			want: []string{`accelerator: "kvm", but /dev/kvm is not there`},
		},
		"too many CPUs": {
			fields: map[string]any{"cpus": 255},
			set:    func(b *bench, e *effects) { b.builder.config.CPUs = 256 },
			want:   []string{"cpus: 256, but machine type pc-q35-7.2 has at most 255"},
		},
		"not Windows": {
			set: func(b *bench, e *effects) {
				if err := os.WriteFile(b.iso, make([]byte, 1<<20), 0o644); err != nil {
					b.t.Fatal(err)
				}
			},
			want: []string{"iso_url: "},
		},
		"an absent file": {
			set:  func(b *bench, e *effects) { b.builder.config.ISOUrls = []string{"/nowhere/w.iso"} },
			want: []string{"iso_url: stat /nowhere/w.iso"},
		},
		"no libvirt": {
			set:  func(b *bench, e *effects) { b.fail["connect libvirt"] = libvirtapi.ErrUnavailable },
			want: []string{"libvirt_uri: libvirt is not available"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, c.fields)
			e := b.effects()
			c.set(b, &e)
			_, err := b.run(t.Context(), e)
			if err == nil {
				t.Fatal("no error")
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q is not in: %v", want, err)
				}
			}
			if b.called("CreateVolume") {
				t.Error("something was made before the host was checked")
			}
		})
	}
}

func TestFallBackToTCG(t *testing.T) {
	b := newBench(t, nil)
	b.probe = libvirtapi.Probe{Accelerator: libvirtapi.TCG, Reason: "a guest hangs under KVM"}
	if _, err := b.build(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(b.ui.String(), "Warning: no KVM; QEMU interprets") || !strings.Contains(b.ui.String(), "Why: a guest hangs under KVM\n") || !strings.Contains(b.xml, `type="qemu"`) {
		t.Errorf("%s\n%s", b.ui, b.xml)
	}
}

func TestUnreadableISOIsCopiedOnceAndKept(t *testing.T) {
	b := newBench(t, nil)
	e := b.unreadable()
	copies := func() (n int) {
		for name := range b.volumes {
			if strings.HasPrefix(name, "wintemplate-") && strings.HasSuffix(name, ".iso") {
				n++
			}
		}
		return n
	}
	for _, say := range []string{"Copied it to /pool/wintemplate-", "Using the copy /pool/wintemplate-", "until none has used it for 30 days", "vol-delete --pool default wintemplate-"} {
		if _, err := b.run(t.Context(), e); err != nil {
			t.Fatalf("%v\n%s", err, b.ui)
		}
		if !strings.Contains(b.ui.String(), say) || copies() != 1 {
			t.Errorf("%q is not said, %d copies:\n%s", say, copies(), b.ui)
		}
		if err := os.RemoveAll(b.out); err != nil {
			t.Fatal(err)
		}
	}
	for name, v := range b.volumes {
		if !strings.HasPrefix(name, "wintemplate-") {
			continue
		}
		if time.Since(v.Modified) > time.Minute {
			t.Errorf("the use of %s is not noted", name)
		}
		if iso, err := os.ReadFile(b.iso); err != nil || !bytes.Equal(iso, v.data) {
			t.Errorf("the copy is not the ISO any more (%v)", err)
		}
	}
	// An unfinished copy is not used, and not touched: somebody may be at it.
	for _, v := range b.volumes {
		v.Allocation /= 2
	}
	if _, err := b.run(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	if n := len(b.volumes); n != 1 {
		t.Errorf("%d volumes are left", n)
	}
}

// unreadable are the effects of a host where QEMU's user can't read the ISO.
func (b *bench) unreadable() effects {
	e := b.effects()
	e.stat = func(path string) (libvirtapi.PathInfo, error) {
		info, err := libvirtapi.LocalStat(path)
		info.Mode &^= 0o077 // nobody but its owner
		info.UID = 1000
		return info, err
	}
	connect := e.connect
	e.connect = func(ctx context.Context, uri string) (connection, error) {
		c, err := connect(ctx, uri)
		return otherUser{c, b.world}, err
	}
	return e
}

// TestTwoBuildsCopyOneISO: another build begins to copy the same ISO after this
// one has looked for a copy.
func TestTwoBuildsCopyOneISO(t *testing.T) {
	b := newBench(t, nil)
	e := b.unreadable()
	connect := e.connect
	e.connect = func(ctx context.Context, uri string) (connection, error) {
		c, err := connect(ctx, uri)
		return rival{c.(otherUser)}, err
	}
	if _, err := b.run(t.Context(), e); err != nil {
		t.Fatalf("%v\n%s", err, b.ui)
	}
	if !strings.Contains(b.ui.String(), "perhaps another build is making it; copied it to /pool/ws2022-") {
		t.Errorf("not said:\n%s", b.ui)
	}
	var left []string
	for name := range b.volumes {
		left = append(left, name)
	}
	if len(left) != 1 || !copyNames.MatchString(left[0]) {
		t.Errorf("the other build's copy, and nothing else, must stay: %v", left)
	}
}

// rival is a host on which another build is a moment quicker.
type rival struct{ otherUser }

func (r rival) CreateVolume(ctx context.Context, pool string, spec libvirtapi.VolumeSpec) (libvirtapi.Volume, error) {
	if copyNames.MatchString(spec.Name) {
		r.mu.Lock()
		r.volumes[spec.Name] = &fakeVolume{Volume: libvirtapi.Volume{Pool: pool, Name: spec.Name, Path: "/pool/" + spec.Name}}
		r.mu.Unlock()
	}
	return r.world.CreateVolume(ctx, pool, spec)
}

func TestOldCopiesOfISOsGo(t *testing.T) {
	b := newBench(t, block{"iso_copy_max_age": "48h"})
	made := map[string]time.Duration{
		"wintemplate-0000000000000001.iso": 47 * time.Hour,
		"wintemplate-0000000000000002.iso": 49 * time.Hour,
		"wintemplate-0000000000000003.iso": 49 * time.Hour, // a domain has it
		"wintemplate-mine.iso":             999 * time.Hour,
		"other.iso":                        999 * time.Hour,
	}
	for name, age := range made {
		b.volumes[name] = &fakeVolume{Volume: libvirtapi.Volume{Pool: "default", Name: name, Path: "/pool/" + name, Allocation: 5 << 30, Modified: time.Now().Add(-age)}}
	}
	b.inUse = map[string]string{"/pool/wintemplate-0000000000000003.iso": "somebody's"}
	if _, err := b.build(t.Context()); err != nil {
		t.Fatal(err)
	}
	var left []string
	for name := range b.volumes {
		left = append(left, name)
	}
	slices.Sort(left)
	if d := cmp.Diff([]string{"other.iso", "wintemplate-0000000000000001.iso", "wintemplate-0000000000000003.iso", "wintemplate-mine.iso"}, left); d != "" {
		t.Error(d)
	}
	if !strings.Contains(b.ui.String(), "Removed /pool/wintemplate-0000000000000002.iso (5.0 GiB)") {
		t.Errorf("not said:\n%s", b.ui)
	}
}

// otherUser is a host whose QEMU is not root.
type otherUser struct {
	connection
	*world
}

func (o otherUser) Host(ctx context.Context) (libvirtapi.Host, error) {
	h, err := o.world.Host(ctx)
	h.DiskUser = libvirtapi.User{UID: 64055, GID: 64055}
	return h, err
}

// The methods that both embedded values have.
func (o otherUser) Close() error { return o.world.Close() }

func (o otherUser) LookupDomain(ctx context.Context, n string) (libvirtapi.Domain, error) {
	return o.world.LookupDomain(ctx, n)
}

func (o otherUser) Destroy(ctx context.Context, d libvirtapi.Domain) error {
	return o.world.Destroy(ctx, d)
}

func (o otherUser) Undefine(ctx context.Context, d libvirtapi.Domain) error {
	return o.world.Undefine(ctx, d)
}

func (o otherUser) LookupVolume(ctx context.Context, p, n string) (libvirtapi.Volume, error) {
	return o.world.LookupVolume(ctx, p, n)
}

func (o otherUser) DeleteVolume(ctx context.Context, v libvirtapi.Volume) error {
	return o.world.DeleteVolume(ctx, v)
}

func TestForceReplacesTheOutputOnlyWhenThereIsANewOne(t *testing.T) {
	old := func(b *bench) string { return filepath.Join(b.out, "old.qcow2") }
	b := newBench(t, nil)
	b.builder.config.PackerForce = true
	if err := os.MkdirAll(b.out, 0o755); err != nil {
		t.Fatal(err)
	}
	for path, text := range map[string]string{old(b): "", filepath.Join(b.out, "old.json"): oldManifest} {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	b.fail["CompactVolume"] = errors.New("told to fail")
	if _, err := b.build(t.Context()); err == nil {
		t.Fatal("no error")
	}
	if _, err := os.Stat(old(b)); err != nil {
		t.Errorf("a failed build took the old output away: %v", err)
	}
	delete(b.fail, "CompactVolume")
	if _, err := b.build(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(old(b)); err == nil {
		t.Error("-force kept the old output")
	}
}

func TestDestroyArtifact(t *testing.T) {
	for _, keep := range []bool{false, true} {
		b := newBench(t, map[string]any{"keep_artifact": keep})
		a, err := b.build(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := a.Destroy(); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(b.out); (err == nil) != keep {
			t.Errorf("keep_artifact = %v: %v", keep, err)
		}
	}
}

func TestDestroyArtifactKeepsWhatOthersPutThere(t *testing.T) {
	b := newBench(t, nil)
	a, err := b.build(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(b.out, "precious.txt"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := a.Destroy(); err != nil {
		t.Fatal(err)
	}
	if entries, _ := os.ReadDir(b.out); len(entries) != 1 || entries[0].Name() != "precious.txt" {
		t.Errorf("output_directory holds %v", entries)
	}
}

// TestStepNames: Packer shows a step by its type's name, in -debug and in the
// prompts of -on-error=ask.
func TestStepNames(t *testing.T) {
	b := newBench(t, nil)
	seen := map[string]bool{}
	provision := false
	for _, s := range b.builder.steps(b.journal, b.effects()) {
		name := reflect.Indirect(reflect.ValueOf(s)).Type().Name()
		if seen[name] || !strings.HasPrefix(strings.ToLower(name), "step") {
			t.Errorf("a step is called %q", name)
		}
		seen[name] = true
		if _, ok := s.(*commonsteps.StepProvision); ok {
			provision = true
		} else if _, ours := s.(stepkit.Step); !ours {
			t.Errorf("%s is not written with stepkit", name)
		}
	}
	if !provision {
		t.Error("StepProvision is not in the list by its own type, so run-cleanup-provisioner does not find it")
	}
}

func TestRunGivesNoTypedNil(t *testing.T) {
	b := newBench(t, nil)
	b.builder.config.ISOUrls = []string{"/nowhere.iso"}
	artifact, err := b.builder.Run(t.Context(), b.ui, b.world)
	if artifact != nil || err == nil {
		t.Errorf("artifact %v, error %v", artifact, err)
	}
}

var _ packersdk.Hook = (*world)(nil)

// Every method that steps ask of libvirt is there, in truth and in the tests.
var (
	_ interface {
		connection
		surveyor
		prober
		volumeMaker
		copyKeeper
		definer
		starter
		attendant
		exporter
	} = libvirtHost{}
	_ interface {
		connection
		surveyor
		prober
		volumeMaker
		copyKeeper
		definer
		starter
		attendant
		exporter
	} = (*world)(nil)
)

// TestChecksumInDriversURL: a local drivers ISO is verified too when its URL
// says what it must be.
func TestChecksumInDriversURL(t *testing.T) {
	for sum, want := range map[string]string{
		strings.Repeat("0a", 32): "drivers_iso_url: error downloading the drivers ISO: [Checksums did not match",
		"":                       "",
	} {
		b := newBench(t, nil)
		drivers := b.builder.config.DriversISOURL
		if sum == "" {
			data, err := os.ReadFile(drivers)
			if err != nil {
				t.Fatal(err)
			}
			sum = fmt.Sprintf("%x", sha256.Sum256(data))
		}
		b.builder.config.DriversISOURL = drivers + "?checksum=sha256:" + sum
		_, err := b.build(t.Context())
		if (err == nil) != (want == "") || err != nil && !strings.Contains(strings.ToLower(err.Error()), strings.ToLower(want)) {
			t.Errorf("%v; want %q", err, want)
		}
	}
}

// TestChecksumNamesItsField: which of a build's files is the wrong one.
func TestChecksumNamesItsField(t *testing.T) {
	for field, set := range map[string]func(*Config, string){
		"iso_checksum":         func(c *Config, sum string) { c.ISOChecksum = sum },
		"drivers_iso_checksum": func(c *Config, sum string) { c.DriversISOChecksum = sum },
	} {
		b := newBench(t, nil)
		set(&b.builder.config, "sha256:"+strings.Repeat("0a", 32))
		_, err := b.build(t.Context())
		if err == nil || !strings.HasPrefix(err.Error(), field+": ") || !strings.Contains(err.Error(), "is the download complete") {
			t.Errorf("%v; want %s", err, field)
		}
		if left := b.leftovers(); len(left) > 0 {
			t.Errorf("left behind: %v", left)
		}
	}
}

// TestLinkedISO: QEMU reads the file behind a symbolic link, so its folders are
// those that count.
func TestLinkedISO(t *testing.T) {
	b := newBench(t, nil)
	link := filepath.Join(t.TempDir(), "windows.iso")
	if err := os.Symlink(b.iso, link); err != nil {
		t.Fatal(err)
	}
	b.builder.config.ISOUrls = []string{link}
	if _, err := b.build(t.Context()); err != nil {
		t.Fatal(err)
	}
	real, err := filepath.EvalSymlinks(b.iso)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(b.xml, `<source file="`+real+`"`) || strings.Contains(b.xml, link) {
		t.Errorf("the machine does not name %s:\n%s", real, b.xml)
	}
}

// TestVerifiedISO: a local ISO whose checksum is verified is installed from
// where it is, and is the one that was inspected in the first second.
func TestVerifiedISO(t *testing.T) {
	b := newBench(t, nil)
	data, err := os.ReadFile(b.iso)
	if err != nil {
		t.Fatal(err)
	}
	b.builder.config.ISOChecksum = fmt.Sprintf("sha256:%x", sha256.Sum256(data))
	if _, err := b.build(t.Context()); err != nil {
		t.Fatalf("%v\n%s", err, b.ui)
	}
	if !strings.Contains(b.xml, `<source file="`+b.iso+`"`) {
		t.Errorf("the machine does not name %s:\n%s", b.iso, b.xml)
	}
	if !strings.Contains(b.ui.String(), "Retrieving the Windows ISO") {
		t.Errorf("the checksum was not verified:\n%s", b.ui)
	}
}

// TestChecksumOfAnyPath: spaces, Hangul and what means something in a URL.
func TestChecksumOfAnyPath(t *testing.T) {
	for _, folder := range []string{"plain", "with space", "한글 폴더", "50% of #1"} {
		t.Run(folder, func(t *testing.T) {
			b := newBench(t, nil)
			dir := filepath.Join(t.TempDir(), folder)
			if err := os.Mkdir(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			moved := func(from, name string) (path, sum string) {
				data, err := os.ReadFile(from)
				if err != nil {
					t.Fatal(err)
				}
				path = filepath.Join(dir, name)
				if err := os.WriteFile(path, data, 0o644); err != nil {
					t.Fatal(err)
				}
				return path, fmt.Sprintf("sha256:%x", sha256.Sum256(data))
			}
			c := &b.builder.config
			var payload, payloadSum string
			c.ISOUrls[0], c.ISOChecksum = moved(c.ISOUrls[0], "윈도우 server.iso")
			c.DriversISOURL, c.DriversISOChecksum = moved(c.DriversISOURL, "virtio win.iso")
			payload, payloadSum = moved(c.Payload[0], "CloudbaseInitSetup x64.msi")
			c.Payload[0] = payload + "?checksum=" + payloadSum
			if _, err := b.build(t.Context()); err != nil {
				t.Fatalf("%v\n%s", err, b.ui)
			}
			c.ISOChecksum = "sha256:" + strings.Repeat("0a", 32)
			if err := os.RemoveAll(b.out); err != nil {
				t.Fatal(err)
			}
			if _, err := b.build(t.Context()); err == nil || !strings.HasPrefix(err.Error(), "iso_checksum: ") {
				t.Errorf("%v", err)
			}
		})
	}
}
