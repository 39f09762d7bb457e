package libvirtapi_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/libvirtapi"
)

var update = flag.Bool("update", false, "write the golden files anew")

// buildSpec is a domain as a build makes it.
func buildSpec(acc libvirtapi.Accelerator, fw libvirtapi.Firmware, root libvirtapi.Bus) libvirtapi.DomainSpec {
	const pool = "/var/lib/libvirt/images/"
	return libvirtapi.DomainSpec{
		Name:        "wintemplate-ws2022-1a2b3c4d",
		UUID:        "7d5be0f5-9c2a-4f0e-8d6b-2b1f6a3c4d5e",
		Owner:       libvirtapi.Owner{Build: "1a2b3c4d", Version: "0.1.0"},
		Accelerator: acc,
		Firmware:    fw,
		CPUs:        2,
		MemoryMiB:   4096,
		ClockOffset: 9 * time.Hour,
		Disks: []libvirtapi.DiskSpec{
			{Path: pool + "wintemplate-1a2b3c4d.qcow2", Format: "qcow2", Bus: root, BootOrder: 1, Serial: "wintemplate-root"},
		},
		CDs: []libvirtapi.CDSpec{
			{
				Path: pool + "wintemplate-1a2b3c4d-install.qcow2", Format: "qcow2", BootOrder: 2,
				Backing: &libvirtapi.Backing{Path: "/srv/iso/server & 2022.iso", Format: "raw", KeepOwner: true},
			},
			{Path: pool + "wintemplate-1a2b3c4d-answers.iso", Format: "raw"},
		},
		NIC: libvirtapi.NICSpec{MAC: "52:54:00:12:34:56", Network: "default"},
	}
}

// eachSpec runs f for every combination that a build can have.
func eachSpec(t *testing.T, f func(t *testing.T, name string, spec libvirtapi.DomainSpec)) {
	for _, acc := range []libvirtapi.Accelerator{libvirtapi.KVM, libvirtapi.TCG} {
		for _, fw := range []libvirtapi.Firmware{libvirtapi.UEFI, libvirtapi.BIOS} {
			for _, root := range []libvirtapi.Bus{libvirtapi.VirtioBlk, libvirtapi.VirtioSCSI} {
				name := strings.ToLower(fmt.Sprintf("%s-%s-%s", acc, fw, root))
				t.Run(name, func(t *testing.T) { f(t, name, buildSpec(acc, fw, root)) })
			}
		}
		name := strings.ToLower(fmt.Sprintf("%s-uefi-secure-boot-tpm", acc))
		t.Run(name, func(t *testing.T) { f(t, name, secureSpec(acc)) })
	}
}

// secureSpec is a machine as Windows 11 wants it.
func secureSpec(acc libvirtapi.Accelerator) libvirtapi.DomainSpec {
	spec := buildSpec(acc, libvirtapi.UEFI, libvirtapi.VirtioBlk)
	spec.TPM, spec.SecureBoot = true, true
	return spec
}

func TestDomainXMLGolden(t *testing.T) {
	eachSpec(t, func(t *testing.T, name string, spec libvirtapi.DomainSpec) {
		got, err := libvirtapi.DomainXML(spec)
		if err != nil {
			t.Fatal(err)
		}
		golden := filepath.Join("testdata", "domain", name+".xml")
		if *update {
			if err := os.WriteFile(golden, []byte(got+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(strings.TrimSuffix(string(want), "\n"), got); diff != "" {
			t.Errorf("the domain differs from %s (-golden +now); is it meant? go test -update\n%s", golden, diff)
		}
	})
}

func TestDomainXMLVariants(t *testing.T) {
	change := func(f func(*libvirtapi.DomainSpec)) string {
		t.Helper()
		spec := buildSpec(libvirtapi.KVM, libvirtapi.UEFI, libvirtapi.VirtioBlk)
		f(&spec)
		doc, err := libvirtapi.DomainXML(spec)
		if err != nil {
			t.Fatal(err)
		}
		return doc
	}
	tests := []struct {
		name      string
		change    func(*libvirtapi.DomainSpec)
		has, lack []string
	}{
		{
			"guest west of Greenwich", func(s *libvirtapi.DomainSpec) { s.ClockOffset = -8 * time.Hour },
			[]string{`offset="variable" basis="utc" adjustment="-28800"`},
			nil,
		},
		{"UTC guest", func(s *libvirtapi.DomainSpec) { s.ClockOffset = 0 }, []string{`adjustment="0"`}, nil},
		{"link up", func(s *libvirtapi.DomainSpec) { s.NIC.LinkUp = true }, []string{`<link state="up">`}, []string{`<link state="down">`}},
		{
			"bridge", func(s *libvirtapi.DomainSpec) { s.NIC.Network, s.NIC.Bridge = "", "br0" },
			[]string{`<interface type="bridge">`, `<source bridge="br0">`},
			[]string{`network="default"`},
		},
		{
			"screen on a port", func(s *libvirtapi.DomainSpec) { s.VNC = libvirtapi.VNCLocalhost },
			[]string{`autoport="yes"`, `address="127.0.0.1"`},
			[]string{`type="socket"`, "0.0.0.0"},
		},
		{
			"neither TPM nor Secure Boot unless asked for", func(*libvirtapi.DomainSpec) {},
			[]string{`<feature enabled="no" name="enrolled-keys">`, `<feature enabled="no" name="secure-boot">`},
			[]string{"<tpm", "<smm", "<loader"},
		},
		{
			"TPM", func(s *libvirtapi.DomainSpec) { s.TPM = true },
			[]string{`<tpm model="tpm-crb">`, `<backend type="emulator" version="2.0">`, `<feature enabled="no" name="secure-boot">`},
			[]string{"<smm", "persistent_state"},
		},
		{
			"Secure Boot", func(s *libvirtapi.DomainSpec) { s.SecureBoot = true },
			[]string{`<feature enabled="yes" name="enrolled-keys">`, `<feature enabled="yes" name="secure-boot">`, `<loader secure="yes">`, `<smm state="on">`},
			[]string{"<tpm"},
		},
		{"screen on a socket", func(*libvirtapi.DomainSpec) {}, []string{`<listen type="socket">`}, []string{"autoport"}},
		{
			"only what the host's KVM has", func(s *libvirtapi.DomainSpec) { s.HyperV = []string{"relaxed", "vapic", "spinlocks"} },
			[]string{"<relaxed", "<vapic", "<spinlocks"},
			[]string{"<stimer", "<synic", "<vpindex", "<frequencies"},
		},
		{"ISO copied into the pool", func(s *libvirtapi.DomainSpec) { s.CDs[0].Backing.KeepOwner = false }, []string{"server &amp; 2022.iso"}, []string{"seclabel"}},
		{"empty drive", func(s *libvirtapi.DomainSpec) { s.CDs[1] = libvirtapi.CDSpec{} }, []string{`dev="sdb"`}, []string{"answers.iso"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			doc := change(tt.change)
			for _, want := range tt.has {
				if !strings.Contains(doc, want) {
					t.Errorf("the domain lacks %s:\n%s", want, doc)
				}
			}
			for _, not := range tt.lack {
				if strings.Contains(doc, not) {
					t.Errorf("the domain holds %s:\n%s", not, doc)
				}
			}
		})
	}
}

func TestDomainXMLNamesEveryWrongField(t *testing.T) {
	_, err := libvirtapi.DomainXML(libvirtapi.DomainSpec{
		Name: "a/b", UUID: "x", Accelerator: "xen", Firmware: "coreboot", Machine: "pc", ClockOffset: time.Millisecond, VNC: "world", SecureBoot: true,
		Disks: []libvirtapi.DiskSpec{
			{Path: "rel", Format: "vmdk", Bus: "ide", BootOrder: 1, Serial: strings.Repeat("x", 21)},
			{Path: "/a", Format: "raw", Bus: libvirtapi.VirtioBlk, BootOrder: 1},
		},
		CDs: []libvirtapi.CDSpec{{Path: "/b", Format: "raw", Backing: &libvirtapi.Backing{Path: "c"}}, {}, {}, {}, {}, {}, {}},
		NIC: libvirtapi.NICSpec{MAC: "01:00:5e:00:00:01", Network: "n", Bridge: "b"},
	})
	if err == nil {
		t.Fatal("accepted")
	}
	for _, field := range []string{
		"Name", "UUID", "Accelerator", "Firmware", "Machine", "CPUs", "MemoryMiB", "ClockOffset", "VNC", "SecureBoot", "NIC.MAC", "NIC:",
		"Disks[0].Path", "Disks[0].Format", "Disks[0].Bus", "Disks[0].Serial", "Disks[1].BootOrder", "CDs[0].Backing", "on SATA",
	} {
		if !strings.Contains(err.Error(), field) {
			t.Errorf("%s is not named in:\n%v", field, err)
		}
	}
}
