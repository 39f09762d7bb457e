package cloudbase

import "strings"

// Conf is what the seal must know of a conf file, the user's own too.
type Conf struct {
	Username string   // "Admin", cloudbase-init's default, when it is not set
	Services []string // class names; cloudbase-init's default list when nil
}

// ParseConf reads the options of [DEFAULT].
func ParseConf(text string) Conf {
	c := Conf{Username: "Admin"}
	group := "DEFAULT"
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if name, ok := strings.CutPrefix(line, "["); ok {
			group = strings.TrimSuffix(name, "]")
			continue
		}
		name, value, ok := strings.Cut(line, "=")
		if !ok || group != "DEFAULT" || strings.HasPrefix(line, "#") || strings.HasPrefix(line, ";") {
			continue
		}
		value = strings.ReplaceAll(strings.TrimSpace(value), "$$", "$")
		switch strings.TrimSpace(name) {
		case "username":
			c.Username = value
		case "metadata_services":
			c.Services = nil
			for s := range strings.SplitSeq(value, ",") {
				if s = strings.TrimSpace(s); s != "" {
					c.Services = append(c.Services, s)
				}
			}
		}
	}
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
