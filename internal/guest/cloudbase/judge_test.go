package cloudbase

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/winrm/pyvenv"
)

// TestRegistryIsCloudbaseInits: the options and classes are those of
// cloudbase-init's own code.
func TestRegistryIsCloudbaseInits(t *testing.T) {
	python := pyvenv.Python(t, "testdata/requirements.txt")
	cmd := exec.Command(python, "testdata/registry.py")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile("registry.txt", out, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(string(out), registryText); diff != "" {
		t.Errorf("run with -update (-cloudbase-init +registry.txt):\n%s", diff)
	}
}

const (
	classesSet = "metadata_services=cloudbaseinit.metadata.services.cloudstack.CloudStack\nplugins=cloudbaseinit.plugins.common.mtu.MTUPlugin\n"
	quiet      = "allow_reboot=false\nstop_service_on_exit=false\n"
)

// TestValuesAsCloudbaseInitReadsThem: what is passed is read, and what is
// refused is refused there too, or not defined at all.
func TestValuesAsCloudbaseInitReadsThem(t *testing.T) {
	var lines []string
	for option, values := range map[string][]string{
		"real_time_clock_utc":    {"true", "False", "ON", "0", "yes", "perhaps", "2", ""},
		"retry_count":            {"5", " 7 ", "-1", "five", "5.5", ""},
		"retry_count_interval":   {"4", "0.5", "1e2", "soon"},
		"first_logon_behaviour":  {"no", "always", "Always", "never"},
		"san_policy":             {"OnlineAll", "onlineall", "'OnlineAll'"},
		"volumes_to_extend":      {"1,2", "any"},
		"username":               {"x y", `"quoted"`},
		"retry_cuont":            {"5"},
		"logdir":                 {`C:\x`},
		"metadata_base_url":      {"http://10.1.1.1/"},
		"cloudstack_metadata_ip": {"http://10.1.1.1/"},
		"config_drive_raw_hhd":   {"true", "tru"},
	} {
		for _, value := range values {
			lines = append(lines, option+"="+value, option+" : "+value)
		}
	}
	lines = append(lines,
		"[cloudstack]\npassword_server_port=8080", "[cloudstack]\npassword_server_port=http", "[CloudStack]\nhttps_allow_insecure=1", "[cloudstak]\nhttps_allow_insecure=1", "[ec2]\nmetadata_url=http://x/")
	texts := map[string]string{}
	for i, line := range lines {
		texts[fmt.Sprint(i)] = "[DEFAULT]\n" + classesSet + line + "\n"
	}
	for name, theirs := range judge(t, texts) {
		ours := Judge(texts[name], false)
		good := len(theirs.Unknown)+len(theirs.Invalid) == 0
		if former(texts[name]) {
			good = !strings.Contains(texts[name], "tru\n")
		}
		if good != (len(ours.Wrong) == 0) {
			t.Errorf("%s\ncloudbase-init: %+v\nhere: %+v", texts[name], theirs, ours)
		}
	}
}

// former says whether the option is one by a former name, which the judge's
// look-up by name does not know.
func former(text string) bool {
	for _, name := range []string{"logdir", "metadata_base_url", "cloudstack_metadata_ip", "config_drive_raw_hhd"} {
		if strings.Contains(text, name) {
			return true
		}
	}
	return false
}

// TestParseAsCloudbaseInitDoes: the same files are no conf files.
func TestParseAsCloudbaseInitDoes(t *testing.T) {
	python := pyvenv.Python(t, "testdata/requirements.txt")
	for text, good := range map[string]bool{
		"[DEFAULT]\nplugins=a.B,\n  c.D\n": true, "[DEFAULT]\nplugins=a.B,\n# c\n  c.D\n": false, "username=x\n": false, "[DEFAULT\nusername=x\n": false,
		"[]\nusername=x\n": false, "[DEFAULT]\nusername\n": false, "[DEFAULT]\n=x\n": false, "[DEFAULT]\n\tusername=x\n": false, "\n; c\n[DEFAULT]\nusername:x\n": true,
	} {
		path := t.TempDir() + "/c"
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		theirs := exec.Command(python, "-c", "import sys\nfrom oslo_config import cfg\ncfg.ConfigParser(sys.argv[1], {}).parse()", path).Run()
		if _, err := parse(text); (err == nil) != good || (theirs == nil) != good {
			t.Errorf("%q: oslo.config %v, here %v, want %v", text, theirs, err, good)
		}
	}
}

func TestJudge(t *testing.T) {
	const mine = "plugins=mycompany.plugins.Foo\nmetadata_services=cloudbaseinit.metadata.services.cloudstack.CloudStack\n"
	for text, want := range map[string]struct{ wrong, doubtful string }{
		classesSet + quiet:                                           {},
		classesSet + quiet + "retry_cuont=5":                         {wrong: "retry_cuont is no option of cloudbase-init, which passes over it in silence; is it retry_count?"},
		classesSet + quiet + "[cloudstak]\nx=1":                      {wrong: "[cloudstak] is no section"},
		classesSet + quiet + "[cloudstack]\nx=1":                     {wrong: "[cloudstack] x is no option"},
		classesSet + quiet + "verbose=true":                          {}, // the MSI's own conf
		classesSet + quiet + "kms_host=kms:notaport":                 {wrong: "kms_host: "},
		classesSet + quiet + "kms_host=[2001:db8::1]:1688":           {wrong: "IPv6"},
		classesSet + quiet + "[ec2]\nmetadata_base_url=10.1.1.1":     {wrong: "[ec2] metadata_base_url: "},
		classesSet + quiet + "ec2_metadata_base_url=10.1.1.1":        {wrong: "ec2_metadata_base_url: "},
		classesSet + quiet + "logging_serial_port_settings=COM1":     {wrong: "logging_serial_port_settings: "},
		classesSet + quiet + "allow_reboot=perhaps":                  {wrong: "allow_reboot: "},
		classesSet + "allow_reboot=false\n":                          {wrong: "stop_service_on_exit is not false"},
		quiet:                                                        {wrong: "plugins is not set"},
		quiet + "plugins=cloudbaseinit.plugins.common.mtu.MTUPlugin": {wrong: "metadata_services is not set"},
		quiet + mine:                   {doubtful: `"mycompany.plugins.Foo" is no class of cloudbase-init's; is it in the image?`},
		quiet + mine + "foo_level=3":   {doubtful: "foo_level is no option of cloudbase-init; is it one of your plugin's?"},
		quiet + mine + "retry_count=x": {"retry_count: ", "in the image?"},
		quiet + strings.Replace(classesSet, "MTUPlugin", "MtuPlugin", 1):                                   {wrong: "is it cloudbaseinit.plugins.common.mtu.MTUPlugin?"},
		quiet + strings.Replace(classesSet, "plugins.common.mtu", "plugins.windows.mtu", 1):                {}, // its former name
		quiet + strings.Replace(classesSet, "metadata.services.cloudstack.CloudStack", "plugins.X", 1):     {wrong: "is no metadata service of cloudbase-init"},
		quiet + strings.Replace(classesSet, "cloudbaseinit.plugins.common.mtu", "Cloudbaseinit.plugin", 1): {wrong: "is no plugin of cloudbase-init"},
		quiet + strings.Replace(classesSet, "cloudbaseinit.plugins.common.mtu.MTUPlugin", "MTU Plugin", 1): {wrong: "is no class name"},
	} {
		j := Judge("[DEFAULT]\n"+text, true)
		for _, of := range []struct {
			want string
			got  []string
		}{{want.wrong, j.Wrong}, {want.doubtful, j.Doubtful}} {
			if (of.want == "") != (len(of.got) == 0) || !strings.Contains(strings.Join(of.got, "\n"), of.want) {
				t.Errorf("%s\n%+v, want %+v", text, j, want)
			}
		}
	}
}

func TestLint(t *testing.T) {
	good, err := Render(Settings{Cloud: OpenStack})
	if err != nil {
		t.Fatal(err)
	}
	if err := Lint(good); err != nil {
		t.Error(err)
	}
	for name, c := range map[string]struct {
		f    Files
		want string
	}{
		"no section":         {Files{"username=x", good.Unattend}, `conf: line 1: "username=x" is no option of a section`},
		"Korean":             {Files{"[DEFAULT]\nusername=관리자", good.Unattend}, "conf: line 2: "},
		"loops":              {Files{good.Conf, good.Conf}, "unattend_conf: allow_reboot is not false"},
		"no plugins":         {Files{strings.ReplaceAll(good.Conf, "plugins=", "#plugins="), good.Unattend}, "conf: plugins is not set"},
		"no services":        {Files{good.Conf, strings.ReplaceAll(good.Unattend, "metadata_services=", "#")}, "unattend_conf: metadata_services is not set"},
		"a misspelt option":  {Files{good.Conf + "[DEFAULT]\nusrname=x", good.Unattend}, "conf: usrname is no option"},
		"in another section": {Files{good.Conf, strings.ReplaceAll(good.Unattend, "allow_reboot", "[ec2]\nallow_reboot")}, "unattend_conf: allow_reboot is not false"},
	} {
		if err := Lint(c.f); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	for name, f := range map[string]Files{
		"a Korean comment":      {"# 관리자\n" + good.Conf, good.Unattend},
		"a plugin of one's own": {strings.Replace(good.Conf, "plugins=", "plugins=mycompany.Foo,", 1), good.Unattend},
		"tabs":                  {strings.Replace(good.Conf, "plugins=", "plugins=mycompany.Foo,\r\n\t", 1), good.Unattend},
	} {
		if err := Lint(f); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestValidateIsWhatTheDiskCheckSays: mistakes that the disk check would find
// are found before anything is built.
func TestValidateIsWhatTheDiskCheckSays(t *testing.T) {
	for name, c := range map[string]struct {
		s    Settings
		want string // "": good
	}{
		"a misspelt option":    {Settings{Options: map[string]string{"retry_cuont": "5"}}, "options: retry_cuont is no option"},
		"a misspelt plugin":    {Settings{Plugins: []string{"cloudbaseinit.plugins.windows.rdp.RDPSetingsPlugin"}}, "plugins: \"cloudbaseinit.plugins.windows.rdp.RDPSetingsPlugin\" is no plugin"},
		"a service as plugin":  {Settings{Plugins: []string{"cloudbaseinit.metadata.services.ec2service.EC2Service"}}, "is no plugin"},
		"a truth value":        {Settings{Options: map[string]string{"real_time_clock_utc": "perhaps"}}, "options: real_time_clock_utc: \"perhaps\" is neither true nor false"},
		"a number":             {Settings{Options: map[string]string{"retry_count": "many"}}, "options: retry_count: "},
		"a choice":             {Settings{Options: map[string]string{"san_policy": "online"}}, "OnlineAll, OfflineAll"},
		"a list of classes":    {Settings{Options: map[string]string{"user_data_plugins": "cloudbaseinit.plugins.x.Y"}}, "user_data_plugins: "},
		"nothing left":         {Settings{Options: map[string]string{"plugins": ""}}, "conf: plugins is not set"},
		"kms port":             {Settings{KMSHost: "kms:notaport"}, "kms_host: "},
		"kms IPv6":             {Settings{KMSHost: "[2001:db8::1]"}, "kms_host: "},
		"kms as an option":     {Settings{Options: map[string]string{"kms_host": "a b"}}, "options: kms_host: "},
		"a URL":                {Settings{MetadataURL: "not a url"}, "metadata_url: "},
		"a URL without scheme": {Settings{MetadataURL: "10.1.1.1"}, "metadata_url: "},
		"serial port":          {Settings{SerialPort: "COM1"}, "serial_port: "},

		"a plugin of one's own":      {Settings{Plugins: []string{"mycompany.plugins.Foo"}}, ""},
		"and its option":             {Settings{Plugins: []string{"mycompany.plugins.Foo"}, Options: map[string]string{"foo_level": "3"}}, ""},
		"an option taken away":       {Settings{Options: map[string]string{"mtu_use_dhcp_config": ""}}, ""},
		"all that is right together": {Settings{KMSHost: "10.0.0.1:1688", MetadataURL: "https://meta.example:8443/", SerialPort: "COM2,9600,N,8", Options: map[string]string{"real_time_clock_utc": "ON", "retry_count_interval": "0.5"}}, ""},
	} {
		c.s.Cloud = CloudStack
		err := c.s.Validate()
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
		if err != nil {
			continue
		}
		files, err := Render(c.s)
		if main, unattend := Judge(files.Conf, false), Judge(files.Unattend, true); err != nil || len(main.Wrong)+len(unattend.Wrong) > 0 {
			t.Errorf("%s: %v, the disk check says %+v %+v", name, err, main, unattend)
		}
	}
}
