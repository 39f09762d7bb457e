package guest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/guest/cloudbase"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/redact"
)

type raw = map[string]any

func TestPrepare(t *testing.T) {
	dir := t.TempDir()
	files, err := cloudbase.Render(cloudbase.Settings{Cloud: cloudbase.NoCloud})
	if err != nil {
		t.Fatal(err)
	}
	conf, unattend := written(t, filepath.Join(dir, "x.conf"), files.Conf), written(t, filepath.Join(dir, "u.conf"), files.Unattend)
	empty := written(t, filepath.Join(dir, "empty.conf"), "[DEFAULT]\nusername=x\n")
	malformed := written(t, filepath.Join(dir, "bad.xml"), "<unattend>")
	const avma, lower = "YDFWN-MJ9JR-3DYRK-FXXRW-78VHK", "vdybn-27wpp-v4hqt-9vmd4-vmk7h"
	for name, c := range map[string]struct {
		raw  raw
		want []string // every one must be in the error; none: it is good
	}{
		"empty":             {raw: raw{}, want: []string{"no block", "sysprep {}"}},
		"drivers":           {raw: raw{"drivers": raw{}}},
		"sysprep":           {raw: raw{"sysprep": raw{}}},
		"cloudstack":        {raw: raw{"cloudbase_init": raw{"cloud": "cloudstack"}}},
		"all":               {raw: raw{"drivers": raw{}, "cloudbase_init": raw{"cloud": "openstack", "kms_host": "kms:1688"}, "sysprep": raw{"timezone": "Asia/Seoul"}}},
		"custom":            {raw: raw{"cloudbase_init": raw{"cloud": "custom", "conf": conf, "unattend_conf": unattend}}},
		"a conf that loops": {raw: raw{"cloudbase_init": raw{"cloud": "custom", "conf": conf, "unattend_conf": conf}}, want: []string{"cloudbase_init: unattend_conf: allow_reboot is not false"}},
		"a conf of nothing": {raw: raw{"cloudbase_init": raw{"cloud": "custom", "conf": empty, "unattend_conf": empty}}, want: []string{"cloudbase_init: conf: plugins is not set", "unattend_conf: metadata_services is not set"}},
		"a conf to come":    {raw: raw{"cloudbase_init": raw{"cloud": "custom", "conf": empty, "unattend_conf": unknown}}},
		"a value to come": {raw: raw{
			"cloudbase_init": raw{"cloud": unknown, "installer": unknown}, "edition": raw{"target": unknown, "product_key": unknown}, "activation": raw{"product_key": unknown, "kms_host": unknown},
			"sysprep": raw{"timezone": unknown, "user_locale": unknown, "input_locale": unknown, "kms_host": unknown, "full_name": unknown, "organization": unknown, "account": unknown, "unattend_fragments": []string{unknown}},
		}},
		"values of a cloud to come": {raw: raw{"cloudbase_init": raw{
			"cloud": "ec2", "username": unknown, "groups": []string{unknown}, "metadata_url": unknown, "kms_host": unknown, "plugins": []string{unknown}, "options": map[string]string{"retry_count": unknown},
		}}},
		"what a clone would get": {
			raw: raw{"cloudbase_init": raw{"cloud": "ec2", "metadata_url": "not a url", "kms_host": "kms:notaport", "plugins": []string{"cloudbaseinit.plugins.Nothing"}, "options": map[string]string{"retry_cuont": "5", "real_time_clock_utc": "perhaps"}}},
			want: []string{
				"cloudbase_init: metadata_url: ", "cloudbase_init: kms_host: ", `cloudbase_init: plugins: "cloudbaseinit.plugins.Nothing" is no plugin`,
				"cloudbase_init: options: retry_cuont is no option", "cloudbase_init: options: real_time_clock_utc: ",
			},
		},
		"a plugin of one's own": {raw: raw{"cloudbase_init": raw{"cloud": "ec2", "plugins": []string{"mycompany.plugins.Foo"}}}},
		"what the seal would find": {
			raw: raw{"sysprep": raw{
				"user_locale": "klingon", "input_locale": "foo", "kms_host": "a b:99999", "full_name": "a\nb", "organization": strings.Repeat("x", 64), "account": "A/B", "unattend_fragments": []string{malformed},
			}},
			want: []string{"sysprep: user_locale: ", "sysprep: input_locale: ", "sysprep: kms_host: ", "sysprep: full_name: ", "sysprep: organization: ", "sysprep: account: ", "sysprep: unattend_fragments[0]: "},
		},
		"a KMS host by IPv6":    {raw: raw{"activation": raw{"kms_host": "[2001:db8::1]:1689"}, "sysprep": raw{"kms_host": "[2001:db8::1]"}}},
		"no KMS host at all":    {raw: raw{"activation": raw{"kms_host": "a b"}}, want: []string{"activation: kms_host: "}},
		"an AVMA key on KVM":    {raw: raw{"packer_builder_type": "wintemplate-libvirt", "activation": raw{"product_key": avma}, "edition": raw{"target": "ServerDatacenter", "product_key": strings.ToLower(avma)}}, want: []string{"activation: product_key: this is an AVMA key", "edition: product_key: this is an AVMA key"}},
		"an AVMA key":           {raw: raw{"packer_builder_type": "hyperv-iso", "activation": raw{"product_key": avma}}},
		"keys in lower case":    {raw: raw{"activation": raw{"product_key": lower}, "edition": raw{"target": "ServerStandard", "product_key": lower}}},
		"the whole of a key":    {raw: raw{"activation": raw{"product_key": lower + "x"}}, want: []string{"activation: product_key: not of the form"}},
		"no cloud":              {raw: raw{"cloudbase_init": raw{}}, want: []string{"cloudbase_init: cloud: required", "cloudstack, openstack"}},
		"custom without conf":   {raw: raw{"cloudbase_init": raw{"cloud": "custom", "kms_host": "x"}}, want: []string{"conf: required", "unattend_conf: required", "leave username"}},
		"conf without custom":   {raw: raw{"cloudbase_init": raw{"cloud": "ec2", "conf": conf}}, want: []string{`only with cloud = "custom"`}},
		"a file that isn't":     {raw: raw{"drivers": raw{"installer": "/nowhere/a.msi"}}, want: []string{"drivers: installer:", "/nowhere/a.msi"}},
		"a folder for a file":   {raw: raw{"drivers": raw{"installer": os.TempDir()}}, want: []string{"is not a file"}},
		"a word for a duration": {raw: raw{"sysprep": raw{"timeout": "5s"}}, want: []string{"sysprep: timeout: 5s is too short"}},
		"a sysprep for ever":    {raw: raw{"sysprep": raw{"timeout": "3h"}}, want: []string{"sysprep: timeout: 3h0m0s is longer than 1h30m0s"}},
		"an unknown field":      {raw: raw{"sysprep": raw{"nonsense": true}}, want: []string{"nonsense"}},
		"the rest":              {raw: raw{"edition": raw{"target": "ServerStandard"}, "activation": raw{"kms_host": "kms:1689"}, "remote_desktop": raw{}, "firewall": raw{"state": "on", "ping": true}, "cleanup": raw{}}},
		"edition of nothing":    {raw: raw{"edition": raw{"product_key": "x"}}, want: []string{"edition: target: required", "edition: product_key: not of the form"}},
		"activation of nothing": {raw: raw{"activation": raw{}}, want: []string{"activation: nothing to do"}},
		"a key that is none":    {raw: raw{"activation": raw{"product_key": "SECRET-KEY", "kms_host": "a:b"}}, want: []string{"activation: product_key: not of the form", "kms_host"}},
		"a group by its name":   {raw: raw{"firewall": raw{"state": "maybe", "groups": []string{"Remote Desktop"}}}, want: []string{`firewall: state: "maybe"`, `groups[0]: "Remote Desktop"`}},
		"a clean-up for ever":   {raw: raw{"cleanup": raw{"timeout": "110m"}}, want: []string{"cleanup: timeout: 1h50m0s is not between 1m and 1h30m0s"}},
		"everything at once": {
			raw: raw{
				"ready_timeout": "-1s", "drivers": raw{"agent_installer": "/nowhere/b.msi"},
				"cloudbase_init": raw{"cloud": "azure", "username": "a/b", "plugins": []string{"No Class"}, "options": map[string]string{"Bad Name": "x", "username": "한글"}},
				"sysprep":        raw{"timezone": "Mars/Olympus", "unattend_fragments": []string{"/nowhere/c.xml"}},
			},
			want: []string{"ready_timeout", "/nowhere/b.msi", `"azure"`, `"a/b"`, `"No Class"`, `"Bad Name"`, "printable ASCII", "Mars/Olympus", "/nowhere/c.xml"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			var p Provisioner
			err := p.Prepare(c.raw)
			if (err == nil) != (len(c.want) == 0) {
				t.Fatalf("%v", err)
			}
			for _, w := range c.want {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("%q is not in: %v", w, err)
				}
			}
		})
	}
}

func written(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestKeysAreInCapitals(t *testing.T) {
	const key = "vdybn-27wpp-v4hqt-9vmd4-vmk7h"
	var p Provisioner
	if err := p.Prepare(raw{"edition": raw{"target": "ServerStandard", "product_key": key}, "activation": raw{"product_key": " " + key}}); err != nil {
		t.Fatal(err)
	}
	if want := strings.ToUpper(key); p.config.Edition.ProductKey != want || p.config.Activation.ProductKey != want {
		t.Errorf("%q %q", p.config.Edition.ProductKey, p.config.Activation.ProductKey)
	}
	for _, key := range []string{key, strings.ToUpper(key)} {
		if hidden := redact.String("the key is " + key); strings.Contains(hidden, key) {
			t.Errorf("shown: %s", hidden)
		}
	}
}

func TestPrepareDefaultsAndOrder(t *testing.T) {
	var p Provisioner
	if err := p.Prepare(raw{"sysprep": raw{}, "cloudbase_init": raw{"cloud": "nocloud"}, "drivers": raw{}}); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, b := range p.config.blocks() {
		names = append(names, b.name())
	}
	if got := strings.Join(names, " "); got != "drivers cloudbase_init sysprep" {
		t.Errorf("order: %s", got)
	}
	if p.config.ReadyTimeout != 15*time.Minute || p.config.Sysprep.Timeout != 45*time.Minute {
		t.Errorf("%+v %+v", p.config, p.config.Sysprep)
	}
}

func TestBlocksInHCL(t *testing.T) {
	spec := (&Provisioner{}).ConfigSpec()
	for _, name := range []string{"drivers", "cloudbase_init", "sysprep", "ready_timeout"} {
		if spec[name] == nil {
			t.Errorf("HCL does not know %s", name)
		}
	}
}
