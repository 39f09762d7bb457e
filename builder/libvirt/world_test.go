package libvirt

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/netip"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/packer-plugin-sdk/communicator"
	"github.com/hashicorp/packer-plugin-sdk/multistep"
	packersdk "github.com/hashicorp/packer-plugin-sdk/packer"
	winrmlib "github.com/masterzen/winrm"
	"github.com/masterzen/winrm/soap"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/beacon"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/diskcheck"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/handoff"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/libvirtapi"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/media/mediatest"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/redact/packerui"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/winrm"
)

// world is a libvirt host with a Windows that behaves, for whole builds. Each
// of its methods can be told to fail, or to interrupt the build; like libvirt,
// an operation that fails may have been carried out.
type world struct {
	t *testing.T

	mu      sync.Mutex
	calls   []string
	fail    map[string]error
	at      map[string]func() // run when the method is called
	volumes map[string]*fakeVolume
	domain  *libvirtapi.Domain // defined
	xml     string
	running bool
	ran     bool // since it was started
	stopped bool // by QEMU, for want of room
	full    bool // so that it is stopped again when it is resumed
	stays   bool // does not power off after the seal
	linkUp  bool
	plugged []string
	network libvirtapi.Network
	pool    libvirtapi.Pool
	names   []string // domains of other people
	inUse   map[string]string
	// provisioner runs after the seal was said, in the place of those that end
	// at once; post is a request of Packer's communicator.
	provisioner func(ctx context.Context) error
	post        func() error
	screen      bool // whether a picture of the screen can be had
	probe       libvirtapi.Probe
	lines       chan libvirtapi.ConsoleLine
	off         chan error
	open        []func()            // end what the build's process has open
	gone        chan struct{}       // closed when it has ended
	said        map[string][]string // what the guest says when something happens
	// told is what the provisioners got, wanted what the disk check got.
	told   handoff.Guest
	wanted diskcheck.Expect
}

type fakeVolume struct {
	libvirtapi.Volume
	data []byte
}

func newWorld(t *testing.T) *world {
	return &world{
		t: t, fail: map[string]error{}, at: map[string]func(){}, volumes: map[string]*fakeVolume{},
		network: libvirtapi.Network{Name: "default", Active: true, DHCP: true},
		pool:    libvirtapi.Pool{Name: "default", Type: "dir", Path: "/pool", Available: 1 << 50},
		probe:   libvirtapi.Probe{Accelerator: libvirtapi.KVM},
		said: map[string][]string{
			"Resume": {
				beacon.Event{Stage: beacon.SetupWinPE, State: beacon.Start}.String(),
				beacon.Event{Stage: beacon.Bootstrap, State: beacon.Start}.String(),
			},
			"SetLink":   {beacon.Event{Stage: beacon.BootstrapReady, State: beacon.OK}.String()},
			"provision": {beacon.Event{Stage: beacon.Seal, State: beacon.Start}.String()},
		},
	}
}

// does notes a call and gives the error that it was told to give.
func (w *world) does(ctx context.Context, method string) error {
	w.mu.Lock()
	w.calls = append(w.calls, method)
	at, err := w.at[method], w.fail[method]
	w.mu.Unlock()
	if at != nil {
		at()
		if ctx.Err() != nil {
			return fmt.Errorf("%s: %w", method, ctx.Err())
		}
	}
	return err
}

func (w *world) says(when string) {
	w.mu.Lock()
	lines, say := w.lines, w.said[when]
	w.mu.Unlock()
	for _, text := range say {
		lines <- libvirtapi.ConsoleLine{Text: text}
	}
}

// powersOff ends the guest, as itself (nil) or otherwise.
func (w *world) powersOff(how error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.running && !w.stays {
		w.running = false
		w.off <- how
	}
}

// runsFull stops the machine as QEMU does when a write of its has found no room.
func (w *world) runsFull() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stopped = true
	w.off <- &libvirtapi.OffError{Domain: "ws2022", Kind: libvirtapi.EventSuspended}
}

func (w *world) called(method string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Contains(w.calls, method)
}

func (w *world) Host(ctx context.Context) (libvirtapi.Host, error) {
	return libvirtapi.Host{Libvirt: 9_000_000, QEMU: 7_002_000, Arch: "x86_64", KVM: true}, w.does(ctx, "Host")
}

func (w *world) Close() error { return w.does(context.Background(), "Close") }

func (w *world) DomainNames(ctx context.Context) ([]string, error) {
	return w.names, w.does(ctx, "DomainNames")
}

func (w *world) FindPool(ctx context.Context, name string) (libvirtapi.Pool, error) {
	return w.pool, w.does(ctx, "FindPool")
}

func (w *world) Network(ctx context.Context, name string) (libvirtapi.Network, error) {
	return w.network, w.does(ctx, "Network")
}

func (w *world) StartNetwork(ctx context.Context, name string) (bool, error) {
	return !w.network.Active, w.does(ctx, "StartNetwork")
}

func (w *world) ProbeKVM(ctx context.Context, pool string) (libvirtapi.Probe, error) {
	return w.probe, w.does(ctx, "ProbeKVM")
}

func (w *world) DomainCaps(ctx context.Context, acc libvirtapi.Accelerator) (libvirtapi.DomainCaps, error) {
	return libvirtapi.DomainCaps{
		Accelerator: acc, Emulator: "/usr/bin/qemu-system-x86_64", Machine: "pc-q35-7.2", MaxCPUs: 255,
		UEFI: true, Loaders: []string{"/usr/share/OVMF/OVMF_CODE_4M.fd"}, CPUModes: []string{"host-passthrough", "maximum"},
	}, w.does(ctx, "DomainCaps")
}

func (w *world) CreateVolume(ctx context.Context, pool string, spec libvirtapi.VolumeSpec) (libvirtapi.Volume, error) {
	w.mu.Lock()
	if _, taken := w.volumes[spec.Name]; taken {
		w.mu.Unlock()
		return libvirtapi.Volume{}, &libvirtapi.Error{Op: "create volume", Object: spec.Name, Kind: libvirtapi.ErrExists}
	}
	v := &fakeVolume{Volume: libvirtapi.Volume{
		Pool: pool, Name: spec.Name, Path: "/pool/" + spec.Name, Format: spec.Format, Capacity: spec.Capacity,
	}}
	w.volumes[spec.Name] = v
	w.mu.Unlock()
	return v.Volume, w.does(ctx, "CreateVolume")
}

func (w *world) UploadVolume(ctx context.Context, v libvirtapi.Volume, r io.Reader, size int64, _ libvirtapi.Progress) (libvirtapi.Volume, error) {
	data, err := io.ReadAll(r)
	if err != nil || int64(len(data)) != size {
		return v, fmt.Errorf("%d bytes of %d: %w", len(data), size, err)
	}
	w.mu.Lock()
	have := w.volumes[v.Name]
	if len(have.data) <= len(data) {
		have.data = make([]byte, len(data))
		have.Physical, have.Allocation = uint64(size), uint64(size)
	}
	copy(have.data, data)
	have.Modified = time.Now()
	w.mu.Unlock()
	return have.Volume, w.does(ctx, "UploadVolume")
}

func (w *world) LookupVolume(ctx context.Context, pool, name string) (libvirtapi.Volume, error) {
	if err := w.does(ctx, "LookupVolume"); err != nil {
		return libvirtapi.Volume{}, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	v, ok := w.volumes[name]
	if !ok {
		return libvirtapi.Volume{}, &libvirtapi.Error{Op: "look up volume", Object: name, Kind: libvirtapi.ErrNotFound}
	}
	return v.Volume, nil
}

func (w *world) VolumeNames(ctx context.Context, pool string) ([]string, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Sorted(maps.Keys(w.volumes)), nil
}

func (w *world) FilesInUse(ctx context.Context) (map[string]string, error) { return w.inUse, nil }

func (w *world) DeleteVolume(ctx context.Context, v libvirtapi.Volume) error {
	if err := w.does(ctx, "DeleteVolume"); err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.running {
		w.t.Errorf("volume %s is deleted under a running machine", v.Name)
	}
	delete(w.volumes, v.Name)
	return nil
}

func (w *world) CompactVolume(ctx context.Context, src libvirtapi.Volume, pool string, spec libvirtapi.VolumeSpec) (libvirtapi.Volume, error) {
	v, err := w.CreateVolume(ctx, pool, spec)
	if err != nil {
		return v, err
	}
	w.mu.Lock()
	if w.running {
		w.t.Error("the disk is compacted while the machine runs")
	}
	have := w.volumes[spec.Name]
	have.data = bytes.Repeat([]byte("compact "), 1<<17)
	have.Physical = uint64(len(have.data))
	w.mu.Unlock()
	return have.Volume, w.does(ctx, "CompactVolume")
}

func (w *world) DownloadVolume(ctx context.Context, v libvirtapi.Volume, to io.Writer, _ libvirtapi.Progress) (int64, error) {
	w.mu.Lock()
	data := w.volumes[v.Name].data
	w.mu.Unlock()
	n, err := to.Write(data[:len(data)/2])
	if err := errors.Join(err, w.does(ctx, "DownloadVolume")); err != nil {
		return int64(n), err
	}
	m, err := to.Write(data[len(data)/2:])
	return int64(n + m), err
}

func (w *world) DefineDomain(ctx context.Context, xml string) (libvirtapi.Domain, error) {
	between := func(tag string) string {
		_, rest, _ := strings.Cut(xml, "<"+tag+">")
		text, _, _ := strings.Cut(rest, "</"+tag+">")
		return text
	}
	d := libvirtapi.Domain{Name: between("name"), UUID: between("uuid")}
	w.mu.Lock()
	w.domain, w.xml = &d, xml
	w.mu.Unlock()
	return d, w.does(ctx, "DefineDomain")
}

func (w *world) LookupDomain(ctx context.Context, name string) (libvirtapi.Domain, error) {
	if err := w.does(ctx, "LookupDomain"); err != nil {
		return libvirtapi.Domain{}, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.domain == nil || w.domain.Name != name {
		return libvirtapi.Domain{}, &libvirtapi.Error{Op: "look up domain", Object: name, Kind: libvirtapi.ErrNotFound}
	}
	return *w.domain, nil
}

func (w *world) StartPaused(ctx context.Context, d libvirtapi.Domain) error {
	w.mu.Lock()
	if w.running {
		w.t.Error("the machine is started twice")
	}
	w.running, w.ran = true, false
	w.lines = make(chan libvirtapi.ConsoleLine, 100)
	gone := make(chan struct{})
	w.off, w.gone = make(chan error, 1), gone
	w.open = append(w.open, func() { close(gone) })
	w.mu.Unlock()
	return w.does(ctx, "StartPaused")
}

func (w *world) Listen(ctx context.Context, d libvirtapi.Domain) (<-chan libvirtapi.ConsoleLine, func(), error) {
	lines := w.lines
	hangUp := sync.OnceFunc(func() { close(lines) })
	w.mu.Lock()
	w.open = append(w.open, hangUp)
	w.mu.Unlock()
	return lines, hangUp, w.does(ctx, "Listen")
}

func (w *world) AwaitOff(ctx context.Context, d libvirtapi.Domain) error {
	w.mu.Lock()
	off, gone := w.off, w.gone
	w.mu.Unlock()
	select {
	case err := <-off:
		return err
	case <-gone:
		return errors.New("the connection is closed")
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (w *world) Resume(ctx context.Context, d libvirtapi.Domain) error {
	if !w.called("Listen") {
		w.t.Error("the machine runs before its console is open")
	}
	w.mu.Lock()
	ran := w.ran
	w.ran = true
	w.mu.Unlock()
	if ran {
		return w.goOn(ctx)
	}
	if err := w.does(ctx, "Resume"); err != nil {
		return err
	}
	w.says("Resume")
	return nil
}

// goOn is the resume of a machine that has run before.
func (w *world) goOn(ctx context.Context) error {
	if err := w.does(ctx, "go on"); err != nil {
		return err
	}
	w.mu.Lock()
	stopped, full := w.stopped, w.full
	w.stopped = false
	w.mu.Unlock()
	switch {
	case !stopped:
		return &libvirtapi.Error{Op: "resume domain", Object: "ws2022", Kind: libvirtapi.ErrState}
	case full:
		w.runsFull()
	default:
		w.says("go on")
	}
	return nil
}

func (w *world) SetLink(ctx context.Context, d libvirtapi.Domain, mac string, up bool) error {
	if err := w.does(ctx, "SetLink"); err != nil {
		return err
	}
	w.mu.Lock()
	w.linkUp = up
	w.mu.Unlock()
	w.says("SetLink")
	return nil
}

func (w *world) AttachDisk(ctx context.Context, d libvirtapi.Domain, target string, disk libvirtapi.DiskSpec) error {
	w.mu.Lock()
	w.plugged = append(w.plugged, target+" "+string(disk.Bus))
	w.mu.Unlock()
	return w.does(ctx, "AttachDisk")
}

func (w *world) Lease(ctx context.Context, network, mac string) (libvirtapi.Lease, error) {
	if err := w.does(ctx, "Lease"); err != nil {
		return libvirtapi.Lease{}, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.linkUp {
		return libvirtapi.Lease{}, &libvirtapi.Error{Op: "look for a lease", Object: mac, Kind: libvirtapi.ErrNotFound}
	}
	return libvirtapi.Lease{Address: netip.MustParseAddr("192.0.2.7"), MAC: mac}, nil
}

// Screenshot gives a picture of what hangs; a machine that is off has no screen.
func (w *world) Screenshot(ctx context.Context, d libvirtapi.Domain, to io.Writer) (string, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.running || !w.screen {
		return "", &libvirtapi.Error{Op: "take a picture of domain", Kind: libvirtapi.ErrState}
	}
	if err := w.fail["Screenshot"]; err != nil {
		return "", err
	}
	_, err := io.WriteString(to, "\x89PNG\r\n\x1a\n")
	return libvirtapi.MediaPNG, err
}

func (w *world) Destroy(ctx context.Context, d libvirtapi.Domain) error {
	if err := w.does(ctx, "Destroy"); err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.running = false
	return nil
}

func (w *world) Undefine(ctx context.Context, d libvirtapi.Domain) error {
	if err := w.does(ctx, "Undefine"); err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.running {
		w.t.Error("a running machine is undefined")
	}
	w.domain = nil
	return nil
}

// Run is the provisioners: the last one seals, and the machine powers off.
func (w *world) Run(ctx context.Context, name string, _ packersdk.Ui, _ packersdk.Communicator, data any) error {
	if name != packersdk.HookProvision {
		return nil
	}
	if err := w.does(ctx, "provision"); err != nil {
		return err
	}
	if id := data.(map[string]any)["ID"]; w.domain == nil || id != w.domain.UUID {
		w.t.Errorf("provisioners get %v as build.ID, the domain is %v", id, w.domain)
	}
	text, _ := data.(map[string]any)[handoff.GuestKey].(string)
	var err error
	if w.told, err = handoff.ParseGuest(text); err != nil {
		w.t.Errorf("provisioners get %q: %v", text, err)
	}
	w.says("provision")
	if w.provisioner != nil {
		return w.provisioner(ctx)
	}
	go func() {
		time.Sleep(5 * time.Millisecond)
		w.powersOff(nil)
	}()
	return nil
}

// connector stands for the SDK's connect step.
type connector struct {
	w    *world
	comm *communicator.Config
}

func (c *connector) Run(ctx context.Context, bag multistep.StateBag) multistep.StepAction {
	if err := c.w.does(ctx, "connect"); err != nil {
		bag.Put("error", err)
		return multistep.ActionHalt
	}
	c.w.post = func() error {
		transport := c.comm.WinRMTransportDecorator()
		if err := transport.Transport(&winrmlib.Endpoint{Host: "192.0.2.7", Port: 5986, HTTPS: true}); err != nil {
			return err
		}
		message := soap.NewMessage()
		_, err := transport.Post(nil, message)
		if err != nil && strings.Contains(err.Error(), "WinRM library asks for the action") {
			return nil // it was let through
		}
		return err
	}
	bag.Put("communicator", &packersdk.MockCommunicator{})
	bag.Put("communicator_config", c.comm)
	return multistep.ActionContinue
}

func (*connector) Cleanup(multistep.StateBag) {}

// testDiscs are a real small Windows disc and a drivers ISO that is not read.
type testDiscs struct {
	discs
	drivers driverISO
}

func (d testDiscs) Drivers(string) (driverSource, io.Closer, error) {
	return d.drivers, io.NopCloser(nil), nil
}

func (w *world) effects() effects {
	return effects{
		connect: func(ctx context.Context, uri string) (connection, error) {
			return w, w.does(ctx, "connect libvirt")
		},
		discs: testDiscs{},
		space: func(string) (uint64, error) { return 1 << 50, nil },
		stat:  libvirtapi.LocalStat,
		probe: func(ctx context.Context, address string, _ winrm.Pin) error {
			if address != "192.0.2.7" {
				w.t.Errorf("%q is probed", address)
			}
			return w.does(ctx, "probe")
		},
		connector: func(c *communicator.Config) multistep.Step { return &connector{w, c} },
		check: func(ctx context.Context, path string, want diskcheck.Expect) (*diskcheck.Report, error) {
			if err := w.does(ctx, "check"); err != nil {
				return nil, err
			}
			w.wanted = want
			if _, err := os.Stat(path); err != nil {
				w.t.Error(err)
			}
			return &diskcheck.Report{
				Findings: []handoff.Finding{{ID: "image-state", Severity: handoff.OK, Object: "SOFTWARE", Found: "sealed"}},
				Facts:    diskcheck.Facts{VirtualSize: 40 << 30, ImageState: "IMAGE_STATE_GENERALIZE_RESEAL_TO_OOBE", AgentVersion: "109.0", Drivers: "0.1.271"},
			}, nil
		},
		now: time.Now, poll: 2 * time.Millisecond, grace: 50 * time.Millisecond, patience: 20 * time.Millisecond,
	}
}

// bench is one build in folders of its own.
type bench struct {
	*world
	builder *Builder
	iso     string
	out     string // output_directory
	temp    string
	journal string
	ui      *screen
}

type screen struct {
	packersdk.BasicUi
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

func newBench(t *testing.T, fields map[string]any) *bench {
	t.Helper()
	dir := t.TempDir()
	b := &bench{world: newWorld(t), builder: &Builder{}, ui: &screen{}}
	b.ui.Writer, b.ui.ErrorWriter, b.ui.PB = b.ui, b.ui, &packersdk.NoopProgressTracker{}
	b.out, b.temp = filepath.Join(dir, "out"), filepath.Join(dir, "tmp")
	b.journal = filepath.Join(dir, "cache", "wintemplate-journal")
	if err := os.Mkdir(b.temp, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TMPDIR", b.temp)
	t.Setenv("PACKER_CACHE_DIR", filepath.Join(dir, "cache"))
	b.iso = mediatest.Build(t, mediatest.Spec(mediatest.Server2022Eval()))
	drivers := filepath.Join(dir, "virtio-win.iso")
	payload := filepath.Join(dir, "CloudbaseInitSetup_x64.msi")
	for _, path := range []string{drivers, payload} {
		if err := os.WriteFile(path, []byte(path), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	raw := with(map[string]any{
		"iso_url": b.iso, "drivers_iso_url": drivers, "payload": []string{payload}, "edition": "", "image_index": 2,
		"output_directory": b.out, "vm_name": "ws2022", "winrm_password": testPassword,
	})
	for k, v := range fields {
		raw[k] = v
	}
	if _, _, err := b.builder.Prepare(raw); err != nil {
		t.Fatal(err)
	}
	return b
}

// swapISO puts another Windows disc of the same length and time in the ISO's
// place, as a sync or a rename does.
func (b *bench) swapISO() {
	before, err := os.Stat(b.iso)
	if err != nil {
		b.t.Error(err)
		return
	}
	spec := mediatest.Spec(mediatest.Server2022Eval())
	spec.Label = "SSS_X64FREE_KO-KR_DV9"
	other := mediatest.Build(b.t, spec)
	if err := errors.Join(os.Chtimes(other, before.ModTime(), before.ModTime()), os.Rename(other, b.iso)); err != nil {
		b.t.Error(err)
	}
	if after, err := os.Stat(b.iso); err != nil || after.Size() != before.Size() {
		b.t.Errorf("the other disc has %d bytes, not %d (%v)", after.Size(), before.Size(), err)
	}
}

// unlocks waits until a build's claim of its output has gone with its files. The
// end of a process closes them; in a test only the garbage collector does.
func (b *bench) unlocks() {
	for end := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		runtime.GC()
		release, err := claimOutput(b.journal, b.out)
		if err == nil {
			if err := release(); err != nil {
				b.t.Error(err)
			}
			return
		}
		if time.Now().After(end) {
			b.t.Fatalf("the killed build holds its output: %v", err)
		}
	}
}

func (b *bench) build(ctx context.Context) (*Artifact, error) {
	return b.run(ctx, b.effects())
}

// The runtime's machinery for signals is made here, once, by the first who asks
// for one: a build in a bubble would have it in its own.
func init() {
	c := make(chan os.Signal, 1)
	signal.Notify(c, os.Interrupt)
	signal.Stop(c)
}

// run has the build on a clock of its own, which stands while anything is at
// work: a time limit of milliseconds then ends what waits for ever, and never
// what a busy host is slow at. The clock begins at the time of the files.
func (b *bench) run(ctx context.Context, e effects) (artifact *Artifact, err error) {
	ctx.Done() // made here: ctx is its maker's to cancel, in the bubble and after it
	began := time.Now().Round(0)
	synctest.Test(b.t, func(*testing.T) {
		time.Sleep(time.Until(began))
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		artifact, err = b.builder.run(ctx, packerui.Wrap(b.ui), b.world, e)
		b.ends()
		time.Sleep(time.Hour) // whatever the guest was about to do
	})
	return artifact, err
}

// ends closes the connections that a build which was told to leave all has
// left open, as the end of its process does; whoever comes to one later finds
// it closed.
func (w *world) ends() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, end := range w.open {
		end()
	}
	w.open = nil
}

// leftovers lists whatever a build has left in the world.
func (b *bench) leftovers() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var left []string
	for name := range b.volumes {
		left = append(left, "volume "+name)
	}
	if b.domain != nil {
		left = append(left, "domain "+b.domain.Name)
	}
	if b.running {
		left = append(left, "a running machine")
	}
	for _, dir := range []string{b.temp, b.journal} {
		entries, _ := os.ReadDir(dir)
		for _, e := range entries {
			left = append(left, filepath.Base(dir)+" "+e.Name())
		}
	}
	if _, err := os.Stat(b.out); err == nil {
		left = append(left, "output_directory")
	}
	slices.Sort(left)
	return left
}
