package guest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/hashicorp/packer-plugin-sdk/template/config"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/guest"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/guest/cloudbase"
)

// CloudbaseInit installs cloudbase-init, disabled until the seal, and writes
// both of its conf files.
type CloudbaseInit struct {
	// The cloud that the template is for: `cloudstack` (ABLESTACK Mold too),
	// `openstack` (NHN Cloud too), `configdrive`, `nocloud`, `ec2`, or
	// `custom` with `conf` and `unattend_conf`.
	Cloud string `mapstructure:"cloud" required:"true"`
	// A CloudbaseInitSetup_x64.msi on the machine that runs Packer. Default:
	// the one on the answer disc, which the builder's `payload` put there.
	Installer string `mapstructure:"installer"`
	// The account that gets the instance's password. Default: `Administrator`
	// on servers; `Admin` on clients, whose built-in one is disabled.
	Username string `mapstructure:"username"`
	// The groups of that account. Default: `["Administrators"]`.
	Groups []string `mapstructure:"groups"`
	// The metadata server, when it is not the cloud's usual one.
	MetadataURL string `mapstructure:"metadata_url"`
	// A KMS server, `host` or `host:port`, for instances to activate at; no IPv6
	// address, which cloudbase-init cannot read.
	KMSHost string `mapstructure:"kms_host"`
	// Activate an instance at its first start.
	Activate bool `mapstructure:"activate"`
	// Whether the hypervisor's clock shows UTC. Default: as the cloud does.
	RealTimeClockUTC config.Trilean `mapstructure:"real_time_clock_utc"`
	// Further plugins, by their full class names. Those below `cloudbaseinit.`
	// must be ones that it has; the code of any other must be in the image,
	// which the disk check can only remind you of.
	Plugins []string `mapstructure:"plugins"`
	// Further options of `[DEFAULT]`, each one that cloudbase-init defines and
	// of its type; they overrule this plugin's own.
	Options map[string]string `mapstructure:"options"`
	// With `cloud = "custom"`: the file that becomes cloudbase-init.conf. It must
	// set `metadata_services` and `plugins`; `packer validate` reads it.
	Conf string `mapstructure:"conf"`
	// With `cloud = "custom"`: the file that becomes
	// cloudbase-init-unattend.conf, which the specialize pass uses. Both of the
	// above, and `allow_reboot=false` and `stop_service_on_exit=false`.
	UnattendConf string `mapstructure:"unattend_conf"`
}

func (*CloudbaseInit) name() string  { return "cloudbase_init" }
func (*CloudbaseInit) title() string { return "Installing cloudbase-init" }

func (c *CloudbaseInit) prepare() []error {
	errs := present(checkFile("installer", c.Installer))
	switch {
	case c.Cloud == unknown:
	case c.Cloud == "":
		errs = append(errs, fmt.Errorf("cloud: required, one of %s", strings.Join(cloudbase.Clouds(), ", ")))
	case c.Cloud == cloudbase.Custom:
		for _, file := range [][2]string{{"conf", c.Conf}, {"unattend_conf", c.UnattendConf}} {
			if file[1] == "" {
				errs = append(errs, fmt.Errorf(`%s: required with cloud = "custom"`, file[0]))
			}
			errs = append(errs, present(checkFile(file[0], file[1]))...)
		}
		if len(errs) == 0 && c.Conf != unknown && c.UnattendConf != unknown {
			_, err := c.files(false)
			errs = append(errs, split(err)...)
		}
		if c.Username != "" || len(c.Groups) > 0 || c.MetadataURL != "" || c.KMSHost != "" || len(c.Plugins) > 0 || len(c.Options) > 0 {
			errs = append(errs, errors.New(`with cloud = "custom" everything stands in conf and unattend_conf: leave username, groups, metadata_url, kms_host, plugins and options out`))
		}
	default:
		if c.Conf != "" || c.UnattendConf != "" {
			errs = append(errs, errors.New(`conf, unattend_conf: only with cloud = "custom"`))
		}
		errs = append(errs, split(c.knownSettings().Validate())...)
	}
	return errs
}

// split takes apart what errors.Join has joined.
func split(err error) []error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		return joined.Unwrap()
	}
	return present(err)
}

// knownSettings are those that `packer validate` can look at.
func (c *CloudbaseInit) knownSettings() cloudbase.Settings {
	s := c.settings(false)
	s.Username, s.MetadataURL, s.KMSHost = known(s.Username), known(s.MetadataURL), known(s.KMSHost)
	notYet := func(value string) bool { return value == unknown }
	s.Groups, s.Plugins = slices.DeleteFunc(slices.Clone(s.Groups), notYet), slices.DeleteFunc(slices.Clone(s.Plugins), notYet)
	s.Options = maps.Clone(s.Options)
	maps.DeleteFunc(s.Options, func(_, value string) bool { return value == unknown })
	return s
}

func (c *CloudbaseInit) settings(client bool) cloudbase.Settings {
	s := cloudbase.Settings{
		Cloud: c.Cloud, Client: client, Username: c.Username, Groups: c.Groups, MetadataURL: c.MetadataURL,
		KMSHost: c.KMSHost, Activate: c.Activate, Plugins: c.Plugins, Options: c.Options,
		RealTimeClockUTC: c.RealTimeClockUTC.ToBoolPointer(),
	}
	if client && s.Username == "" {
		s.Username = clientAccount
	}
	return s
}

// clientAccount is the administrator of a clone of a client edition, which
// the seal's answer file makes and whose password cloudbase-init sets.
const clientAccount = "Admin"

func (c *CloudbaseInit) files(client bool) (cloudbase.Files, error) {
	if c.Cloud != cloudbase.Custom {
		return cloudbase.Render(c.settings(client))
	}
	conf, err := os.ReadFile(c.Conf)
	if err != nil {
		return cloudbase.Files{}, fmt.Errorf("conf: %w", err)
	}
	unattend, err := os.ReadFile(c.UnattendConf)
	if err != nil {
		return cloudbase.Files{}, fmt.Errorf("unattend_conf: %w", err)
	}
	files := cloudbase.Files{Conf: string(conf), Unattend: string(unattend)}
	return files, cloudbase.Lint(files)
}

func (c *CloudbaseInit) run(ctx context.Context, r *run) error {
	files, err := c.files(r.client())
	if err != nil {
		return err
	}
	msi, err := r.payload(ctx, c.Installer, "CloudbaseInitSetup_x64.msi", cloudbase.InstallerPatterns()...)
	if err != nil {
		return err
	}
	r.ui.Say(fmt.Sprintf("From %s (%d bytes)", msi.Path, msi.Size))
	installed, reboot, err := guest.CloudbaseInstall.Detached(ctx, r.session, guest.InstallParameters{
		Path: msi.Path, SHA256: msi.SHA256, TimeoutSeconds: 40 * 60,
		// As LocalSystem: otherwise the MSI makes an administrator of its own,
		// whose password the service resets at each run.
		Properties: []string{"RUN_SERVICE_AS_LOCAL_SYSTEM=1"},
	}, guest.Detachment{})
	if err != nil {
		return err
	}
	written, _, err := guest.CloudbaseConfigure.Do(ctx, r.session, guest.CloudbaseConfigureParameters{Conf: files.Conf, UnattendConf: files.Unattend})
	if err != nil {
		return err
	}
	if err := errors.Join(
		checkWritten(written.ConfPath, files.Conf, written.ConfSHA256),
		checkWritten(written.UnattendConfPath, files.Unattend, written.UnattendConfSHA256),
	); err != nil {
		return err
	}
	if written.LogBytes > 0 {
		return errors.New("cloudbase-init has run in the build's machine already (its log is not empty); it may have changed the computer's name and the password")
	}
	r.ui.Say(fmt.Sprintf("cloudbase-init %s for %s, disabled until the seal", installed.Version, c.Cloud))
	if reboot {
		return r.restart(ctx, "cloudbase-init's installer asks for it")
	}
	return nil
}

func checkWritten(path, text, found string) error {
	sum := sha256.Sum256([]byte(text))
	if want := hex.EncodeToString(sum[:]); found != want {
		return fmt.Errorf("%s in the guest has SHA-256 %s, what was written has %s", path, found, want)
	}
	return nil
}

func (r *run) client() bool {
	return !slices.Contains([]string{"Server", "Server Core", "Nano Server"}, r.facts.InstallationType)
}
