package diskcheck

import (
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"strings"
)

const (
	cloudbaseKey    = servicesKey + "cloudbase-init"
	cloudbaseStates = `HKLM\SOFTWARE\Cloudbase Solutions\Cloudbase-Init`
	cloudbaseFolder = `Program Files\Cloudbase Solutions\Cloudbase-Init`
	setupComplete   = `Windows\Setup\Scripts\SetupComplete.cmd`
)

// findCloudbaseInit has a cloudbase-init that is on the disk judged, whether
// the build has told of it or not: one that is armed wrongly, or has run, does
// the same harm to the clones.
func (c *checker) findCloudbaseInit() {
	if c.system == nil {
		return // which the hive's own finding says
	}
	if _, err := c.key(cloudbaseKey); !errors.Is(err, fs.ErrNotExist) {
		c.want.CloudbaseInit = true
	}
}

func (c *checker) checkCloudbaseInit() {
	if !c.want.CloudbaseInit {
		return
	}
	if c.system == nil {
		c.unknown("cloudbase-init", cloudbaseKey, errNoHive)
		return
	}
	image, err := c.value(cloudbaseKey, "ImagePath")
	if err != nil {
		c.missing("cloudbase-init", cloudbaseKey, err, "the cloudbase_init block must install it before the seal")
		return
	}
	folder := installFolder(image.String())
	if _, err := c.windows.Stat(folder + `\Python\Scripts\cloudbase-init.exe`); err != nil {
		c.missing("cloudbase-init", `C:\`+folder+`\Python\Scripts\cloudbase-init.exe`, err, "the service is there, its program is not; install it again")
		return
	}
	c.checkCloudbaseStart()
	c.checkConf("cloudbase-init-conf", folder+`\conf\cloudbase-init.conf`, false)
	c.checkConf("cloudbase-init-unattend-conf", folder+`\conf\cloudbase-init-unattend.conf`, true)
	c.checkCloudbaseRan(folder)
}

// installFolder finds the folder of the installation in the service's command
// line: "C:\…\bin\OpenStackService.exe" cloudbase-init …
func installFolder(image string) string {
	program := image
	if strings.HasPrefix(image, `"`) {
		program, _, _ = strings.Cut(image[1:], `"`)
	}
	rest, onC := cutPrefixFold(program, `C:\`)
	i := strings.LastIndex(strings.ToLower(rest), `\bin\`)
	if !onC || i < 0 {
		return cloudbaseFolder
	}
	return rest[:i]
}

var startTypes = map[string]uint64{"auto": 2, "delayed-auto": 2, "demand": 3, "disabled": 4}

// checkCloudbaseStart: a service that starts in OOBE renames the machine and
// restarts it in the middle of Setup; one that nobody starts never runs.
func (c *checker) checkCloudbaseStart() {
	const id = "cloudbase-init"
	v, err := c.value(cloudbaseKey, "Start")
	if err != nil {
		c.missing(id, cloudbaseKey+"!Start", err, "the service is damaged")
		return
	}
	n, _ := v.Number()
	if want, ok := startTypes[c.want.CloudbaseInitStart]; ok && n != want {
		c.fail(id, cloudbaseKey, fmt.Sprintf("Start=%s, expected %d (%s)", v, want, c.want.CloudbaseInitStart), "only the seal may arm the service")
		return
	}
	delayed, err := c.value(cloudbaseKey, "DelayedAutostart")
	if c.want.CloudbaseInitStart == "delayed-auto" {
		if d, _ := delayed.Number(); err != nil || d != 1 {
			c.fail(id, cloudbaseKey, "starts by itself at once, expected delayed", "only the seal may arm the service")
			return
		}
	}
	if n == 3 { // somebody must start it: the script at the end of Setup
		b, err := c.windows.ReadFile(setupComplete, maxText)
		if err != nil {
			c.missing(id, `C:\`+setupComplete, err, "the service waits to be started, and nothing starts it")
			return
		}
		text := strings.ToLower(decodeText(b))
		if !strings.Contains(text, "cloudbase-init") && !strings.Contains(text, "wintemplate-setupcomplete") {
			c.fail(id, `C:\`+setupComplete, "does not start cloudbase-init", "the service waits to be started, and nothing starts it")
			return
		}
	}
	c.ok(id, cloudbaseKey, "Start="+v.String())
}

// checkCloudbaseRan: a service that has run in the build has taken its
// identity from the build's machine.
func (c *checker) checkCloudbaseRan(folder string) {
	const id = "cloudbase-init-state"
	if c.software == nil {
		c.unknown(id, cloudbaseStates, errNoHive)
		return
	}
	subs, err := c.subkeys(cloudbaseStates)
	if err != nil {
		c.unknown(id, cloudbaseStates, err)
		return
	}
	for _, k := range subs {
		if _, err := k.Subkey("Plugins"); err == nil {
			c.fail(id, cloudbaseStates+`\`+k.Name(), "what cloudbase-init has done in the build", "the seal must delete it, else clones with this instance id skip their plugins")
			return
		}
	}
	log := folder + `\log\cloudbase-init.log`
	b, err := c.windows.ReadFile(log, 1<<30)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		c.unknown(id, `C:\`+log, err)
		return
	}
	if len(b) > 0 {
		c.fail(id, `C:\`+log, fmt.Sprintf("%d bytes: cloudbase-init has run in the build", len(b)), "its service must stay disabled until the seal")
		return
	}
	c.ok(id, cloudbaseStates, "it has not run")
}

// className is how cloudbase-init names a class: its module, then the class.
var className = regexp.MustCompile(`^cloudbaseinit\.(metadata\.services|plugins)\.[a-z0-9_.]+\.[A-Z][A-Za-z0-9]+$`)

// checkConf reads a conf file as oslo.config does and looks for what makes
// cloudbase-init loop or lock everybody out. A misspelt class ends it with an
// error at each start; in the specialize pass that is an endless restart.
func (c *checker) checkConf(id, path string, unattend bool) {
	object := `C:\` + path
	b, err := c.windows.ReadFile(path, maxText)
	if err != nil {
		c.missing(id, object, err, "the cloudbase_init block must write it")
		return
	}
	conf, err := parseConf(decodeText(b))
	if err != nil {
		c.fail(id, object, err.Error(), "cloudbase-init could not read it")
		return
	}
	if problem := judgeConf(conf, unattend); problem != "" {
		c.fail(id, object, problem, "write the file by the cloudbase_init block")
		return
	}
	c.ok(id, object, "metadata from "+conf["DEFAULT/metadata_services"])
}

func judgeConf(conf map[string]string, unattend bool) string {
	for _, list := range []string{"metadata_services", "plugins"} {
		value := conf["DEFAULT/"+list]
		if value == "" {
			return list + " is not set: cloudbase-init would take all it knows"
		}
		for _, name := range strings.Split(value, ",") {
			if name = strings.TrimSpace(name); !className.MatchString(name) {
				return fmt.Sprintf("%s names %q, which is no class of cloudbase-init", list, name)
			}
		}
	}
	for key := range conf {
		if section, option, _ := strings.Cut(key, "/"); section == "DEFAULT" && !confOptions[option] {
			return fmt.Sprintf("%s is no option of cloudbase-init, which passes over it in silence", option)
		}
	}
	if unattend {
		for _, option := range []string{"allow_reboot", "stop_service_on_exit"} {
			if !strings.EqualFold(conf["DEFAULT/"+option], "false") {
				return option + " is not false: the specialize pass would end in a restart without end"
			}
		}
	}
	return ""
}

// parseConf gives "section/option" -> value. A line that begins with a blank
// goes on with the value before it, as oslo.config has it.
func parseConf(text string) (map[string]string, error) {
	conf := map[string]string{}
	section, last := "", ""
	for i, line := range strings.Split(strings.ReplaceAll(text, "\r\n", "\n"), "\n") {
		trimmed := strings.TrimSpace(line)
		switch {
		case trimmed == "" || trimmed[0] == '#' || trimmed[0] == ';':
			last = ""
		case (line[0] == ' ' || line[0] == '\t') && last != "":
			conf[last] += trimmed
		case trimmed[0] == '[':
			name, found := strings.CutSuffix(trimmed[1:], "]")
			if !found {
				return nil, fmt.Errorf("line %d: %q is no section", i+1, trimmed)
			}
			section, last = name, ""
		default:
			name, value, found := strings.Cut(trimmed, "=")
			if !found || section == "" {
				return nil, fmt.Errorf("line %d: %q is no option of a section", i+1, trimmed)
			}
			last = section + "/" + strings.TrimSpace(name)
			conf[last] = strings.TrimSpace(value)
		}
	}
	return conf, nil
}

// confOptions are the names that cloudbase-init 1.1.9 defines in [DEFAULT]
// (conf/default.py), those of its logging (oslo.log), and the older names that
// it still takes.
var confOptions = set(`
allow_reboot stop_service_on_exit check_latest_version retry_count retry_count_interval mtools_path bsdtar_path
netbios_host_name_compatibility logging_serial_port_settings activate_windows set_kms_product_key set_avma_product_key
kms_host log_licensing_info winrm_enable_basic_auth winrm_configure_http_listener winrm_configure_https_listener
volumes_to_extend san_policy local_scripts_path mtu_use_dhcp_config username groups rename_admin_user heat_config_dir
ntp_enable_service ntp_use_dhcp_config real_time_clock_utc inject_user_password first_logon_behaviour metadata_services
plugins user_data_plugins cloud_config_plugins rdp_set_keepalive bcd_boot_status_policy bcd_enable_auto_recovery
set_unique_boot_disk_id display_idle_timeout page_file_volume_labels page_file_volume_mount_points trim_enabled
process_userdata userdata_save_path enable_automatic_updates metadata_report_provisioning_started
metadata_report_provisioning_completed ephemeral_disk_volume_label ephemeral_disk_volume_mount_point
ephemeral_disk_data_loss_warning_path user_password_length reset_service_password
debug verbose log_file log_dir logfile logdir log_config_append log_date_format use_syslog use_stderr
default_log_levels publish_errors instance_format instance_uuid_format fatal_deprecations
config_drive_raw_hhd config_drive_cdrom config_drive_vfat config_drive_types config_drive_locations cloudstack_metadata_ip
ec2_metadata_base_url ec2_add_metadata_private_ip_route metadata_base_url add_metadata_private_ip_route maas_metadata_url
maas_oauth_consumer_key maas_oauth_consumer_secret maas_oauth_token_key maas_oauth_token_secret`)

func set(names string) map[string]bool {
	m := map[string]bool{}
	for _, name := range strings.Fields(names) {
		m[name] = true
	}
	return m
}
