package model

import (
	"context"
	"fmt"
	"path"
	"regexp"
	"strings"
	"time"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/regf"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/windows/model/msi"
)

// Exit codes of msiexec.exe (winerror.h).
const (
	msiSuccess        = 0
	msiFailure        = 1603 // rolled back
	msiBusy           = 1618 // another installation runs
	msiNotFound       = 1619 // the package could not be opened
	msiNotPackage     = 1620
	msiRebootStarted  = 1641
	msiBadCommandLine = 1639
	msiRebootRequired = 3010
)

const (
	agentService     = "QEMU-GA"
	agentVSSService  = "QEMU Guest Agent VSS Provider"
	cloudbaseService = "cloudbase-init"
	cloudbaseFolder  = `Program Files\Cloudbase Solutions\Cloudbase-Init`
	cloudbaseStates  = `Cloudbase Solutions\Cloudbase-Init`
	cloudbaseLog     = cloudbaseFolder + `\log\cloudbase-init.log`
)

// property is how msiexec takes a public property on its command line.
var property = regexp.MustCompile(`^[A-Z_][A-Z0-9_.]*=`)

// msiexec runs `msiexec.exe /i file /qn /norestart /l*v log properties…`. The
// caller holds no lock: an installation takes its time.
func (m *Model) msiexec(ctx context.Context, file, log string, properties []string) (exit int) {
	if !m.installer.TryLock() {
		return msiBusy
	}
	defer m.installer.Unlock()
	exit, text := m.install(ctx, file, properties)
	_, rest, _ := splitDrive(log)
	if err := m.disk.write(rest, []byte(text)); err != nil {
		m.host.Logf("msiexec: %v", err)
	}
	return exit
}

func (m *Model) install(ctx context.Context, file string, properties []string) (exit int, log string) {
	for _, p := range properties {
		if !property.MatchString(p) {
			return msiBadCommandLine, fmt.Sprintf("Invalid command line argument: %s\r\n", p)
		}
	}
	b, err := m.file(file)
	if err != nil {
		return msiNotFound, fmt.Sprintf("%s: %v\r\n", file, err)
	}
	values, err := msi.Properties(b)
	if err != nil {
		return msiNotPackage, fmt.Sprintf("%s: %v\r\n", file, err)
	}
	product, version := values["ProductName"], values["ProductVersion"]
	want, ordered := m.host.Faults().MSIExitCodes[path.Base(strings.ReplaceAll(file, `\`, "/"))]
	if ordered && want != msiSuccess && want != msiRebootRequired && want != msiRebootStarted {
		return want, fmt.Sprintf("Product: %s -- Installation failed.\r\nMainEngineThread is returning %d\r\n", product, want)
	}
	select {
	case <-time.After(time.Duration(m.host.Faults().MSISeconds[path.Base(strings.ReplaceAll(file, `\`, "/"))]) * time.Second):
	case <-ctx.Done():
	}
	act, known := installers[strings.ToLower(strings.TrimSpace(firstWords(product)))]
	if !known {
		return msiFailure, fmt.Sprintf("Product: %s -- the stand-in knows no such product\r\n", product)
	}
	if err := act(m, ctx, version, properties); err != nil {
		return msiFailure, fmt.Sprintf("Product: %s -- Installation failed: %v\r\n", product, err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	k := m.software.Create(uninstallKey + `\` + values["ProductCode"])
	k.Set(regf.StringValue("DisplayName", product))
	k.Set(regf.StringValue("DisplayVersion", version))
	k.Set(regf.DWordValue("WindowsInstaller", 1))
	if want == msiRebootRequired || want == msiRebootStarted {
		// A file in use is replaced at the next start.
		m.controlSet().Create(sessionManagerKey).Set(regf.MultiStringValue("PendingFileRenameOperations", []string{`\??\C:\Config.Msi\1a2b.rbf`}))
	}
	return want, fmt.Sprintf("Product: %s -- Installation completed successfully.\r\nMainEngineThread is returning %d\r\n", product, want)
}

// firstWords drops a version at the end of a product's name, as in
// "Cloudbase-Init 1.1.8".
func firstWords(product string) string {
	words := strings.Fields(product)
	for len(words) > 1 && words[len(words)-1][0] >= '0' && words[len(words)-1][0] <= '9' {
		words = words[:len(words)-1]
	}
	return strings.Join(words, " ")
}

// installers are the products that the stand-in can install, by the
// ProductName in their database.
var installers = map[string]func(m *Model, ctx context.Context, version string, properties []string) error{
	"virtio-win-driver-installer": (*Model).installVirtio,
	"qemu guest agent":            (*Model).installAgent,
	"cloudbase-init":              (*Model).installCloudbaseInit,
}

// installVirtio replaces the network driver while it runs: whoever is
// connected is cut off (virtio-win-pkg-scripts#48, #64,
// virtio-win-guest-tools-installer#64).
func (m *Model) installVirtio(ctx context.Context, version string, _ []string) error {
	m.mu.Lock()
	if build, _ := m.software.Text(versionKey, "CurrentBuildNumber"); len(build) < 5 {
		m.mu.Unlock()
		return fmt.Errorf("OS must be Windows 10 or higher") // the MSI's launch condition
	}
	m.mu.Unlock()
	if err := m.host.DropLink(ctx); err != nil {
		return fmt.Errorf("network adapter: %w", err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, d := range virtio {
		d.Version = version
		if err := m.addDriver(d); err != nil {
			return err
		}
	}
	m.bindDevices(m.host.Devices())
	m.writeDriverFiles(m.disk)
	return nil
}

func (m *Model) installAgent(_ context.Context, _ string, _ []string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	const exe = `C:\Program Files\Qemu-ga\qemu-ga.exe`
	m.addService(service{Name: agentService, Start: startAuto, Type: ownProcess, Image: `"` + exe + `" -d --retry-path`})
	m.addService(service{Name: agentVSSService, Start: startDemand, Type: ownProcess, Image: `%SystemRoot%\system32\dllhost.exe /Processid:{5722E7B8-4C7E-4B59-9FA5-4C0C23F7F4A6}`})
	// It talks over the port org.qemu.guest_agent.0 and ends without it.
	m.setServiceRunning(agentService, m.hasVirtioSerial())
	return m.disk.write(`Program Files\Qemu-ga\qemu-ga.exe`, []byte("MZ stand-in\r\n"))
}

// installCloudbaseInit leaves the service automatic and not started
// (cloudbase-init-installer, Product.wxs: ServiceInstall Start="auto").
func (m *Model) installCloudbaseInit(_ context.Context, _ string, properties []string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	const root = `C:\` + cloudbaseFolder
	user := "Admin" // the installer's default, which makes a second administrator
	for _, p := range properties {
		if name, value, _ := strings.Cut(p, "="); name == "USERNAME" {
			user = value
		}
	}
	conf := "[DEFAULT]\r\nusername=" + user + "\r\ngroups=Administrators\r\ninject_user_password=true\r\nconfig_drive_raw_hhd=true\r\nconfig_drive_cdrom=true\r\nconfig_drive_vfat=true\r\n" +
		"bsdtar_path=" + root + "\\bin\\bsdtar.exe\r\nmtools_path=" + root + "\\bin\\\r\nverbose=true\r\ndebug=true\r\nlogdir=" + root + "\\log\\\r\nlogfile=cloudbase-init.log\r\n" +
		"mtu_use_dhcp_config=true\r\nntp_use_dhcp_config=true\r\nlocal_scripts_path=" + root + "\\LocalScripts\\\r\ncheck_latest_version=true\r\n"
	for name, body := range map[string]string{
		`bin\OpenStackService.exe`:          "MZ stand-in\r\n",
		`bin\SetSetupComplete.cmd`:          "@rem stand-in\r\n",
		`Python\Scripts\cloudbase-init.exe`: "MZ stand-in\r\n",
		`conf\cloudbase-init.conf`:          conf,
		`conf\cloudbase-init-unattend.conf`: conf,
		`conf\Unattend.xml`:                 "<unattend xmlns=\"urn:schemas-microsoft-com:unattend\"/>\r\n",
		`LocalScripts\.keep`:                "",
	} {
		if err := m.disk.write(cloudbaseFolder+`\`+name, []byte(body)); err != nil {
			return err
		}
	}
	if err := m.disk.mkdir(cloudbaseFolder + `\log`); err != nil {
		return err
	}
	m.addService(service{
		Name: cloudbaseService, Start: startAuto, Type: ownProcess, Needs: []string{"winmgmt", "nsi", "profsvc"},
		Image: fmt.Sprintf(`"%s\bin\OpenStackService.exe" cloudbase-init "%s\Python\Scripts\cloudbase-init.exe" --config-file "%s\conf\cloudbase-init.conf"`, root, root, root),
	})
	return nil
}

// runCloudbaseInit is what a start of Windows with the service armed does in
// the build: a log, a state key, another computer name at the next start, and
// a random password for its user, who is the build's.
func (m *Model) runCloudbaseInit() {
	if err := m.disk.write(cloudbaseLog, []byte("Cloudbase-Init version: stand-in\r\nMetadata service loaded\r\n")); err != nil {
		m.host.Logf("cloudbase-init: %v", err)
	}
	m.software.SetDWord(cloudbaseStates+`\i-00000001\Plugins`, "SetHostNamePlugin", 1)
	m.controlSet().SetString(computerNameKey, "ComputerName", "CLOUD-I-1")
	if k := m.account(m.administratorName()); k != nil {
		setPassword(k, m.bootID) // nobody knows it
	}
}

// installedVersion finds a product by its name in the uninstall list.
func (m *Model) installedVersion(prefix string) string {
	list := m.software.Open(uninstallKey)
	if list == nil {
		return ""
	}
	for _, k := range list.Subkeys() {
		name, _ := k.Text("", "DisplayName")
		if strings.HasPrefix(strings.ToLower(name), strings.ToLower(prefix)) {
			version, _ := k.Text("", "DisplayVersion")
			return version
		}
	}
	return ""
}
