package guest

import (
	"fmt"
	"strings"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/guest/cloudbase"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/windows"
)

// kvmBuilder is the builder whose guests never run under Hyper-V.
const kvmBuilder = "wintemplate-libvirt"

// together finds what is wrong only beside another block, or with the builder.
func (c *Config) together() []error {
	var errs []error
	if c.PackerBuilderType == kvmBuilder {
		// Another builder's guest may be on Hyper-V.
		if c.Edition != nil {
			errs = append(errs, named("edition: product_key", windows.CheckKVMKey(c.Edition.ProductKey))...)
		}
		if c.Activation != nil {
			errs = append(errs, named("activation: product_key", windows.CheckKVMKey(c.Activation.ProductKey))...)
		}
	}
	if c.Sysprep != nil && c.CloudbaseInit != nil {
		if name, ok := c.CloudbaseInit.accountName(); ok {
			errs = append(errs, named("sysprep: account", sameAccount(c.Sysprep.Account, name))...)
		}
	}
	return errs
}

func named(field string, err error) []error {
	if err == nil {
		return nil
	}
	return []error{fmt.Errorf("%s: %w", field, err)}
}

// accountName is the one that cloudbase-init will set the password of in an
// instance of a client edition, as far as it is known; ok is false where it is
// not.
func (c *CloudbaseInit) accountName() (name string, ok bool) {
	switch {
	case c.Cloud == unknown || c.Cloud == "" || c.Username == unknown:
		return "", false
	case c.Cloud != cloudbase.Custom:
		return c.settings(true).Username, true
	case c.Conf == "" || c.Conf == unknown || c.UnattendConf == "" || c.UnattendConf == unknown:
		return "", false
	}
	files, err := c.files(true)
	return cloudbase.ParseConf(files.Conf).Username, err == nil
}

// sameAccount wants the account that the answer file makes to be the one that
// cloudbase-init sets the password of: else that account has none, and Windows
// lets nobody in over the network by an empty one.
func sameAccount(account, username string) error {
	if account == "" || account == unknown || strings.EqualFold(account, username) {
		return nil
	}
	return fmt.Errorf("%q, but cloudbase-init sets the password of %q in an instance: give both the same name, or leave account out", account, username)
}
