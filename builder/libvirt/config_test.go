package libvirt

import (
	"maps"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/hcl/v2/hcldec"
	"github.com/zclconf/go-cty/cty"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/handoff"
)

// minimal is the smallest source block.
func minimal() map[string]any {
	return map[string]any{
		"packer_build_name": "ws2022",
		"iso_url":           "ws2022.iso",
		"iso_checksum":      "none",
		"edition":           "SERVERSTANDARD",
		"drivers_iso_url":   "virtio-win.iso",
	}
}

func with(fields map[string]any) map[string]any {
	m := minimal()
	maps.Copy(m, fields)
	return m
}

func prepare(t *testing.T, raw map[string]any) (*Config, []string, error) {
	t.Helper()
	var b Builder
	generated, warnings, err := b.Prepare(raw)
	if len(generated) != 1 || generated[0] != handoff.GuestKey {
		t.Errorf("Prepare declares %v", generated)
	}
	return &b.config, warnings, err
}

func TestPrepareDefaults(t *testing.T) {
	c, _, err := prepare(t, minimal())
	if err != nil {
		t.Fatal(err)
	}
	for field, got := range map[string]any{
		"vm_name": c.VMName, "firmware": c.Firmware, "disk_size": c.DiskSize, "disk_bus": c.DiskBus,
		"cpus": c.CPUs, "memory": c.Memory, "accelerator": c.Accelerator, "libvirt_uri": c.LibvirtURI,
		"storage_pool": c.StoragePool, "network": c.Network, "output_directory": c.OutputDir,
		"winrm_port": c.Comm.WinRMPort, "communicator": c.Comm.Type, "winrm_use_ssl": c.Comm.WinRMUseSSL,
		"winrm_timeout": c.Comm.WinRMTimeout, "winrm_username": c.Comm.WinRMUser,
	} {
		want := map[string]any{
			"vm_name": "packer-ws2022", "firmware": "uefi", "disk_size": "40G", "disk_bus": "virtio-blk",
			"cpus": 2, "memory": 4096, "accelerator": "auto", "libvirt_uri": "qemu:///system",
			"storage_pool": "default", "network": "default", "output_directory": "output-ws2022",
			"winrm_port": 5986, "communicator": "winrm", "winrm_use_ssl": true,
			"winrm_timeout": 15 * time.Minute, "winrm_username": "packer",
		}[field]
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s is %v by default, want %v", field, got, want)
		}
	}
	if !c.poolUnset {
		t.Error("a pool that was not named may not be made")
	}
}

// TestPrepareNamesTheField gives one wrong value at a time: the message must
// begin with the field, and say what was found.
func TestPrepareNamesTheField(t *testing.T) {
	for _, c := range []struct {
		field string
		value any
		want  string // of the message; the field when empty
	}{
		{"iso_url", "", "iso_url: missing"},
		{"iso_checksum", "", "iso_checksum: missing"},
		{"iso_checksum", "sha256:xyz", "iso_url, iso_checksum:"},
		{"edition", "", "edition: missing"},
		{"image_index", -1, "image_index: -1"},
		{"language", "Korean", `language: "Korean"`},
		{"drivers_iso_url", "", "drivers_iso_url: missing"},
		{"payload", []string{"a/x.msi", "b/X.msi"}, "payload: "},
		{"payload", []string{"what?.msi*"}, "payload: "},
		{"payload", []string{""}, "payload: "},
		{"payload", []string{"a/CON.txt"}, `payload: "CON.txt" has a name that is a device to Windows; rename it`},
		{"payload", []string{"a/readme."}, `payload: "readme." has a name that ends in a dot or a space`},
		{"payload", []string{"file://files/y.msi"}, "payload: file://files/y.msi names the host files: write file:///files/y.msi"},
		{"drivers_iso_url", "file://media/virtio-win.iso", "drivers_iso_url: file://media/virtio-win.iso names the host media"},
		{"iso_url", "file://media/x.iso", "iso_url: file://media/x.iso names the host media"},
		{"firmware", "efi", `firmware: "efi" is not one of uefi, bios`},
		{"disk_size", "big", `disk_size: "big"`},
		{"disk_size", "40", "disk_size: \"40\" is under 1 GiB; a bare number is mebibytes"},
		{"disk_size", "-1G", "disk_size:"},
		{"disk_size", "9T", "disk_size:"},
		{"disk_bus", "ide", `disk_bus: "ide"`},
		{"cpus", -1, "cpus: -1"},
		{"cpus", 1000, "cpus: 1000"},
		{"memory", 256, "memory: 256 MiB"},
		{"accelerator", "hvf", `accelerator: "hvf"`},
		{"vm_name", "a/b", `vm_name: "a/b"`},
		{"vm_name", strings.Repeat("x", 64), "vm_name:"},
		{"libvirt_uri", "xen:///", `libvirt_uri: "xen:///"`},
		{"libvirt_uri", "qemu+ssh://host/system", "another machine"},
		{"libvirt_uri", "qemu:///session", "session daemon"},
		{"storage_pool", "a/b", "storage_pool:"},
		{"network", " ", "network:"},
		{"time_zone", "Mars/Olympus", "time_zone:"},
		{"computer_name", "a_b", `computer_name: "a_b"`},
		{"computer_name", "12345", `computer_name: "12345"`},
		{"computer_name", strings.Repeat("x", 16), "computer_name:"},
		{"computer_name", "PACKER", "computer_name: \"PACKER\" is also winrm_username"},
		{"product_key", "ABC", "product_key: not of the form"},
		{"install_timeout", "-1h", "install_timeout: -1h0m0s is negative"},
		{"shutdown_timeout", "-1h", "shutdown_timeout:"},
		{"communicator", "ssh", `communicator: "ssh"`},
		{"winrm_use_ntlm", true, "winrm_use_ntlm:"},
		{"winrm_insecure", true, "winrm_insecure:"},
		{"winrm_port", 5985, "winrm_port:"},
		{"winrm_password", "short", "winrm_password: 5 characters"},
		{"winrm_password", "alllowercaseletters", "of 1 kinds"},
		{"winrm_password", "Geheim12ü", "winrm_password: holds a character"},
		{"output_directory", "/", "output_directory:"},
		{"output_directory", "../..", "output_directory:"},
	} {
		_, _, err := prepare(t, with(map[string]any{c.field: c.value}))
		want := c.want
		if want == "" {
			want = c.field
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s = %v: %v, want %q", c.field, c.value, err, want)
		}
		if s, ok := c.value.(string); ok && c.field == "winrm_password" && err != nil && strings.Contains(err.Error(), s) {
			t.Errorf("the password is shown: %v", err)
		}
	}
}

func TestPrepareNamesAllAtOnce(t *testing.T) {
	_, _, err := prepare(t, map[string]any{
		"firmware": "efi", "disk_bus": "ide", "memory": 1, "time_zone": "x", "libvirt_uri": "xen:///",
		"winrm_insecure": true, "shutdown_timeout": "-1s", "output_directory": "/",
	})
	if err == nil {
		t.Fatal("no error")
	}
	for _, field := range []string{
		"iso_url", "edition", "drivers_iso_url", "firmware", "disk_bus", "memory", "time_zone",
		"libvirt_uri", "winrm_insecure", "shutdown_timeout", "output_directory",
	} {
		if !strings.Contains(err.Error(), field+":") {
			t.Errorf("%s is not named in: %v", field, err)
		}
	}
}

func TestPrepareGoesOnAfterADecodeError(t *testing.T) {
	_, _, err := prepare(t, with(map[string]any{"shutdown_timeout": "soon", "firmware": "efi"}))
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{"shutdown_timeout", `"soon"`, `firmware: "efi"`} {
		if !strings.Contains(strings.ReplaceAll(err.Error(), `\"`, `"`), want) {
			t.Errorf("%q is not in: %v", want, err)
		}
	}
	if strings.Contains(err.Error(), "missing") {
		t.Errorf("a field that is given is said to be missing: %v", err)
	}
}

func TestPrepareNamesAllThatIsMissing(t *testing.T) {
	_, _, err := prepare(t, map[string]any{"packer_build_name": "ws2022"})
	if err == nil {
		t.Fatal("no error")
	}
	for _, field := range []string{"iso_url", "iso_checksum", "edition", "drivers_iso_url"} {
		if !strings.Contains(err.Error(), field+": missing") {
			t.Errorf("%s is not named in: %v", field, err)
		}
	}
}

func TestPrepareChecksTheFormOfChecksums(t *testing.T) {
	good := strings.Repeat("0a", 32)
	for sum, ok := range map[string]bool{
		"sha256:" + good: true, "SHA256:" + strings.ToUpper(good): true, good: true,
		"md5:" + good[:32]: true, "sha1:" + good[:40]: true, "sha512:" + good + good: true,
		"file:https://h/SHA256SUMS": true,
		"file:":                     false, "sha256:": false, "sha256:xyz": false, "sha256:" + good[:32]: false, "abc": false,
		"sha3:" + good: false, "sha256=" + good: false, good[:60]: false,
	} {
		for field, fields := range map[string]map[string]any{
			"drivers_iso_checksum": {"drivers_iso_checksum": sum},
			"payload":              {"payload": []string{"a/x.msi?checksum=" + sum}},
			"payload: y.msi":       {"payload": []string{"https://h/y.msi?v=1&checksum=" + sum}},
			"drivers_iso_url":      {"drivers_iso_url": "https://h/virtio-win.iso?v=1&checksum=" + sum},
		} {
			_, _, err := prepare(t, with(fields))
			if (err == nil) != ok || err != nil && !strings.Contains(err.Error(), field+": ") {
				t.Errorf("%s, checksum %q: %v", field, sum, err)
			}
		}
	}
	for sum, ok := range map[string]bool{"none": true, "": true, unknownText: true} {
		if _, _, err := prepare(t, with(map[string]any{"drivers_iso_checksum": sum})); (err == nil) != ok {
			t.Errorf("drivers_iso_checksum %q: %v", sum, err)
		}
	}
	for _, c := range []struct{ sum, source, want string }{
		{"md5:" + good[:32], "virtio-win.iso?checksum=sha256:" + good, "give the checksum once, in drivers_iso_checksum"},
		{"none", "https://h/virtio-win.iso?checksum=sha256:" + good, "give the checksum once"},
		{"sha256:" + good, "virtio-win.iso?checksum=sha256:" + good, ""},
		{"", "virtio-win.iso?checksum=none", "is not a checksum"},
	} {
		_, warnings, err := prepare(t, with(map[string]any{"drivers_iso_checksum": c.sum, "drivers_iso_url": c.source}))
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("drivers_iso_checksum %q, drivers_iso_url %q: %v; want %q", c.sum, c.source, err, c.want)
		}
		if strings.Contains(strings.Join(warnings, " "), "drivers_iso_checksum is not set") {
			t.Errorf("%q is said to be without a checksum", c.source)
		}
	}
	for source, want := range map[string]string{
		"windows.iso?checksum=sha256:xyz":         "iso_url: \"sha256:xyz\" is not a checksum",
		"windows.iso?checksum=sha256:" + good:     "give the checksum once, in iso_checksum",
		"https://h/x.iso?a=b&checksum=md5:" + "1": "iso_url: ",
	} {
		if _, _, err := prepare(t, with(map[string]any{"iso_url": source})); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("iso_url %q: %v; want %q", source, err, want)
		}
	}
	for _, sum := range []string{"", "none"} { // which go-getter does not take, or takes for no checksum
		if _, _, err := prepare(t, with(map[string]any{"payload": []string{"https://h/y.msi?checksum=" + sum}})); err == nil {
			t.Errorf("payload with checksum %q is taken", sum)
		}
	}
}

func TestPrepareRefusesUnknownFields(t *testing.T) {
	if _, _, err := prepare(t, with(map[string]any{"iso_urI": "x"})); err == nil || !strings.Contains(err.Error(), "iso_urI") {
		t.Errorf("error is %v", err)
	}
}

// TestPrepareTakesUnknown: `packer validate` does not evaluate data sources.
// Every string is then "<unknown>", every number 0, every list empty.
func TestPrepareTakesUnknown(t *testing.T) {
	raw := minimal()
	spec := (&Builder{}).ConfigSpec()
	n := 0
	for name, s := range spec {
		attr, ok := s.(*hcldec.AttrSpec)
		if !ok || attr.Type != cty.String || strings.HasPrefix(name, "packer_") || strings.HasPrefix(name, "ssh_") {
			continue
		}
		if name == "communicator" || name == "iso_target_path" || name == "iso_target_extension" {
			continue // never anything but a literal
		}
		n++
		raw[name] = "<unknown>"
		if _, _, err := prepare(t, with(map[string]any{name: "<unknown>"})); err != nil {
			t.Errorf("%s = <unknown>: %v", name, err)
		}
	}
	if n < 20 {
		t.Fatalf("only %d string fields found", n)
	}
	if _, _, err := prepare(t, raw); err != nil {
		t.Errorf("all unknown: %v", err)
	}
	if _, _, err := prepare(t, with(map[string]any{"edition": "<unknown>", "payload": []string{"<unknown>", "<unknown>"}})); err != nil {
		t.Errorf("payload unknown: %v", err)
	}
}

func TestUnknownAtRunTimeIsAnError(t *testing.T) {
	c, _, err := prepare(t, with(map[string]any{"edition": "<unknown>"}))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.known(); err == nil || !strings.Contains(err.Error(), "edition:") {
		t.Errorf("error is %v", err)
	}
}

func TestPrepareWarns(t *testing.T) {
	for _, c := range []struct {
		fields map[string]any
		want   string
	}{
		{map[string]any{"drivers_iso_url": "https://example.com/virtio-win.iso"}, "drivers_iso_checksum"},
		{map[string]any{"winrm_no_proxy": true}, "winrm_no_proxy"},
	} {
		config, warnings, err := prepare(t, with(c.fields))
		if err != nil || !strings.Contains(strings.Join(warnings, "\n"), c.want) {
			t.Errorf("%v: warnings %q, %v", c.fields, warnings, err)
		}
		if config.Comm.WinRMNoProxy {
			t.Error("winrm_no_proxy is left on, which takes the pinned transport away")
		}
	}
}

func TestParseSize(t *testing.T) {
	for text, want := range map[string]int64{
		"40G": 40 << 30, "40g": 40 << 30, "40GiB": 40 << 30, "40960": 40 << 30, "40960M": 40 << 30,
		"1T": 1 << 40, "64 GB": 64 << 30, "2048K": 2 << 20,
	} {
		if got, err := parseSize(text); got != want || err != nil {
			t.Errorf("%q: %d, %v; want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "G", "1.5G", "0G", "-3G", "40X", "99999999999999T", "4GG"} {
		if got, err := parseSize(text); err == nil {
			t.Errorf("%q is taken for %d", text, got)
		}
	}
}

func TestSources(t *testing.T) {
	for source, want := range map[string]struct {
		remote bool
		name   string
	}{
		"x/y.msi":                    {false, "y.msi"},
		"file:///srv/y.msi":          {false, "y.msi"},
		"FILE://localhost/srv/y.msi": {false, "y.msi"},
		"https://example.com/a/y.msi?checksum=md5:": {true, "y.msi"},
		"y.msi?checksum=sha256:00":                  {false, "y.msi"},
		`C:/files/y.msi`:                            {false, "y.msi"},
		"s3::https://s3.example.com/bucket/y.msi":   {true, "y.msi"},
	} {
		if got := isRemote(source); got != want.remote {
			t.Errorf("isRemote(%q) is %v", source, got)
		}
		if got := payloadName(source); got != want.name {
			t.Errorf("payloadName(%q) is %q", source, got)
		}
	}
}
