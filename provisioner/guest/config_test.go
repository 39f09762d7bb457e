package guest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

type raw = map[string]any

func TestPrepare(t *testing.T) {
	conf := filepath.Join(t.TempDir(), "x.conf")
	if err := os.WriteFile(conf, []byte("[DEFAULT]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		raw  raw
		want []string // every one must be in the error; none: it is good
	}{
		"empty":                 {raw: raw{}, want: []string{"no block", "sysprep {}"}},
		"drivers":               {raw: raw{"drivers": raw{}}},
		"sysprep":               {raw: raw{"sysprep": raw{}}},
		"cloudstack":            {raw: raw{"cloudbase_init": raw{"cloud": "cloudstack"}}},
		"all":                   {raw: raw{"drivers": raw{}, "cloudbase_init": raw{"cloud": "openstack", "kms_host": "kms:1688"}, "sysprep": raw{"timezone": "Asia/Seoul"}}},
		"custom":                {raw: raw{"cloudbase_init": raw{"cloud": "custom", "conf": conf, "unattend_conf": conf}}},
		"a value to come":       {raw: raw{"cloudbase_init": raw{"cloud": unknown, "installer": unknown}, "sysprep": raw{"timezone": unknown}}},
		"no cloud":              {raw: raw{"cloudbase_init": raw{}}, want: []string{"cloudbase_init: cloud: required", "cloudstack, openstack"}},
		"custom without conf":   {raw: raw{"cloudbase_init": raw{"cloud": "custom", "kms_host": "x"}}, want: []string{"conf: required", "unattend_conf: required", "leave username"}},
		"conf without custom":   {raw: raw{"cloudbase_init": raw{"cloud": "ec2", "conf": conf}}, want: []string{`only with cloud = "custom"`}},
		"a file that isn't":     {raw: raw{"drivers": raw{"installer": "/nowhere/a.msi"}}, want: []string{"drivers: installer:", "/nowhere/a.msi"}},
		"a folder for a file":   {raw: raw{"drivers": raw{"installer": os.TempDir()}}, want: []string{"is not a file"}},
		"a word for a duration": {raw: raw{"sysprep": raw{"timeout": "5s"}}, want: []string{"sysprep: timeout: 5s is too short"}},
		"a sysprep for ever":    {raw: raw{"sysprep": raw{"timeout": "3h"}}, want: []string{"sysprep: timeout: 3h0m0s is longer than 1h30m0s"}},
		"an unknown field":      {raw: raw{"sysprep": raw{"nonsense": true}}, want: []string{"nonsense"}},
		"the rest":              {raw: raw{"edition": raw{"target": "ServerStandard"}, "activation": raw{"kms_host": "kms:1689"}, "remote_desktop": raw{}, "firewall": raw{"state": "on", "ping": true}, "cleanup": raw{}}},
		"edition of nothing":    {raw: raw{"edition": raw{"product_key": "x"}}, want: []string{"edition: target: required"}},
		"activation of nothing": {raw: raw{"activation": raw{}}, want: []string{"activation: nothing to do"}},
		"a key that is none":    {raw: raw{"activation": raw{"product_key": "SECRET-KEY", "kms_host": "a:b"}}, want: []string{"activation: product_key: not five", "kms_host"}},
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
