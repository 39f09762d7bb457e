package cloudbase

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/winrm/pyvenv"
)

var update = flag.Bool("update", false, "write the golden files anew")

var no = false

// examples are one settings value per golden pair, also what cloudbase-init
// itself judges.
var examples = map[string]Settings{
	"cloudstack":        {Cloud: CloudStack},
	"cloudstack-client": {Cloud: CloudStack, Client: true, Username: "Admin"},
	"openstack-kms":     {Cloud: OpenStack, KMSHost: "kms.example:1688", Activate: true, RealTimeClockUTC: &no},
	"configdrive":       {Cloud: ConfigDrive, Username: "it's $5", Groups: []string{"Administrators", "Remote Desktop Users"}},
	"nocloud":           {Cloud: NoCloud, SerialPort: "COM1,115200,N,8"},
	"ec2":               {Cloud: EC2, MetadataURL: "http://169.254.169.254", Plugins: []string{"cloudbaseinit.plugins.windows.rdp.RDPSettingsPlugin"}, Options: map[string]string{"retry_count": "20", "user_password_length": "30"}},
	"mold-elsewhere":    {Cloud: CloudStack, MetadataURL: "http://10.1.1.1/"},
}

func TestGolden(t *testing.T) {
	for name, s := range examples {
		files, err := Render(s)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for suffix, text := range map[string]string{".conf": files.Conf, "-unattend.conf": files.Unattend} {
			path := filepath.Join("testdata", "golden", name+suffix)
			if *update {
				if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
				continue
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatalf("%v; run with -update", err)
			}
			if diff := cmp.Diff(string(want), text); diff != "" {
				t.Errorf("%s (-want +got):\n%s", path, diff)
			}
		}
	}
}

type judgement struct {
	Unknown []string       `json:"unknown"`
	Invalid []string       `json:"invalid"`
	Missing []string       `json:"missing"`
	Values  map[string]any `json:"values"`
}

// judge has cloudbase-init's own code read the files.
func judge(t *testing.T, texts map[string]string) map[string]judgement {
	t.Helper()
	python := pyvenv.Python(t, "testdata/requirements.txt")
	dir := t.TempDir()
	args := []string{"testdata/judge.py"}
	for name, text := range texts {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, path)
	}
	cmd := exec.Command(python, args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, &stderr)
	}
	var answer map[string]judgement
	if err := json.Unmarshal(out, &answer); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	named := map[string]judgement{}
	for path, j := range answer {
		named[filepath.Base(path)] = j
	}
	return named
}

func TestCloudbaseInitReadsIt(t *testing.T) {
	texts := map[string]string{}
	for name, s := range examples {
		files, err := Render(s)
		if err != nil {
			t.Fatal(err)
		}
		texts[name+".conf"], texts[name+"-unattend.conf"] = files.Conf, files.Unattend
	}
	answer := judge(t, texts)
	for name, j := range answer {
		if len(j.Unknown) > 0 {
			t.Errorf("%s: cloudbase-init defines no %v", name, j.Unknown)
		}
		if len(j.Invalid) > 0 {
			t.Errorf("%s: cloudbase-init refuses the values of %v", name, j.Invalid)
		}
		if len(j.Missing) > 0 {
			t.Errorf("%s: %v", name, j.Missing)
		}
		unattend := strings.HasSuffix(name, "-unattend.conf")
		if unattend && (j.Values["allow_reboot"] != false || j.Values["stop_service_on_exit"] != false) {
			t.Errorf("%s would loop: %v", name, j.Values)
		}
		if !unattend && (j.Values["first_logon_behaviour"] != "no" || j.Values["inject_user_password"] != true) {
			t.Errorf("%s: the injected password expires at once, or is ignored: %v", name, j.Values)
		}
		if j.Values["check_latest_version"] != false {
			t.Errorf("%s calls home", name)
		}
	}
	for name, want := range map[string]map[string]any{
		"cloudstack.conf":    {"username": "Administrator", "real_time_clock_utc": false},
		"configdrive.conf":   {"username": "it's $5", "config_drive.cdrom": true},
		"openstack-kms.conf": {"kms_host": "kms.example:1688", "activate_windows": true, "real_time_clock_utc": false, "set_avma_product_key": false},
		"ec2.conf":           {"retry_count": 20.0, "user_password_length": 30.0, "ec2.metadata_base_url": "http://169.254.169.254/"},
		"nocloud.conf":       {"logging_serial_port_settings": "COM1,115200,N,8"},
	} {
		for option, value := range want {
			if got := answer[name].Values[option]; got != value {
				t.Errorf("%s: %s is %v, expected %v", name, option, got, value)
			}
		}
	}
}

func TestTheJudgeCanSayNo(t *testing.T) {
	j := judge(t, map[string]string{"bad": "[DEFAULT]\nusernam=x\nmetadata_services=cloudbaseinit.metadata.services.cloudstack.Cloudstack\nplugins=cloudbaseinit.plugins.common.nothing.Plugin\n"})["bad"]
	if !slices.Equal(j.Unknown, []string{"DEFAULT.usernam"}) || len(j.Missing) != 2 {
		t.Errorf("%+v", j)
	}
}

func TestTraps(t *testing.T) {
	plugins := func(s Settings) string {
		f, err := Render(s)
		if err != nil {
			t.Fatal(err)
		}
		return f.Conf
	}
	// CreateUser gives an account that is there a random password which is
	// told nobody; CloudStack's password plugin then sets none.
	for _, s := range []Settings{{Cloud: CloudStack}, {Cloud: CloudStack, Client: true, Username: "Admin"}} {
		if strings.Contains(plugins(s), "CreateUserPlugin") {
			t.Error("CreateUser on CloudStack locks everybody out")
		}
	}
	// Without CreateUser a client's account has no profile for SSH keys.
	if strings.Contains(plugins(Settings{Cloud: CloudStack, Client: true, Username: "Admin"}), "SSHPublicKeys") {
		t.Error("the SSH keys' plugin fails at each boot of a client")
	}
	if !strings.Contains(plugins(Settings{Cloud: CloudStack}), "SSHPublicKeys") {
		t.Error("servers get their SSH keys")
	}
	for cloud, alone := range map[string]string{CloudStack: "cloudstack.CloudStack", NoCloud: "nocloudservice.NoCloudConfigDriveService", ConfigDrive: "configdrive.ConfigDriveService", EC2: "ec2service.EC2Service"} {
		c := ParseConf(plugins(Settings{Cloud: cloud}))
		if !slices.Equal(c.Services, []string{services + alone}) {
			t.Errorf("%s: %v", cloud, c.Services)
		}
		if c.Network() != (cloud == CloudStack || cloud == EC2) {
			t.Errorf("%s: network %v", cloud, c.Network())
		}
	}
}

func TestParseConf(t *testing.T) {
	c := ParseConf("# username=no\n[DEFAULT]\nusername = a$$b \nmetadata_services=x.Y, z.W\n[other]\nusername=no\n")
	if c.Username != "a$b" || !slices.Equal(c.Services, []string{"x.Y", "z.W"}) {
		t.Errorf("%+v", c)
	}
	if c := ParseConf("[DEFAULT]\n"); c.Username != "Admin" || !c.Network() {
		t.Errorf("%+v", c)
	}
}

func TestValidateNamesEverything(t *testing.T) {
	err := Settings{Cloud: "x", Client: true, KMSHost: "a\nb", Plugins: []string{"p"}, Options: map[string]string{"A": "한"}}.Validate()
	for _, want := range []string{`cloud: "x"`, "username: required", "kms_host", `plugins: "p"`, `options: "A"`, "options: A:"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in: %v", want, err)
		}
	}
	for _, name := range []string{"a:b", "NONE", strings.Repeat("a", 21), "50%"} {
		if (Settings{Cloud: EC2, Username: name}).Validate() == nil {
			t.Errorf("the account name %q was taken", name)
		}
	}
}
