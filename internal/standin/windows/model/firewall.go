package model

import (
	"context"
	"slices"
	"strings"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/guest"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/regf"
)

// Groups of rules by their resource, which is the same in every language.
const (
	remoteDesktopGroup = "@FirewallAPI.dll,-28752"
	fileSharingGroup   = "@FirewallAPI.dll,-28502"
	winrmGroup         = "@FirewallAPI.dll,-30267"
	diagnosticsGroup   = "@FirewallAPI.dll,-27000"

	firewallPolicyKey = `Services\SharedAccess\Parameters\FirewallPolicy`
	privateProfile    = "StandardProfile" // what the registry calls Private
)

var firewallProfiles = []string{"DomainProfile", privateProfile, "PublicProfile"}

// pingRules let ICMP echo requests in.
var pingRules = []string{
	"FPS-ICMP4-ERQ-In", "FPS-ICMP6-ERQ-In", "CoreNet-Diag-ICMP4-EchoRequest-In", "CoreNet-Diag-ICMP6-EchoRequest-In",
}

// rulesOf are the names of a group's rules. A rule keeps its group in the field
// EmbedCtxt ([MS-FASP] 2.2.36); Get-NetFirewallRule -Group compares the
// resource, so the name of a group that a person reads finds nothing.
func (m *Model) rulesOf(group string) []string {
	return m.rules(func(_, rule string) bool {
		for _, field := range strings.Split(rule, "|") {
			if name, value, _ := strings.Cut(field, "="); name == "EmbedCtxt" && like(value, group) {
				return true
			}
		}
		return false
	})
}

func (m *Model) rules(want func(name, rule string) bool) []string {
	var names []string
	for _, v := range m.controlSet().Create(firewallRulesKey).Values() {
		if want(v.Name, v.String()) {
			names = append(names, v.Name)
		}
	}
	return names
}

// activate does Enable-NetFirewallRule, and its opposite.
func (m *Model) activate(names []string, active bool) {
	from, to := "|Active=FALSE|", "|Active=TRUE|"
	if !active {
		from, to = to, from
	}
	rules := m.controlSet().Create(firewallRulesKey)
	for _, name := range names {
		v, _ := rules.Get(name)
		rules.Set(regf.StringValue(name, strings.Replace(v.String(), from, to, 1)))
	}
}

func (m *Model) firewall(_ context.Context, _ caller, p guest.FirewallParameters) (guest.FirewallResult, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := guest.FirewallResult{Groups: []guest.FirewallGroup{}}
	for _, group := range p.Groups {
		names := m.rulesOf(group)
		if len(names) == 0 {
			return r, false, failure("no-rules", "the firewall has no rules of the group %s; a group is named by its resource, such as @FirewallAPI.dll,-28502", group)
		}
		m.activate(names, true)
		r.Groups = append(r.Groups, guest.FirewallGroup{Group: group, Rules: len(names)})
	}
	if p.Ping {
		names := m.rules(func(name, _ string) bool { return slices.Contains(pingRules, name) })
		if len(names) == 0 {
			return r, false, failure("no-rules", "the firewall has none of the rules for ICMP echo requests")
		}
		m.activate(names, true)
	}
	if p.State != "" {
		on := map[bool]uint32{true: 1}[strings.EqualFold(p.State, "on")]
		for _, profile := range firewallProfiles {
			m.controlSet().SetDWord(firewallPolicyKey+`\`+profile, "EnableFirewall", on)
		}
	}
	return r, false, nil
}

// firewallOff says whether the profile of the network that there is lets
// everything in.
func (m *Model) firewallOff() bool {
	profile := "PublicProfile"
	if m.network() == privateNetwork {
		profile = privateProfile
	}
	on, known := m.controlSet().Number(firewallPolicyKey+`\`+profile, "EnableFirewall")
	return known && on == 0
}

// rdp needs no restart: TermService watches both values (Microsoft,
// "fDenyTSConnections").
func (m *Model) rdp(_ context.Context, _ caller, p guest.RDPParameters) (guest.RDPResult, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	cs := m.controlSet()
	cs.SetDWord(terminalKey, "fDenyTSConnections", map[bool]uint32{false: 1}[p.Enable])
	cs.SetDWord(rdpTCPKey, "UserAuthentication", map[bool]uint32{true: 1}[p.NLA])
	names := m.rulesOf(remoteDesktopGroup)
	if len(names) == 0 {
		return guest.RDPResult{}, false, failure("no-rules", "the firewall has no rules of the group %s (Remote Desktop)", remoteDesktopGroup)
	}
	m.activate(names, p.Enable)
	return guest.RDPResult{Enabled: p.Enable, NLA: p.NLA, Rules: len(names)}, false, nil
}
