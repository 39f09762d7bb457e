package guest

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/guest"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/guest/cloudbase"
)

// TestAccountBesideCloudbaseInit: the account that the answer file makes is the
// one that cloudbase-init sets the password of.
func TestAccountBesideCloudbaseInit(t *testing.T) {
	t.Parallel()
	files, err := cloudbase.Render(cloudbase.Settings{Cloud: cloudbase.NoCloud, Client: true, Username: "carol"})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	conf, unattend := written(t, filepath.Join(dir, "c.conf"), files.Conf), written(t, filepath.Join(dir, "u.conf"), files.Unattend)
	custom := raw{"cloud": "custom", "conf": conf, "unattend_conf": unattend}
	for name, c := range map[string]struct {
		cloudbase raw
		account   string
		want      string
	}{
		"the default":            {raw{"cloud": "cloudstack"}, "Admin", ""},
		"in other letters":       {raw{"cloud": "cloudstack", "username": "alice"}, "Alice", ""},
		"not the default":        {raw{"cloud": "cloudstack"}, "alice", `sysprep: account: "alice", but cloudbase-init sets the password of "Admin"`},
		"another":                {raw{"cloud": "cloudstack", "username": "bob"}, "alice", `"bob"`},
		"the conf's":             {custom, "carol", ""},
		"not the conf's":         {custom, "alice", `"carol"`},
		"no account":             {raw{"cloud": "cloudstack", "username": "bob"}, "", ""},
		"one that is to come":    {raw{"cloud": "cloudstack", "username": unknown}, "alice", ""},
		"another that is so too": {raw{"cloud": "cloudstack"}, unknown, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var p Provisioner
			err := p.Prepare(raw{"cloudbase_init": c.cloudbase, "sysprep": raw{"account": c.account}})
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}

// TestAccountBesideTheConfInTheGuest: another provisioner may have installed
// cloudbase-init.
func TestAccountBesideTheConfInTheGuest(t *testing.T) {
	t.Parallel()
	client, server := server2022, server2022
	client.InstallationType, client.Edition, client.Build = "Client", "Enterprise", 26100
	for name, c := range map[string]struct {
		facts         guest.FactsResult
		cloud         guest.CloudbaseVerifyResult
		account       string
		want, warning string
	}{
		"the same":          {facts: client, cloud: configuredFor(t, cloudbase.Settings{Cloud: cloudbase.CloudStack, Client: true, Username: "Alice"}), account: "alice"},
		"another":           {facts: client, cloud: configuredFor(t, cloudbase.Settings{Cloud: cloudbase.CloudStack, Client: true, Username: "bob"}), account: "alice", want: `account: "alice", but cloudbase-init sets the password of "bob"`},
		"no cloudbase-init": {facts: client, cloud: guest.CloudbaseVerifyResult{ServiceStart: -1}, account: "alice"},
		"of a server":       {facts: server, cloud: configuredFor(t, cloudbase.Settings{Cloud: cloudbase.CloudStack}), account: "alice", warning: "Warning: account: only instances of client editions"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWindows(t, answers{
				"facts": c.facts, "cloudbase.verify": c.cloud, "recovery.remove": guest.RecoveryRemoveResult{}, "preflight": guest.PreflightResult{}, "seal": guest.SealResult{},
			})
			ui, err := provision(t, w, raw{"sysprep": raw{"account": c.account}})
			check(t, w, err, c.want, nil, nil)
			if !strings.Contains(ui, c.warning) || c.warning == "" && strings.Contains(ui, "Warning: account") {
				t.Errorf("%s, want %q", ui, c.warning)
			}
		})
	}
}
