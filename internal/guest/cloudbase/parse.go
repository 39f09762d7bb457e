package cloudbase

import "strings"

// Conf is what the seal must know of a conf file, the user's own too.
type Conf struct {
	Username string   // "Admin", cloudbase-init's default, when it is not set
	Services []string // class names; cloudbase-init's default list when nil
}

// ParseConf reads the options of [DEFAULT]. A file that cannot be read, which
// Lint names, is one in which nothing is set.
func ParseConf(text string) Conf {
	c := Conf{Username: "Admin"}
	d, err := parse(text)
	if err != nil {
		return c
	}
	if name, ok := d["DEFAULT/username"]; ok {
		c.Username = strings.ReplaceAll(name, "$$", "$")
	}
	c.Services = d.list("DEFAULT/metadata_services")
	return c
}

// Network is true when the metadata may come over the network.
func (c Conf) Network() bool {
	if c.Services == nil {
		return true
	}
	for _, s := range c.Services {
		if !strings.Contains(s, ".configdrive.") && !strings.Contains(s, ".nocloudservice.NoCloudConfigDrive") && !strings.Contains(s, ".base.Empty") {
			return true
		}
	}
	return false
}
