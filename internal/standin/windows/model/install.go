package model

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/regf"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/windows"
)

// Install is what Setup has decided by the end of the windowsPE pass.
type Install struct {
	Build            int    // 20348
	EditionID        string // ServerStandard
	ProductName      string // Windows Server 2022 Standard
	InstallationType string // Server | Server Core | Client
	Language         string // ko-KR
	Firmware         string // uefi | bios
	ComputerName     string
	TimeZone         string // a Windows name
	// AdministratorPassword enables the built-in administrator on a client;
	// on a server that account is enabled anyway.
	AdministratorPassword string
	Accounts              []Account
	AutoLogon             *AutoLogon
	// Registry are the values that the answer file's commands add.
	Registry []RegValue
	// Drivers are the packages that Setup took into the driver store, Devices
	// the functions that were there while it ran.
	Drivers []Driver
	Devices []PCIDevice
}

// Account is a local account.
type Account struct {
	Name          string
	Password      string
	Administrator bool
}

// AutoLogon is the answer file's AutoLogon element.
type AutoLogon struct {
	User, Password string
	Count          int
}

// RegValue is a value as `reg.exe add` takes it.
type RegValue struct {
	Key  string // HKLM\SOFTWARE\…
	Name string
	Type string // REG_SZ, REG_DWORD …
	Data string
}

// New makes the Windows that Setup has just laid down: its state is
// UNDEPLOYABLE until CompleteSetup.
func New(i Install) (*Model, error) {
	product, err := windows.ProductOf(i.Build, i.InstallationType)
	if err != nil {
		return nil, err
	}
	m := &Model{software: regf.NewRoot(), system: regf.NewRoot(), sam: regf.NewRoot()}
	m.system.SetDWord("Select", "Current", 1)
	m.system.SetDWord("Select", "Default", 1)
	m.system.SetDWord("Select", "Failed", 0)
	m.system.SetDWord("Select", "LastKnownGood", 1)
	m.describe(i)
	m.inboxServices(product)
	m.inboxSettings(i, product)
	for _, d := range i.Drivers {
		if err := m.addDriver(d); err != nil {
			return nil, err
		}
	}
	m.bindDevices(i.Devices)
	m.makeAccounts(i, product)
	for _, v := range i.Registry {
		if err := m.setRegistry(v); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func (m *Model) describe(i Install) {
	v := m.software.Create(versionKey)
	build := strconv.Itoa(i.Build)
	for _, value := range []regf.Value{
		regf.StringValue("ProductName", i.ProductName),
		regf.StringValue("EditionID", i.EditionID),
		regf.StringValue("InstallationType", i.InstallationType),
		regf.StringValue("CurrentBuild", build),
		regf.StringValue("CurrentBuildNumber", build),
		regf.StringValue("CurrentVersion", "6.3"), // since 8.1, for every build
		regf.DWordValue("CurrentMajorVersionNumber", 10),
		regf.DWordValue("CurrentMinorVersionNumber", 0),
		regf.DWordValue("UBR", 1),
		regf.StringValue("SystemRoot", `C:\Windows`),
	} {
		v.Set(value)
	}
	m.setImageState(stateUndeployable)
	setup := m.system.Create("Setup")
	setup.Set(regf.DWordValue("SystemSetupInProgress", 1))
	setup.Set(regf.DWordValue("OOBEInProgress", 1))
	setup.Set(regf.DWordValue("SetupType", 2))
	setup.Set(regf.StringValue("CmdLine", `oobe\windeploy.exe`))
	// What sysprep and cloudbase-init look at before they do anything.
	m.system.SetDWord(`Setup\Status\SysprepStatus`, "CleanupState", 2)
	m.system.SetDWord(`Setup\Status\SysprepStatus`, "GeneralizationState", 7)

	cs := m.controlSet()
	firmware := map[string]uint32{"bios": 1, "uefi": 2}
	cs.SetDWord("Control", "PEFirmwareType", firmware[strings.ToLower(i.Firmware)])
	cs.SetString(computerNameKey, "ComputerName", i.ComputerName)
	cs.SetString(activeComputerNameKey, "ComputerName", i.ComputerName)
	cs.SetString(`Control\TimeZoneInformation`, "TimeZoneKeyName", i.TimeZone)
	cs.Create(`Control\MUI\UILanguages\` + i.Language)
	if locale, err := windows.LookupLocale(i.Language); err == nil {
		lcid, _, _ := strings.Cut(locale.SetupInput, ":")
		cs.SetString(`Control\Nls\Language`, "InstallLanguage", lcid)
	}
}

// inboxServices are the services and rules of a fresh Windows that a build
// looks at.
func (m *Model) inboxServices(p windows.Product) {
	for _, s := range []service{
		{Name: "storahci", Start: startBoot, Type: kernelDriver, Image: `System32\drivers\storahci.sys`},
		{Name: "disk", Start: startBoot, Type: kernelDriver, Image: `System32\drivers\disk.sys`},
		{Name: "Ntfs", Start: startSystem, Type: kernelDriver, Image: `System32\drivers\ntfs.sys`},
		{Name: "Dhcp", Start: startAuto, Type: shareProcess, Image: svchost},
		{Name: "nsi", Start: startAuto, Type: shareProcess, Image: svchost},
		{Name: "ProfSvc", Start: startAuto, Type: shareProcess, Image: svchost},
		{Name: "Winmgmt", Start: startAuto, Type: shareProcess, Image: svchost},
		{Name: "Schedule", Start: startAuto, Type: shareProcess, Image: svchost},
		{Name: "mpssvc", Start: startAuto, Type: shareProcess, Image: svchost},
		{Name: "wuauserv", Start: startDemand, Type: shareProcess, Image: svchost},
		// WinRM runs on servers and waits on clients.
		{Name: "WinRM", Start: map[bool]uint32{true: startAuto, false: startDemand}[p.Server], Type: shareProcess, Image: svchost},
	} {
		m.addService(s)
	}
	// `winrm get winrm/config` of a fresh Windows.
	m.software.SetDWord(wsmanKey, "MaxTimeoutms", 60000)
	for _, name := range []string{"MaxMemoryPerShellMB", "MaxProcessesPerShell", "MaxShellsPerUser"} {
		m.software.SetDWord(wsmanKey+`\Shell`, name, 2147483647)
	}
	if p.Server {
		// The default HTTP listener of a server (5985).
		m.software.SetDWord(wsmanKey+`\Listener\*+HTTP`, "Port", 5985)
	}
}

func firewallRule(active bool, port, profile string) string {
	state := map[bool]string{true: "TRUE", false: "FALSE"}[active]
	return fmt.Sprintf("v2.30|Action=Allow|Active=%s|Dir=In|Protocol=6|Profile=%s|LPort=%s|App=System|", state, profile, port)
}
