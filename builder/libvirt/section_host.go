package libvirt

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"time"
)

// HostConfig says which libvirt runs the machine, and with what.
type HostConfig struct {
	// The libvirt connection. Default `qemu:///system`, the daemon of this
	// machine; the user needs to be root or in the group `libvirt`.
	LibvirtURI string `mapstructure:"libvirt_uri"`
	// The storage pool in which the build's volumes live until the finished
	// disk is taken out of it: a pool of type dir, fs or netfs. Default
	// `default`. When it is not set and there is no pool `default`, as on a
	// freshly installed Debian or Ubuntu, one over /var/lib/libvirt/images is
	// made for the build.
	StoragePool string `mapstructure:"storage_pool"`
	// The libvirt network that gives the machine its address by DHCP. Default
	// `default`. When it is not running it is started, and left running.
	Network string `mapstructure:"network"`
	// How long the storage pool keeps a copy of an ISO that no build uses. A copy
	// is made, and kept for later builds, only when QEMU's user can't read the
	// ISO where it lies. Each build removes the older ones (volumes called
	// `wintemplate-` and 16 digits and `.iso`) that no domain names. Default
	// `720h`, 30 days.
	ISOCopyMaxAge time.Duration `mapstructure:"iso_copy_max_age"`

	// poolUnset remembers that the pool may be made by the build.
	poolUnset bool
}

var libvirtName = regexp.MustCompile(`^[^/\s][^/]*$`)

// Prepare checks the section and sets its defaults.
func (c *HostConfig) Prepare() []error {
	var errs []error
	c.poolUnset = c.StoragePool == ""
	setDefault(&c.LibvirtURI, "qemu:///system")
	setDefault(&c.StoragePool, "default")
	setDefault(&c.Network, "default")
	errs = append(errs, notNegative("iso_copy_max_age", c.ISOCopyMaxAge)...)
	if c.ISOCopyMaxAge == 0 {
		c.ISOCopyMaxAge = 30 * 24 * time.Hour
	}
	if err := checkURI(c.LibvirtURI); err != nil {
		errs = append(errs, err)
	}
	for _, f := range []struct{ field, value string }{{"storage_pool", c.StoragePool}, {"network", c.Network}} {
		if !unknown(f.value) && !libvirtName.MatchString(f.value) {
			errs = append(errs, fmt.Errorf("%s: %q can't be the name of a libvirt object", f.field, f.value))
		}
	}
	return errs
}

func checkURI(uri string) error {
	if unknown(uri) {
		return nil
	}
	u, err := url.Parse(uri)
	if err != nil || !strings.HasPrefix(u.Scheme, "qemu") {
		return fmt.Errorf("libvirt_uri: %q is not a libvirt URI of the QEMU driver, such as qemu:///system", uri)
	}
	if u.Host != "" || strings.Contains(u.Scheme, "+") && u.Scheme != "qemu+unix" {
		return fmt.Errorf("libvirt_uri: %q is on another machine; this version builds on the machine that it runs on, use qemu:///system", uri)
	}
	if u.Path != "/system" {
		return fmt.Errorf("libvirt_uri: %q is not the system daemon; a session daemon has no networks with DHCP leases, use qemu:///system", uri)
	}
	return nil
}
