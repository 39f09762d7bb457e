//go:generate packer-sdc mapstructure-to-hcl2 -type Config

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

	MediaConfig    `mapstructure:",squash"`
	DriversConfig  `mapstructure:",squash"`
	PayloadConfig  `mapstructure:",squash"`
	WindowsConfig  `mapstructure:",squash"`
	MachineConfig  `mapstructure:",squash"`
	HostConfig     `mapstructure:",squash"`
	InstallConfig  `mapstructure:",squash"`
	GuestConfig    `mapstructure:",squash"`
	ShutdownConfig `mapstructure:",squash"`
	OutputConfig   `mapstructure:",squash"`

	ctx interpolate.Context
}

// ConfigSpec tells Packer the fields of the source block.
func (b *Builder) ConfigSpec() hcldec.ObjectSpec { return b.config.FlatMapstructure().HCL2Spec() }

// Prepare decodes and checks the template. It reads nothing but the template,
// and reports every wrong field at once.
func (c *Config) Prepare(raws ...any) (warnings []string, err error) {
	decodeErr := config.Decode(c, &config.DecodeOpts{
		PluginType:         BuilderID,
		Interpolate:        true,
		InterpolateContext: &c.ctx,
		DecodeHooks:        decodeHooks,
	}, raws...)
	if decodeErr != nil {
		return nil, decodeErr
	}

	c.indexUnknown = c.ImageIndex == 0 && names(raws, "image_index")
	var errs []error
	section := func(found []error) { errs = append(errs, found...) }
	mediaWarnings, mediaErrs := c.MediaConfig.Prepare(&c.ctx)
	warnings = append(warnings, mediaWarnings...)
	section(mediaErrs)
	driverWarnings, driverErrs := c.DriversConfig.Prepare()
	warnings = append(warnings, driverWarnings...)
	section(driverErrs)
	section(c.PayloadConfig.Prepare())
	section(c.WindowsConfig.Prepare())
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
	var errs []error
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
	var errs []error
	for field, value := range map[string]string{
		"edition": c.Edition, "image_name": c.ImageName, "language": c.Language,
		"firmware": c.Firmware, "disk_size": c.DiskSize, "disk_bus": c.DiskBus,
		"vm_name": c.VMName, "output_directory": c.OutputDir,
	} {
		if unknown(value) {
			errs = append(errs, fmt.Errorf("%s: its value was not known when the build started", field))
		}
	}
	return errors.Join(errs...)
}
