//go:generate packer-sdc mapstructure-to-hcl2 -type Config,Edition,Drivers,CloudbaseInit,Activation,RemoteDesktop,Firewall,Cleanup,Sysprep

package guest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/hashicorp/packer-plugin-sdk/common"
	"github.com/hashicorp/packer-plugin-sdk/template/config"
	"github.com/hashicorp/packer-plugin-sdk/template/interpolate"
)

// Config is the provisioner block. Its blocks run in the order in which they
// stand here, since HCL keeps no order between blocks; for another order use
// two provisioners.
type Config struct {
	common.PackerConfig `mapstructure:",squash"`

	// Makes an evaluation a full edition.
	Edition *Edition `mapstructure:"edition"`
	// Looks at the virtio drivers and the QEMU guest agent, and installs
	// what is missing.
	Drivers *Drivers `mapstructure:"drivers"`
	// Installs and configures cloudbase-init.
	CloudbaseInit *CloudbaseInit `mapstructure:"cloudbase_init"`
	// Installs a product key, names a KMS host.
	Activation *Activation `mapstructure:"activation"`
	// Opens Remote Desktop.
	RemoteDesktop *RemoteDesktop `mapstructure:"remote_desktop"`
	// Says what the firewall lets in.
	Firewall *Firewall `mapstructure:"firewall"`
	// Makes the image small.
	Cleanup *Cleanup `mapstructure:"cleanup"`
	// Seals the image. Nothing can come after it.
	Sysprep *Sysprep `mapstructure:"sysprep"`

	// How long Windows may take to answer and to settle, at the start and
	// after each restart. Default: `15m`.
	ReadyTimeout time.Duration `mapstructure:"ready_timeout"`

	ctx interpolate.Context
}

// block is one of the provisioner's blocks.
type block interface {
	name() string
	title() string
	prepare() []error
	run(ctx context.Context, r *run) error
}

func (c *Config) blocks() []block {
	var list []block
	if c.Edition != nil {
		list = append(list, c.Edition)
	}
	if c.Drivers != nil {
		list = append(list, c.Drivers)
	}
	if c.CloudbaseInit != nil {
		list = append(list, c.CloudbaseInit)
	}
	if c.Activation != nil {
		list = append(list, c.Activation)
	}
	if c.RemoteDesktop != nil {
		list = append(list, c.RemoteDesktop)
	}
	if c.Firewall != nil {
		list = append(list, c.Firewall)
	}
	if c.Cleanup != nil {
		list = append(list, c.Cleanup)
	}
	if c.Sysprep != nil {
		list = append(list, c.Sysprep)
	}
	return list
}

func (c *Config) prepare(raws ...any) error {
	err := config.Decode(c, &config.DecodeOpts{
		PluginType:         "wintemplate-guest",
		Interpolate:        true,
		InterpolateContext: &c.ctx,
	}, raws...)
	if err != nil {
		return err
	}
	var errs []error
	if c.ReadyTimeout == 0 {
		c.ReadyTimeout = 15 * time.Minute
	}
	if c.ReadyTimeout < 0 {
		errs = append(errs, fmt.Errorf("ready_timeout: %s is negative", c.ReadyTimeout))
	}
	blocks := c.blocks()
	if len(blocks) == 0 {
		errs = append(errs, errors.New("no block: give at least one of edition, drivers, cloudbase_init, activation, remote_desktop, firewall, cleanup and sysprep, such as sysprep {}"))
	}
	for _, b := range blocks {
		for _, err := range b.prepare() {
			errs = append(errs, fmt.Errorf("%s: %w", b.name(), err))
		}
	}
	errs = append(errs, c.together()...)
	return errors.Join(errs...)
}

// unknown is what `packer validate` gives for a value that it does not know
// yet, such as one of a data source.
const unknown = "<unknown>"

// known is a value that can be looked at: none as long as it is not known.
func known(value string) string {
	if value == unknown {
		return ""
	}
	return value
}

func checkFile(field, path string) error {
	if path == "" || path == unknown {
		return nil
	}
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return fmt.Errorf("%s: %w", field, err)
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s: %s is not a file", field, path)
	}
	return nil
}
