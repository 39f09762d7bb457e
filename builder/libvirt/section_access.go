package libvirt

import (
	"net/url"
	"strings"

	"github.com/hashicorp/packer-plugin-sdk/template/config"
)

// RemoteDesktop opens Remote Desktop.
type RemoteDesktop struct {
	// Demand that clients authenticate before they see the desktop
	// (network level authentication). Default `true`.
	NLA config.Trilean `mapstructure:"nla"`
}

// Proxy is the machine's proxy (WinHTTP) and its users' (WinINET).
type Proxy struct {
	// The proxy, as `host:port`. Windows has no place for a user and a
	// password here.
	Server string `mapstructure:"server" required:"true"`
	// Hosts that need no proxy, such as `*.example.com`.
	Bypass []string `mapstructure:"bypass"`
	// Leave the proxy in the template. Default `false`: it is the build's,
	// and the `sysprep` block takes it out.
	KeepInTemplate bool `mapstructure:"keep_in_template"`
}

// buildOnly says that there is a proxy and that no instance shall have it.
func (p *Proxy) buildOnly() bool { return p != nil && !p.KeepInTemplate }

// password is the one that somebody wrote into the address after all: it is
// refused, and must not be shown by the refusal.
func (p *Proxy) password() string {
	if p == nil {
		return ""
	}
	server := p.Server
	if !strings.Contains(server, "://") {
		server = "http://" + server
	}
	if u, err := url.Parse(server); err == nil && u.User != nil {
		password, _ := u.User.Password()
		return password
	}
	// A password that no URL may hold: what stands between the first colon
	// behind the scheme and the last @.
	_, rest, _ := strings.Cut(server, "://")
	if at := strings.LastIndex(rest, "@"); at >= 0 {
		_, password, _ := strings.Cut(rest[:at], ":")
		return password
	}
	return ""
}
