package guest

import (
	"context"
	"fmt"
	"strings"

	"github.com/hashicorp/packer-plugin-sdk/template/config"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/guest"
)

// RemoteDesktop opens Remote Desktop in the template.
type RemoteDesktop struct {
	// Demand that clients authenticate before they see the desktop. Default:
	// `true`.
	NLA config.Trilean `mapstructure:"nla"`
}

func (*RemoteDesktop) name() string     { return "remote_desktop" }
func (*RemoteDesktop) title() string    { return "Opening Remote Desktop" }
func (*RemoteDesktop) prepare() []error { return nil }

func (d *RemoteDesktop) run(ctx context.Context, r *run) error {
	_, _, err := guest.RDP.Do(ctx, r.session, guest.RDPParameters{Enable: true, NLA: !d.NLA.False()})
	return err
}

// Firewall says what the template's firewall lets in.
type Firewall struct {
	// `on` or `off`, in all profiles. Default: as it is, which is on.
	State string `mapstructure:"state"`
	// Groups of rules to open, by resource id, since their names are in
	// Windows' language: `@FirewallAPI.dll,-28502` is file and printer sharing.
	Groups []string `mapstructure:"groups"`
	// Answer pings.
	Ping bool `mapstructure:"ping"`
}

func (*Firewall) name() string  { return "firewall" }
func (*Firewall) title() string { return "Setting the firewall" }

func (f *Firewall) prepare() []error {
	var errs []error
	if f.State != "" && f.State != "on" && f.State != "off" && f.State != unknown {
		errs = append(errs, fmt.Errorf("state: %q is neither on nor off", f.State))
	}
	for i, g := range f.Groups {
		if g != unknown && !strings.HasPrefix(g, "@") {
			errs = append(errs, fmt.Errorf("groups[%d]: %q is no resource id such as @FirewallAPI.dll,-28502", i, g))
		}
	}
	return errs
}

func (f *Firewall) run(ctx context.Context, r *run) error {
	result, _, err := guest.Firewall.Do(ctx, r.session, guest.FirewallParameters{State: f.State, Groups: f.Groups, Ping: f.Ping})
	if err != nil {
		return err
	}
	for _, g := range result.Groups {
		r.ui.Say(fmt.Sprintf("%s: %d rules", g.Group, g.Rules))
	}
	return nil
}
