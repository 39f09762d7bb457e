package libvirtapi_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	golibvirt "github.com/digitalocean/go-libvirt"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/libvirtapi"
)

func TestSplitLines(t *testing.T) {
	tests := []struct {
		name   string
		chunks []string
		want   []string
	}{
		{"line ends", []string{"a\nb\r\nc"}, []string{"a", "b", "c"}},
		{"cut anywhere", []string{"wintem", "plate: boot", "strap ok\r", "\nnext"}, []string{"wintemplate: bootstrap ok", "next"}},
		{"OVMF's screen", []string{"\x1b[2J\x1b[01;01H\x1b[=3h\x1b[2J\x1b[01;01Hwintemplate: setup.winpe start\r\n"}, []string{"wintemplate: setup.winpe start"}},
		{"sequence cut in two", []string{"\x1b", "[3", "7mBdsDxe\x1b[", "0m: loading\r\n"}, []string{"BdsDxe: loading"}},
		{"redrawn line", []string{"10%\r20%\rwintemplate: seal ok\r\n"}, []string{"10%", "20%", "wintemplate: seal ok"}},
		{"broken sequence keeps the next line", []string{"\x1b[12\nwintemplate: seal ok\n"}, []string{"", "wintemplate: seal ok"}},
		{"window title", []string{"\x1b]0;title\x07x\x1b]0;t\x1b\\y\n"}, []string{"xy"}},
		{"no text", []string{"a\x00\x07b\xffc\n"}, []string{"ab\uFFFDc"}},
		{"charset", []string{"\x1b(Bx\n"}, []string{"x"}},
		{"empty", []string{"\n\r\n"}, []string{"", ""}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := libvirtapi.SplitLines(tt.chunks...); !slices.Equal(got, tt.want) {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
	long := libvirtapi.SplitLines(strings.Repeat("x", 10_000))
	if len(long) != 3 || len(long[0]) != 4096 {
		t.Errorf("a line without end: %d pieces", len(long))
	}
}

// packet builds what a daemon sends.
func packet(proc, kind, status uint32, payload []byte) []byte {
	b := make([]byte, 0, 28+len(payload))
	for _, w := range []uint32{uint32(28 + len(payload)), 0x20008086, 1, proc, kind, 7, status} {
		b = binary.BigEndian.AppendUint32(b, w)
	}
	return append(b, payload...)
}

func TestPacketWatch(t *testing.T) {
	xdrError := func(code uint32, message string) []byte {
		b := binary.BigEndian.AppendUint32(nil, code)
		b = binary.BigEndian.AppendUint32(b, 18)
		b = binary.BigEndian.AppendUint32(b, 1)
		b = binary.BigEndian.AppendUint32(b, uint32(len(message)))
		return append(b, message+"\x00\x00"...)
	}
	stream := slices.Concat(
		packet(212, 1, 0, []byte("state")),                    // another call's reply
		packet(107, 2, 0, make([]byte, 5000)),                 // an event
		packet(201, 1, 0, nil),                                // the console is open
		packet(201, 3, 2, []byte("console data")),             // its data
		packet(208, 3, 1, xdrError(38, "No space left\ttab")), // an upload fails
	)
	for _, step := range []int{1, 3, 27, 28, 29, len(stream)} {
		t.Run(fmt.Sprint(step), func(t *testing.T) {
			w := libvirtapi.NewPacketWatch()
			opened := w.OnReply(201)
			for i := 0; i < len(stream); i += step {
				w.Feed(stream[i:min(i+step, len(stream))])
			}
			select {
			case yes := <-opened:
				if !yes {
					t.Error("a yes was taken for a no")
				}
			default:
				t.Error("the reply was missed")
			}
			select {
			case e := <-w.Failed():
				if e.Code != 38 || e.Message != "No space left\ttab" {
					t.Errorf("%+v", e)
				}
			default:
				t.Error("the error was missed")
			}
		})
	}
	w := libvirtapi.NewPacketWatch()
	opened := w.OnReply(201)
	w.Feed(packet(201, 1, 1, xdrError(9, "busy")))
	if <-opened {
		t.Error("a refusal was taken for a yes")
	}
	// A broken error does not break us.
	w.Feed(packet(208, 3, 1, []byte{0, 0}))
	if e := <-w.Failed(); e.Message == "" {
		t.Errorf("%+v", e)
	}
}

// tree is a file system of modes.
type tree map[string]libvirtapi.PathInfo

func (f tree) stat(p string) (libvirtapi.PathInfo, error) {
	if info, ok := f[p]; ok {
		return info, nil
	}
	if _, ok := f[path.Dir(p)]; !ok && p != "/" {
		return libvirtapi.PathInfo{}, fs.ErrPermission
	}
	return libvirtapi.PathInfo{}, fs.ErrNotExist
}

func TestCheckAccess(t *testing.T) {
	const qemu, group, alice = 64055, 108, 1000
	dir := func(perm fs.FileMode, uid, gid uint32) libvirtapi.PathInfo {
		return libvirtapi.PathInfo{Mode: fs.ModeDir | perm, UID: uid, GID: gid}
	}
	file := func(perm fs.FileMode, uid, gid uint32) libvirtapi.PathInfo {
		return libvirtapi.PathInfo{Mode: perm, UID: uid, GID: gid}
	}
	files := tree{
		"/": dir(0o755, 0, 0), "/srv": dir(0o755, 0, 0), "/home": dir(0o755, 0, 0),
		"/srv/a.iso":                     file(0o644, 0, 0),
		"/srv/private.iso":               file(0o600, alice, alice),
		"/srv/group.iso":                 file(0o640, 0, group),
		"/srv/own.iso":                   file(0o400, qemu, group),
		"/srv/ownnot.iso":                file(0o044, qemu, group),
		"/home/alice":                    dir(0o750, alice, alice),
		"/home/alice/a.iso":              file(0o644, alice, alice),
		"/home/bob":                      dir(0o755, 1001, 1001),
		"/home/bob/.cache":               dir(0o755, 1001, 1001),
		"/home/bob/.cache/packer":        dir(0o755, 1001, 1001),
		"/home/bob/.cache/packer/x.iso":  file(0o644, 1001, 1001),
		"/home/bob/iso":                  dir(0o711, 1001, 1001),
		"/home/bob/iso/.hidden":          dir(0o755, 1001, 1001),
		"/home/bob/iso/.hidden/deep.iso": file(0o644, 1001, 1001),
	}
	plain := libvirtapi.Host{DiskUser: libvirtapi.User{UID: qemu, GID: group}}
	armor := plain
	armor.AppArmor = true
	tests := []struct {
		name string
		host libvirtapi.Host
		path string
		want string // "" is yes
	}{
		{"open to all", plain, "/srv/a.iso", ""},
		{"open to all, AppArmor", armor, "/srv/a.iso", ""},
		{"file of another", plain, "/srv/private.iso", "/srv/private.iso has mode 0600"},
		{"by group", plain, "/srv/group.iso", ""},
		{"own", plain, "/srv/own.iso", ""},
		{"own, but only others may", plain, "/srv/ownnot.iso", "may not read"},
		{"Ubuntu's home", plain, "/home/alice/a.iso", "/home/alice has mode 0750"},
		{"QEMU is root", libvirtapi.Host{}, "/home/alice/a.iso", ""},
		{"the session's QEMU is the user", libvirtapi.Host{Session: true, DiskUser: libvirtapi.User{UID: qemu}}, "/srv/private.iso", ""},
		{"Packer's cache without AppArmor", plain, "/home/bob/.cache/packer/x.iso", ""},
		{"Packer's cache with AppArmor", armor, "/home/bob/.cache/packer/x.iso", "/home/bob/.cache"},
		{"hidden deeper is allowed", armor, "/home/bob/iso/.hidden/deep.iso", ""},
		{"root's cache with AppArmor", libvirtapi.Host{AppArmor: true}, "/root/.cache/packer/x.iso", "/root/.cache"},
		{"not there", plain, "/srv/none.iso", "file does not exist"},
		{"not absolute", plain, "a.iso", "not absolute"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := libvirtapi.CheckAccess(tt.host, tt.path, files.stat)
			switch {
			case tt.want == "" && err != nil:
				t.Errorf("denied: %v", err)
			case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("%v, want one that says %q", err, tt.want)
			}
		})
	}
	if err := libvirtapi.CheckAccess(plain, "/srv/private.iso", files.stat); !errors.Is(err, libvirtapi.ErrPermission) {
		t.Errorf("%v", err)
	}
}

func TestParseCapabilities(t *testing.T) {
	const doc = `<capabilities>
  <host><cpu><arch>x86_64</arch></cpu>
    <secmodel><model>apparmor</model><doi>0</doi></secmodel>
    <secmodel><model>dac</model><doi>0</doi>
      <baselabel type='kvm'>+64055:+108</baselabel><baselabel type='qemu'>+1:+2</baselabel></secmodel>
  </host>
  <guest><os_type>hvm</os_type><arch name='i686'><domain type='kvm'/></arch></guest>
  <guest><os_type>hvm</os_type><arch name='x86_64'><domain type='qemu'/>%s</arch></guest>
</capabilities>`
	for kvm, with := range map[bool]string{true: "<domain type='kvm'/>", false: ""} {
		h, err := libvirtapi.ParseCapabilities(fmt.Sprintf(doc, with))
		want := libvirtapi.Host{Arch: "x86_64", KVM: kvm, AppArmor: true, DiskUser: libvirtapi.User{UID: 64055, GID: 108}}
		if err != nil || h != want {
			t.Errorf("%+v, %v; want %+v", h, err, want)
		}
	}
	for _, bad := range []string{"<capabilities>", `<capabilities><host><secmodel><model>dac</model><baselabel type='kvm'>root</baselabel></secmodel></host></capabilities>`} {
		if h, err := libvirtapi.ParseCapabilities(bad); err == nil {
			t.Errorf("%q gave %+v", bad, h)
		}
	}
}

func TestHostSupported(t *testing.T) {
	ok := libvirtapi.Host{Libvirt: libvirtapi.MinLibvirt, QEMU: libvirtapi.MinQEMU}
	if err := ok.Supported(); err != nil {
		t.Error(err)
	}
	for _, h := range []libvirtapi.Host{{Libvirt: 7_000_000, QEMU: 7_000_000}, {Libvirt: 9_000_000, QEMU: 6_001_050}} {
		err := h.Supported()
		if !errors.Is(err, libvirtapi.ErrUnsupported) || !strings.Contains(err.Error(), "oldest") {
			t.Errorf("%+v: %v", h, err)
		}
	}
	if got := libvirtapi.Version(6_001_050).String(); got != "6.1.50" {
		t.Error(got)
	}
}

func TestDomainCapsMissing(t *testing.T) {
	caps, err := libvirtapi.ParseDomainCaps(libvirtapi.KVM, `<domainCapabilities><machine>pc-q35-7.2</machine><os supported='yes'><enum name='firmware'/></os>
<cpu><mode name='host-passthrough' supported='no'/><mode name='custom' supported='yes'/></cpu>
<features><hyperv supported='yes'><enum name='features'><value>relaxed</value></enum></hyperv></features></domainCapabilities>`)
	if err != nil || !slices.Equal(caps.HyperV, []string{"relaxed"}) {
		t.Fatalf("%+v, %v", caps, err)
	}
	if err := caps.Missing(libvirtapi.UEFI); !errors.Is(err, libvirtapi.ErrUnsupported) || !strings.Contains(err.Error(), "ovmf") {
		t.Errorf("%v", err)
	}
	if err := caps.Missing(libvirtapi.BIOS); err == nil || !strings.Contains(err.Error(), "host-passthrough") || !strings.Contains(err.Error(), "custom") {
		t.Errorf("%v", err)
	}
}

func TestDomainCapsOfTPMAndSecureBoot(t *testing.T) {
	const (
		os  = `<os supported='yes'><enum name='firmware'><value>efi</value></enum><loader supported='yes'><enum name='secure'>%s</enum></loader></os>`
		tpm = `<devices><tpm supported='%s'><enum name='model'><value>tpm-tis</value>%s</enum><enum name='backendModel'><value>passthrough</value>%s</enum>%s</tpm></devices>`
	)
	doc := func(secure, supported, model, backend, version string) string {
		return "<domainCapabilities><machine>pc-q35-7.2</machine>" + fmt.Sprintf(os, secure) + fmt.Sprintf(tpm, supported, model, backend, version) + "</domainCapabilities>"
	}
	const (
		yes      = "<value>yes</value><value>no</value>"
		crb      = "<value>tpm-crb</value>"
		emulator = "<value>emulator</value>"
		v12      = "<enum name='backendVersion'><value>1.2</value></enum>"
		both     = "<enum name='backendVersion'><value>1.2</value><value>2.0</value></enum>"
	)
	for _, tt := range []struct {
		name            string
		doc             string
		tpm, secureBoot bool
	}{
		{"everything", doc(yes, "yes", crb, emulator, both), true, true},
		{"a libvirt that lists no versions", doc(yes, "yes", crb, emulator, ""), true, true},
		{"swtpm is not installed", doc(yes, "yes", crb, "", both), false, true},
		{"only TPM 1.2", doc(yes, "yes", crb, emulator, v12), false, true},
		{"a QEMU without CRB", doc(yes, "yes", "", emulator, both), false, true},
		{"no TPM at all", doc(yes, "no", crb, emulator, both), false, true},
		{"OVMF without Secure Boot", doc("<value>no</value>", "yes", crb, emulator, both), true, false},
	} {
		caps, err := libvirtapi.ParseDomainCaps(libvirtapi.TCG, tt.doc)
		if err != nil || caps.TPM != tt.tpm || caps.SecureBoot != tt.secureBoot {
			t.Errorf("%s: TPM %v, Secure Boot %v, %v", tt.name, caps.TPM, caps.SecureBoot, err)
		}
		if err := caps.MissingTPM(); (err == nil) != tt.tpm || err != nil && !strings.Contains(err.Error(), "install swtpm") {
			t.Errorf("%s: %v", tt.name, err)
		}
		if err := caps.MissingSecureBoot(); (err == nil) != tt.secureBoot || err != nil && !strings.Contains(err.Error(), "ovmf") {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

// What libvirt 9.0 said on a host whose firmware descriptor 40-edk2-x86_64-secure-enrolled.json was masked.
func TestFirmwareThatIsNotThere(t *testing.T) {
	err := libvirtapi.FirmwareError(&libvirtapi.Error{Op: "start domain", Message: "operation failed: Unable to find any firmware to satisfy 'efi'"})
	if !errors.Is(err, libvirtapi.ErrUnsupported) || !strings.Contains(err.Error(), "keys enrolled") {
		t.Errorf("%v", err)
	}
	other := &libvirtapi.Error{Op: "start domain", Message: "operation failed: out of memory"}
	if err := libvirtapi.FirmwareError(other); !errors.Is(err, error(other)) || err.Error() != other.Error() || libvirtapi.FirmwareError(nil) != nil {
		t.Errorf("%v", err)
	}
}

// libvirt refuses flags that it does not know.
func TestUndefineFlags(t *testing.T) {
	for v, want := range map[libvirtapi.Version]golibvirt.DomainUndefineFlagsValues{8_000_000: 1 | 2 | 4 | 16, 8_008_000: 1 | 2 | 4 | 16, 8_009_000: 1 | 2 | 4 | 16 | 32} {
		if got := libvirtapi.UndefineFlags(v); got != want {
			t.Errorf("%s: %d, want %d", v, got, want)
		}
	}
}

func TestNewestLease(t *testing.T) {
	mac := func(s string) golibvirt.OptString { return golibvirt.OptString{s} }
	all := []golibvirt.NetworkDhcpLease{
		{Ipaddr: "192.168.122.9", Mac: mac("52:54:00:aa:bb:cc"), Expirytime: 100},
		{Ipaddr: "fd00::9", Mac: mac("52:54:00:AA:bb:cc"), Expirytime: 900},
		{Ipaddr: "192.168.122.10", Mac: mac("52:54:00:aa:bb:cc"), Expirytime: 200, Hostname: mac("WIN-X")},
		{Ipaddr: "192.168.122.11", Mac: mac("52:54:00:00:00:01"), Expirytime: 900},
		{Ipaddr: "192.168.122.12", Expirytime: 900},
	}
	got, ok := libvirtapi.NewestLease(all, "52-54-00-AA-BB-CC")
	want := libvirtapi.Lease{Address: netip.MustParseAddr("192.168.122.10"), MAC: "52:54:00:aa:bb:cc", Hostname: "WIN-X", Expires: time.Unix(200, 0)}
	if !ok || got != want {
		t.Errorf("%+v, %v", got, ok)
	}
	if _, ok := libvirtapi.NewestLease(all, "52:54:00:00:00:02"); ok {
		t.Error("a lease for a stranger")
	}
}

func TestParseNetwork(t *testing.T) {
	tests := map[string]libvirtapi.Network{
		`<network><name>d</name><forward mode='nat'/><bridge name='virbr0'/><ip address='192.168.122.1' netmask='255.255.255.0'><dhcp><range start='192.168.122.2' end='192.168.122.254'/></dhcp></ip></network>`: {
			Name: "d", Forward: "nat", Bridge: "virbr0", DHCP: true,
		},
		`<network><name>i</name><ip family='ipv6' address='fd00::1' prefix='64'><dhcp><range start='fd00::2' end='fd00::9'/></dhcp></ip></network>`: {Name: "i"},
		`<network><name>b</name><forward mode='bridge'/><bridge name='br0'/></network>`:                                                             {Name: "b", Forward: "bridge", Bridge: "br0"},
	}
	for doc, want := range tests {
		if got, err := libvirtapi.ParseNetwork(doc); err != nil || got != want {
			t.Errorf("%+v, %v; want %+v", got, err, want)
		}
	}
}

func TestOffErrorSaysWhatHappened(t *testing.T) {
	for kind, word := range map[libvirtapi.EventKind]string{
		libvirtapi.EventCrashed: "crashed", libvirtapi.EventPMSuspended: "sleep", libvirtapi.EventSuspended: "no space is left",
		libvirtapi.EventUndefined: "removed", libvirtapi.EventStopped: "destroyed",
	} {
		if got := (&libvirtapi.OffError{Domain: "d", Kind: kind, Detail: "destroyed"}).Error(); !strings.Contains(got, word) || !strings.Contains(got, `"d"`) {
			t.Errorf("%s: %s", kind, got)
		}
	}
	full, crash := &libvirtapi.OffError{Kind: libvirtapi.EventSuspended}, &libvirtapi.OffError{Kind: libvirtapi.EventCrashed}
	if !errors.Is(full, libvirtapi.ErrNoSpace) || errors.Is(crash, libvirtapi.ErrNoSpace) {
		t.Error("a full disk is not told from a crash")
	}
}

func TestDriveFiles(t *testing.T) {
	var got []string
	err := libvirtapi.DriveFiles(`<domain><devices>
<disk type='file' device='disk'><source file='/pool/a.qcow2'/></disk>
<disk type='block' device='disk'><source dev='/dev/sdz'/></disk>
<disk type='file' device='cdrom'><source file='/pool/b.qcow2'/><backingStore type='file'><format type='raw'/><source file='/pool/b &amp; c.iso'/><backingStore/></backingStore></disk>
<disk type='file' device='cdrom'/>
</devices></domain>`, func(path string) { got = append(got, path) })
	if want := []string{"/pool/a.qcow2", "/pool/b.qcow2", "/pool/b & c.iso"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%q, %v; want %q", got, err, want)
	}
}
