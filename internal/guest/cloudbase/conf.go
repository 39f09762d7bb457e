package cloudbase

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// Folder is where cloudbase-init's MSI installs.
const Folder = `C:\Program Files\Cloudbase Solutions\Cloudbase-Init`

// Settings are what a user may say of cloudbase-init.
type Settings struct {
	// Cloud is one of Clouds, other than Custom.
	Cloud string
	// Client is true for client editions, whose built-in Administrator is
	// disabled.
	Client bool
	// Username is the account that gets the password: Administrator on
	// servers when empty; required on clients.
	Username string
	// Groups the account is put into; Administrators when empty.
	Groups []string
	// MetadataURL overrules the cloud's own: "http://169.254.169.254/".
	MetadataURL string
	// KMSHost is host or host:port, for activation at a clone's first start;
	// no IPv6 address, which cloudbase-init cannot read.
	KMSHost string
	// Activate has the clone activate itself.
	Activate bool
	// RealTimeClockUTC overrules the cloud's own when not nil.
	RealTimeClockUTC *bool
	// Plugins are added after the cloud's own, by their full class names. One
	// that is not cloudbase-init's must be in the image.
	Plugins []string
	// SerialPort is logged to in the clone: "COM1,115200,N,8"; empty: none.
	SerialPort string
	// Options are further options of [DEFAULT], added or overruling.
	Options map[string]string
}

// Files are the two conf files.
type Files struct {
	Conf     string // conf\cloudbase-init.conf
	Unattend string // conf\cloudbase-init-unattend.conf
}

// username as Windows takes one: 20 characters, none of these.
var badUsername = regexp.MustCompile(`[/\\\[\]:;|=,+*?<>"@%]`)

var optionName = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

var className = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)+$`)

// Validate names everything that is wrong at once.
func (s Settings) Validate() error {
	var errs []error
	if _, ok := clouds[s.Cloud]; !ok {
		errs = append(errs, fmt.Errorf("cloud: %q is not known; known are %s", s.Cloud, strings.Join(Clouds(), ", ")))
	}
	name := s.username()
	switch {
	case name == "":
		errs = append(errs, errors.New("username: required on a client edition, whose built-in Administrator is disabled"))
	case len([]rune(name)) > 20 || badUsername.MatchString(name) || strings.EqualFold(name, "NONE"):
		errs = append(errs, fmt.Errorf(`username: %q is no Windows account name: at most 20 characters, none of /\[]:;|=,+*?<>"@%%`, name))
	}
	for _, o := range []option{{"username", name}, {"groups", strings.Join(s.Groups, ",")}, {"metadata_url", s.MetadataURL}, {"kms_host", s.KMSHost}, {"serial_port", s.SerialPort}} {
		err := checkValue(o.value)
		if meaning, ok := settingMeanings[o.name]; ok && err == nil && o.value != "" {
			err = meaning(o.value)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", o.name, err))
		}
	}
	var j Judgement
	j.classes("plugins", "plugin", s.Plugins)
	foreign := len(j.Doubtful) > 0
	for _, wrong := range j.Wrong {
		errs = append(errs, errors.New(wrong))
	}
	errs = append(errs, s.validateOptions(foreign)...)
	if len(errs) == 0 {
		errs = present(Lint(s.render()))
	}
	return errors.Join(errs...)
}

// settingMeanings check what is a mere string to oslo.config.
var settingMeanings = map[string]func(string) error{"metadata_url": checkURL, "kms_host": checkKMSHost, "serial_port": checkSerialPort}

func (s Settings) validateOptions(foreign bool) []error {
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(s.Options)) {
		value := s.Options[name]
		if !optionName.MatchString(name) {
			errs = append(errs, fmt.Errorf("options: %q is no option's name", name))
		}
		if err := checkValue(value); err != nil {
			errs = append(errs, fmt.Errorf("options: %s: %w", name, err))
			continue
		}
		if value == "" {
			continue // takes this plugin's own away
		}
		var j Judgement
		j.option("DEFAULT/"+name, value, foreign)
		for _, wrong := range j.Wrong {
			errs = append(errs, fmt.Errorf("options: %s", wrong))
		}
	}
	return errs
}

func present(err error) []error {
	if err == nil {
		return nil
	}
	return []error{err}
}

// checkValue refuses what would end the line or be read in another code page:
// Python opens the file in the ANSI code page of the guest's language.
func checkValue(v string) error {
	for _, r := range v {
		if r < 0x20 || r > 0x7e {
			return fmt.Errorf("%q holds a character other than printable ASCII, which cloudbase-init reads by the guest's code page", v)
		}
	}
	return nil
}

func (s Settings) username() string {
	if s.Username == "" && !s.Client {
		return "Administrator"
	}
	return s.Username
}

// Render writes both files. It validates first.
func Render(s Settings) (Files, error) {
	if err := s.Validate(); err != nil {
		return Files{}, err
	}
	return s.render(), nil
}

func (s Settings) render() Files {
	t := clouds[s.Cloud]
	utc := t.utc
	if s.RealTimeClockUTC != nil {
		utc = *s.RealTimeClockUTC
	}
	groups := s.Groups
	if len(groups) == 0 {
		groups = []string{"Administrators"}
	}

	main := common(s, t)
	main.set("username", s.username())
	main.set("groups", strings.Join(groups, ","))
	main.set("inject_user_password", "true")
	// The default makes an injected password expire at once, and RDP with NLA
	// lets nobody change it.
	main.set("first_logon_behaviour", "no")
	main.set("plugins", strings.Join(pluginList(s, t), ","))
	main.set("log_file", "cloudbase-init.log")
	main.set("logging_serial_port_settings", s.SerialPort)
	main.set("mtu_use_dhcp_config", "true")
	main.set("ntp_use_dhcp_config", "true")
	main.set("real_time_clock_utc", fmt.Sprint(utc))
	main.set("local_scripts_path", Folder+`\LocalScripts\`)
	main.set("kms_host", s.KMSHost)
	if s.Activate {
		main.set("activate_windows", "true")
	}
	// AVMA needs a Hyper-V host, and the KMS key map knows 2016's keys only.
	main.set("set_avma_product_key", "false")
	main.set("set_kms_product_key", "false")

	unattend := common(s, t)
	unattend.set("plugins", strings.Join(unattendPlugins, ","))
	unattend.set("log_file", "cloudbase-init-unattend.log")
	for _, k := range slices.Sorted(maps.Keys(s.Options)) {
		v := s.Options[k]
		main.set(k, v)
		if slices.Contains(sharedOptions, k) {
			unattend.set(k, v)
		}
	}
	// In the specialize pass a restart of its own, or the end of a service
	// that does not run, is exit code 2: Setup restarts and runs it again.
	unattend.set("allow_reboot", "false")
	unattend.set("stop_service_on_exit", "false")
	return Files{Conf: main.text(), Unattend: unattend.text()}
}

// sharedOptions hold for the run in the specialize pass too.
var sharedOptions = []string{"debug", "retry_count", "retry_count_interval", "netbios_host_name_compatibility"}

func common(s Settings, t traits) *file {
	f := &file{}
	f.set("metadata_services", strings.Join(t.services, ","))
	f.set("check_latest_version", "false") // no call home from every clone
	f.set("bsdtar_path", Folder+`\bin\bsdtar.exe`)
	f.set("mtools_path", Folder+`\bin\`)
	f.set("debug", "true")
	f.set("log_dir", Folder+`\log\`)
	if s.MetadataURL != "" {
		url := strings.TrimSuffix(s.MetadataURL, "/") + "/"
		switch s.Cloud {
		case CloudStack:
			f.group("cloudstack", "metadata_base_url", url)
		case OpenStack:
			f.group("openstack", "metadata_base_url", url)
		case EC2:
			f.group("ec2", "metadata_base_url", url)
		}
	}
	if slices.Contains(t.services, services+"configdrive.ConfigDriveService") || s.Cloud == NoCloud {
		f.group("config_drive", "raw_hdd", "true")
		f.group("config_drive", "cdrom", "true")
		f.group("config_drive", "vfat", "true")
	}
	return f
}
