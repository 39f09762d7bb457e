//go:generate packer-sdc mapstructure-to-hcl2 -type Config,LocalAccount,RemoteDesktop,Proxy,Fragment

package libvirt

import (
	"errors"
	"fmt"
	"strings"

	"github.com/hashicorp/hcl/v2/hcldec"
	"github.com/hashicorp/packer-plugin-sdk/common"
	packersdk "github.com/hashicorp/packer-plugin-sdk/packer"
	"github.com/hashicorp/packer-plugin-sdk/template/config"
	"github.com/hashicorp/packer-plugin-sdk/template/interpolate"
)

// BuilderID identifies artifacts of this builder.
const BuilderID = "wintemplate.libvirt"

// Config is the source block. Each section is declared, with its checks,
// beside the step that uses it. Nothing writes to it after Prepare.
type Config struct {
	common.PackerConfig `mapstructure:",squash"`

	MediaConfig      `mapstructure:",squash"`
	DriversConfig    `mapstructure:",squash"`
	PayloadConfig    `mapstructure:",squash"`
	WindowsConfig    `mapstructure:",squash"`
	AnswerFileConfig `mapstructure:",squash"`
	MachineConfig    `mapstructure:",squash"`
	HostConfig       `mapstructure:",squash"`
	InstallConfig    `mapstructure:",squash"`
	GuestConfig      `mapstructure:",squash"`
	ShutdownConfig   `mapstructure:",squash"`
	OutputConfig     `mapstructure:",squash"`

	ctx interpolate.Context
}

// ConfigSpec tells Packer the fields of the source block.
func (b *Builder) ConfigSpec() hcldec.ObjectSpec { return b.config.FlatMapstructure().HCL2Spec() }

// Prepare decodes and checks the template. It reads nothing but the template
// and the answer files that it names, and reports every wrong field at once.
func (c *Config) Prepare(raws ...any) (warnings []string, err error) {
	decodeErr := config.Decode(c, &config.DecodeOpts{
		PluginType:         BuilderID,
		Interpolate:        true,
		InterpolateContext: &c.ctx,
		DecodeHooks:        decodeHooks,
	}, raws...)
	var errs []error
	if decodeErr != nil {
		if c.PackerBuildName == "" { // which Packer always gives: nothing was decoded
			return nil, decodeErr
		}
		errs = append(errs, decodeErr)
	}

	c.indexUnknown = c.ImageIndex == 0 && names(raws, "image_index")
	section := func(found []error) { errs = append(errs, found...) }
	mediaWarnings, mediaErrs := c.MediaConfig.Prepare(&c.ctx)
	warnings = append(warnings, mediaWarnings...)
	section(mediaErrs)
	driverWarnings, driverErrs := c.DriversConfig.Prepare()
	warnings = append(warnings, driverWarnings...)
	section(driverErrs)
	section(c.PayloadConfig.Prepare())
	section(c.WindowsConfig.Prepare())
	section(c.AnswerFileConfig.Prepare(&c.Comm)) // before the communicator's defaults
	section(c.checkWishes())
	section(c.MachineConfig.Prepare(c.PackerBuildName))
	section(c.HostConfig.Prepare())
	section(c.InstallConfig.Prepare())
	guestWarnings, guestErrs := c.GuestConfig.Prepare(&c.ctx)
	warnings = append(warnings, guestWarnings...)
	section(guestErrs)
	section(c.ShutdownConfig.Prepare())
	section(c.OutputConfig.Prepare(c.PackerBuildName))
	section(c.across())

	if len(errs) > 0 {
		return warnings, packersdk.MultiErrorAppend(nil, errs...)
	}
	return warnings, nil
}

// across checks what no single section knows.
func (c *Config) across() []error {
	errs := c.guardOutput()
	if c.ComputerName != "" && !unknown(c.ComputerName) && strings.EqualFold(c.ComputerName, c.Comm.WinRMUser) {
		// unattend-generator#16: the account then ends up in no group.
		errs = append(errs, fmt.Errorf("computer_name: %q is also winrm_username; Windows Setup then leaves the account in no group, give one of them another name", c.ComputerName))
	}
	return errs
}

// unknownText stands for a value that `packer validate` can't know yet: one
// that comes from a data source (hcl2shim's UnknownVariableValue).
const unknownText = "<unknown>"

// unknown says that a value is not known before the build; its check is made
// by the first step instead.
func unknown(value string) bool { return strings.Contains(value, unknownText) }

// oneOf checks a field that has a fixed set of values.
func oneOf(field, value string, allowed ...string) error {
	if unknown(value) {
		return nil
	}
	for _, a := range allowed {
		if value == a {
			return nil
		}
	}
	return fmt.Errorf("%s: %q is not one of %s", field, value, strings.Join(allowed, ", "))
}

// known refuses values that are still unknown when the build runs.
func (c *Config) known() error {
	fields := map[string]string{
		"edition": c.Edition, "image_name": c.ImageName, "language": c.Language,
		"firmware": c.Firmware, "disk_size": c.DiskSize, "disk_bus": c.DiskBus,
		"vm_name": c.VMName, "output_directory": c.OutputDir,
		"time_zone": c.TimeZone, "setup_language": c.SetupLanguage, "user_locale": c.UserLocale,
		"input_locale": c.InputLocale, "computer_name": c.ComputerName, "full_name": c.FullName,
		"organization": c.Organization, "product_key": c.ProductKey, "kms_host": c.KMSHost,
		"display": c.Display, "firewall": c.Firewall, "install_method": c.InstallMethod,
		"answer_file": c.AnswerFile, "first_logon_commands": strings.Join(c.FirstLogonCommands, ""),
		"firewall_groups": strings.Join(c.FirewallGroups, ""),
	}
	for i, account := range c.LocalAccounts {
		fields[fmt.Sprintf("local_account[%d]", i)] = account.Name + account.Password + account.DisplayName + account.Description
	}
	for i, f := range c.Fragments {
		fields[fmt.Sprintf("answer_file_fragment[%d]", i)] = f.Path + f.Content
	}
	if c.Proxy != nil {
		fields["proxy"] = c.Proxy.Server + strings.Join(c.Proxy.Bypass, "")
	}
	var errs []error
	for field, value := range fields {
		if unknown(value) {
			errs = append(errs, fmt.Errorf("%s: its value was not known when the build started", field))
		}
	}
	return errors.Join(errs...)
}
