package model

import (
	"fmt"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/regf"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/windows"
)

// Keys below the current control set that the settings of a build live in.
const (
	memoryKey         = sessionManagerKey + `\Memory Management`
	productOptionsKey = `Control\ProductOptions`
	terminalKey       = `Control\Terminal Server`
	rdpTCPKey         = terminalKey + `\WinStations\RDP-Tcp`
)

// inboxSettings is how a fresh Windows stands before a build touches it.
func (m *Model) inboxSettings(i Install, p windows.Product) {
	cs := m.controlSet()
	for _, s := range []service{
		{Name: "UsoSvc", Start: startAuto, Type: shareProcess, Image: svchost},
		{Name: "DoSvc", Start: startAuto, Type: shareProcess, Image: svchost},
		{Name: "BITS", Start: startDemand, Type: shareProcess, Image: svchost},
	} {
		m.addService(s)
	}
	// LanmanNT is a domain controller (Microsoft KB152078).
	cs.SetString(productOptionsKey, "ProductType", map[bool]string{true: "ServerNT", false: "WinNT"}[p.Server])
	// ?: lets Windows choose the drive: AutomaticManagedPagefile is true.
	cs.Create(memoryKey).Set(regf.MultiStringValue("PagingFiles", []string{`?:\pagefile.sys`}))
	// Remote Desktop is closed and wants network level authentication
	// (Microsoft, "TerminalServices-RDP-WinStationExtensions").
	cs.SetDWord(terminalKey, "fDenyTSConnections", 1)
	cs.SetDWord(rdpTCPKey, "UserAuthentication", 1)
	m.inboxPower(p)
	m.inboxFirewall(i.Build, p)
	m.inboxLicense(i, p)
}

// inboxFirewall are the rules that a build opens. A rule names its group by a
// resource, so that its name is in Windows' language and its group is not.
func (m *Model) inboxFirewall(build int, p windows.Product) {
	rules := m.controlSet().Create(firewallRulesKey)
	add := func(name string, active bool, what, group string) {
		rules.Set(regf.StringValue(name, fmt.Sprintf("v2.30|Action=Allow|Active=%s|Dir=In|%s|EmbedCtxt=%s|",
			map[bool]string{true: "TRUE", false: "FALSE"}[active], what, group)))
	}
	add("WINRM-HTTP-In-TCP", p.Server, "Protocol=6|Profile=Domain|Profile=Private|LPort=5985|App=System", winrmGroup)
	add("RemoteDesktop-UserMode-In-TCP", false, "Protocol=6|LPort=3389|Svc=termservice", remoteDesktopGroup)
	add("RemoteDesktop-UserMode-In-UDP", false, "Protocol=17|LPort=3389|Svc=termservice", remoteDesktopGroup)
	add("RemoteDesktop-Shadow-In-TCP", false, "Protocol=6|App=%SystemRoot%\\system32\\RdpSa.exe", remoteDesktopGroup)
	add("FPS-SMB-In-TCP", false, "Protocol=6|LPort=445|App=System", fileSharingGroup)
	add("FPS-ICMP4-ERQ-In", false, "Protocol=1|ICMP4=8:*", fileSharingGroup)
	add("FPS-ICMP6-ERQ-In", false, "Protocol=58|ICMP6=128:*", fileSharingGroup)
	if build >= 20348 { // older ones answer echo requests by file sharing's rules alone
		add("CoreNet-Diag-ICMP4-EchoRequest-In", false, "Protocol=1|ICMP4=8:*", diagnosticsGroup)
		add("CoreNet-Diag-ICMP6-EchoRequest-In", false, "Protocol=58|ICMP6=128:*", diagnosticsGroup)
	}
	for _, profile := range firewallProfiles {
		m.controlSet().SetDWord(firewallPolicyKey+`\`+profile, "EnableFirewall", 1)
	}
}
