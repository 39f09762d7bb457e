package answerfile

import (
	"cmp"
	"fmt"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/windows"
)

// specialize is what Windows does when it starts from its disk first.
func (a Answers) specialize(doc *document, zone string) {
	shell := []*node{leaf("ComputerName", or(a.ComputerName, "*"))}
	if a.InstallMethod == MethodApply {
		// What UserData of the windowsPE pass gives setup.exe.
		if key := a.productKey(); key != "" {
			shell = append(shell, leaf("ProductKey", key))
		}
		shell = append(shell, leaf("RegisteredOrganization", or(a.Organization, "packer")), leaf("RegisteredOwner", or(a.FullName, "packer")))
	}
	doc.component(passSpecialize, componentShell, append(shell, leaf("TimeZone", zone))...)
	doc.component(passSpecialize, componentActivationUX, boolean("SkipAutoActivation", true))
	if a.Product.Server {
		doc.component(passSpecialize, componentServerManager, boolean("DoNotOpenServerManagerAtLogon", true))
	}
	var open []*node
	if a.RemoteDesktop != nil {
		authentication := 1
		if a.RemoteDesktop.WithoutNLA {
			authentication = 0
		}
		doc.component(passSpecialize, componentTerminal, boolean("fDenyTSConnections", false))
		doc.component(passSpecialize, componentTerminalStation, number("UserAuthentication", authentication))
		if !a.FirewallOff {
			open = append(open, firewallGroup("RemoteDesktop", remoteDesktopGroup))
		}
	}
	for i, id := range a.FirewallGroups {
		if id != remoteDesktopGroup || a.RemoteDesktop == nil {
			open = append(open, firewallGroup(fmt.Sprintf("Group%d", i+1), id))
		}
	}
	var firewall []*node
	if a.FirewallOff {
		firewall = append(firewall, boolean("DomainProfile_EnableFirewall", false))
	}
	if len(open) > 0 {
		firewall = append(firewall, group("FirewallGroups", open...))
	}
	if a.FirewallOff {
		firewall = append(firewall, boolean("PrivateProfile_EnableFirewall", false), boolean("PublicProfile_EnableFirewall", false))
	}
	doc.component(passSpecialize, componentFirewall, firewall...)

	commands := specializeCommands(a.Product.Server)
	commands = append(commands, kmsCommands(a.KMSHost)...)
	for _, line := range a.SpecializeCommands {
		commands = append(commands, command{line: line})
	}
	doc.component(passSpecialize, componentDeployment, runSynchronous(commands))
}

// remoteDesktopGroup is Remote Desktop's group of firewall rules by resource,
// since its name differs by language.
const remoteDesktopGroup = "@FirewallAPI.dll,-28752"

func firewallGroup(key, id string) *node {
	return keyed("FirewallGroup", key, boolean("Active", true), leaf("Group", id), leaf("Profile", "all"))
}

// kmsCommands names the KMS host in the registry, where Windows' activation
// looks before it asks DNS (Microsoft: "Volume activation, registry settings").
func kmsCommands(kmsHost string) []command {
	if kmsHost == "" {
		return nil
	}
	host, err := windows.ParseKMSHost(kmsHost)
	if err != nil {
		return nil // Validate has said so
	}
	port := cmp.Or(host.Port, 1688) // Windows' own
	number := Setting{Kind: RegistryValue, Key: softwareLicensing, Name: "KeyManagementServicePort", Type: "REG_SZ", Data: fmt.Sprint(port)}
	return []command{{line: kmsName(host.Name).reg()}, {line: number.reg()}}
}

func kmsName(host string) Setting {
	return Setting{Kind: RegistryValue, Key: softwareLicensing, Name: "KeyManagementServiceName", Type: "REG_SZ", Data: host}
}
