package diskcheck

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"fmt"
	"math/big"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/answerfile"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/handoff"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/regf"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/windows/model/disktest"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/windows"
)

// sealed is a disk as a good seal leaves it, which each test breaks in one
// place.
type sealed struct {
	disktest.Disk
	software, system, sam *regf.Key
	encode                func(name string, root *regf.Key) map[string][]byte
	spoil                 func(disk *os.File, size int64) error // of the raw image; may be nil
	want                  Expect
}

const answers = `<?xml version="1.0" encoding="utf-8"?>
<unattend xmlns="urn:schemas-microsoft-com:unattend">
  <settings pass="generalize"><component name="Microsoft-Windows-PnpSysprep" processorArchitecture="amd64">
    <PersistAllDeviceInstalls>true</PersistAllDeviceInstalls></component></settings>
  <settings pass="specialize"><component name="Microsoft-Windows-Deployment" processorArchitecture="amd64"><RunSynchronous>
    <RunSynchronousCommand><Order>1</Order><Path>powershell.exe Get-LocalUser|? SID -like *-500|Set-LocalUser -Password $p</Path></RunSynchronousCommand>
    <RunSynchronousCommand><Order>2</Order><Path>cloudbase-init.exe --config-file cloudbase-init-unattend.conf</Path></RunSynchronousCommand>
  </RunSynchronous></component></settings>
  <settings pass="oobeSystem"><component name="Microsoft-Windows-Shell-Setup" processorArchitecture="amd64">
    <OOBE><HideEULAPage>true</HideEULAPage></OOBE><TimeZone>UTC</TimeZone></component></settings>
</unattend>`

var conf = strings.ReplaceAll(`[DEFAULT]
username=Administrator
metadata_services=cloudbaseinit.metadata.services.cloudstack.CloudStack
plugins=cloudbaseinit.plugins.common.mtu.MTUPlugin,
  cloudbaseinit.plugins.common.sethostname.SetHostNamePlugin
allow_reboot=false
stop_service_on_exit=false
[cloudstack]
password_server_port=8080
`, "\n", "\r\n")

func good(firmware string) *sealed {
	s := &sealed{software: regf.NewRoot(), system: regf.NewRoot(), sam: regf.NewRoot(), encode: clean}
	s.want = Expect{
		Firmware: firmware, Server: true, CloudbaseInit: true, CloudbaseInitStart: "demand",
		Account: "packer", Certificate: buildCertificate.Raw, Unattend: []byte(answers),
	}
	s.software.SetString(`Microsoft\Windows\CurrentVersion\Setup\State`, "ImageState", sealedState)
	const version = `Microsoft\Windows NT\CurrentVersion`
	s.software.SetString(version, "ProductName", "Windows Server 2022 Standard")
	s.software.SetString(version, "EditionID", "ServerStandard")
	s.software.SetString(version, "CurrentBuildNumber", "20348")
	s.software.SetString(version+`\Winlogon`, "AutoAdminLogon", "0")
	s.software.SetString(version+`\Winlogon`, "DefaultUserName", "")
	const uninstall = `Microsoft\Windows\CurrentVersion\Uninstall\`
	s.software.SetString(uninstall+"{1}", "DisplayName", "QEMU guest agent")
	s.software.SetString(uninstall+"{1}", "DisplayVersion", "109.1.0")
	s.software.SetDWord(`Microsoft\Windows\CurrentVersion\WSMAN\Listener\*+HTTP`, "Port", 5985)
	s.software.Create(`Microsoft\SystemCertificates\MY\Certificates\AA`).Set(regf.BinaryValue("Blob", blob("another")))
	s.system.SetDWord("Select", "Current", 1)
	s.system.Create(`ControlSet001\Control\Session Manager\Memory Management`).Set(regf.MultiStringValue("PagingFiles", []string{`?:\pagefile.sys`}))
	services := `ControlSet001\Services\`
	for _, name := range []string{"viostor", "vioscsi"} {
		s.system.SetDWord(services+name, "Start", 0)
		s.system.Create(services + name).Set(regf.ExpandStringValue("ImagePath", `\SystemRoot\System32\drivers\`+name+".sys"))
	}
	s.system.SetDWord(services+"WinRM", "Start", 2)
	s.system.SetDWord(services+"cloudbase-init", "Start", 3)
	s.system.SetString(services+"cloudbase-init", "ImagePath", `"C:\Program Files\Cloudbase Solutions\Cloudbase-Init\bin\OpenStackService.exe" cloudbase-init`)
	s.system.SetString(services+`SharedAccess\Parameters\FirewallPolicy\FirewallRules`, "WINRM-HTTP-In-TCP", "v2.30|Action=Allow|Active=FALSE|Dir=In|Protocol=6|LPort=5985|")
	s.system.Create("Setup")
	s.addAccount("Administrator", 500)
	// An automatic logon that was taken back leaves its secret there, with nothing in it.
	security := regf.NewRoot()
	security.Create(`Policy\Secrets\DefaultPassword\CurrVal`).Set(regf.BinaryValue("", nil))
	s.software.Create(profileList + "S-1-5-18").Set(regf.ExpandStringValue("ProfileImagePath", `%systemroot%\system32\config\systemprofile`))
	s.addProfile(500, `C:\Users\Administrator`)
	const cloudbase = "Program Files/Cloudbase Solutions/Cloudbase-Init/"
	s.Disk = disktest.Disk{
		Firmware: firmware,
		Windows: map[string][]byte{
			"Windows/System32/drivers/viostor.sys":           []byte("MZ viostor"),
			"Windows/System32/drivers/vioscsi.sys":           []byte("MZ vioscsi"),
			"Windows/Setup/State/State.ini":                  utf16le("[State]\r\nImageState=\"" + sealedState + "\"\r\n"),
			"Windows/Setup/Scripts/SetupComplete.cmd":        []byte("@call wintemplate-setupcomplete\r\n"),
			"Windows/Panther/unattend.xml":                   []byte("\xef\xbb\xbf" + answers),
			"Windows/Panther/diagerr.xml":                    []byte("<xml xmlns:z='x'>unattend <Password><Value>log</Value></Password></xml>"),
			"Windows/System32/config/SECURITY":               clean("", security)[""],
			"Users/Administrator/NTUSER.DAT":                 []byte("x"),
			"ProgramData/Microsoft/x":                        []byte("x"),
			"ProgramData/Microsoft/Crypto/RSA/MachineKeys/f": []byte("another key"),
			cloudbase + "Python/Scripts/cloudbase-init.exe":  []byte("MZ"),
			cloudbase + "conf/cloudbase-init.conf":           []byte(conf),
			cloudbase + "conf/cloudbase-init-unattend.conf":  []byte(conf),
			cloudbase + "log/cloudbase-init-unattend.log":    {},
		},
	}
	if firmware == UEFI {
		s.System = map[string][]byte{
			"EFI/Boot/bootx64.efi":             bytes.Repeat([]byte("boot manager "), 5000),
			"EFI/Microsoft/Boot/bootmgfw.efi":  bytes.Repeat([]byte("boot manager "), 5000),
			"EFI/Microsoft/Boot/BCD":           []byte("regf"),
			"EFI/Microsoft/Boot/bootmgr-x.efi": []byte("a long name"),
		}
	} else {
		s.System = map[string][]byte{"bootmgr": []byte("bootmgr"), "Boot/BCD": []byte("regf")}
	}
	return s
}

const profileList = `Microsoft\Windows NT\CurrentVersion\ProfileList\`

// addAccount is one as SAM has it, whose RID is the type of its name's value.
func (s *sealed) addAccount(name string, rid uint32) {
	const users = `SAM\Domains\Account\Users\`
	s.sam.Create(users + `Names\` + name).Set(regf.Value{Type: regf.Type(rid)})
	s.sam.Create(fmt.Sprintf("%s%08X", users, rid))
}

func (s *sealed) addProfile(rid uint32, path string) {
	s.software.Create(fmt.Sprintf("%sS-1-5-21-1-2-3-%d", profileList, rid)).Set(regf.ExpandStringValue("ProfileImagePath", path))
}

func utf16le(s string) []byte {
	b := []byte{0xff, 0xfe}
	for _, r := range s {
		b = append(b, byte(r), byte(r>>8))
	}
	return b
}

// buildCertificate is the one that WinRM listened with.
var buildCertificate = func() *x509.Certificate {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		panic(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		panic(err)
	}
	return leaf
}()

// keyFile is a key of CryptoAPI as far as the check reads it: the public half.
func keyFile(c *x509.Certificate) string {
	n := c.PublicKey.(*rsa.PublicKey).N.Bytes()
	slices.Reverse(n)
	return "\x02\x00\x00\x00 name RSA1" + string(n) + " the private half, encrypted"
}

// blob is a certificate in the registry.
func blob(der string) []byte {
	b := binary.LittleEndian.AppendUint32(nil, 32)
	b = binary.LittleEndian.AppendUint32(b, 1)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(der)))
	return append(b, der...)
}

func clean(name string, root *regf.Key) map[string][]byte {
	b, err := regf.Encode(root, regf.Options{})
	if err != nil {
		panic(err)
	}
	return map[string][]byte{name: b, name + ".LOG1": {}, name + ".LOG2": {}}
}

// finish puts the hives on the disk.
func (s *sealed) finish() {
	for name, root := range map[string]*regf.Key{"SOFTWARE": s.software, "SYSTEM": s.system, "SAM": s.sam} {
		for file, b := range s.encode(name, root) {
			path := "Windows/System32/config/" + file
			if _, own := s.Windows[path]; !own {
				s.Windows[path] = b
			}
		}
	}
}

func (s *sealed) check(t *testing.T) *Report {
	t.Helper()
	s.finish()
	path := s.Raw(t, t.TempDir())
	if s.spoil != nil {
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		info, err := f.Stat()
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(s.spoil(f, info.Size()), f.Close()); err != nil {
			t.Fatal(err)
		}
	}
	r, err := Check(context.Background(), path, s.want)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestGoodDisks(t *testing.T) {
	for _, firmware := range []string{UEFI, BIOS} {
		t.Run(firmware, func(t *testing.T) {
			t.Parallel()
			s := good(firmware)
			s.finish()
			r, err := Check(context.Background(), s.Qcow2(t, t.TempDir()), s.want)
			if err != nil {
				t.Fatal(err)
			}
			if err := r.Err(); err != nil {
				t.Error(err)
			}
			want := Facts{
				VirtualSize: r.Facts.VirtualSize, Firmware: firmware, ImageState: sealedState, AgentVersion: "109.1.0",
				ProductName: "Windows Server 2022 Standard", EditionID: "ServerStandard", Build: 20348,
			}
			if r.Facts != want || r.Facts.VirtualSize < 100<<20 {
				t.Errorf("facts %+v", r.Facts)
			}
			ids := IDs(s.want)
			for _, f := range r.Findings {
				if !slices.Contains(ids, f.ID) {
					t.Errorf("%s is not among the ids that a check can have", f.ID)
				}
			}
			for _, id := range ids {
				if id == "hive-dirty" { // never good
					continue
				}
				if !slices.ContainsFunc(r.Findings, func(f Finding) bool { return f.ID == id && f.Severity == handoff.OK }) {
					t.Errorf("no finding %s", id)
				}
			}
		})
	}
}

const (
	winlogonPath  = `Microsoft\Windows NT\CurrentVersion\Winlogon`
	memoryPath    = `ControlSet001\Control\Session Manager\Memory Management`
	servicesPath  = `ControlSet001\Services\`
	secretAnswer  = `<unattend xmlns="urn:schemas-microsoft-com:unattend"><settings pass="oobeSystem"><component name="Microsoft-Windows-Shell-Setup"><AutoLogon><Password><Value>secret</Value></Password></AutoLogon></component></settings></unattend>`
	cloudbasePath = "Program Files/Cloudbase Solutions/Cloudbase-Init/"
)

// TestEachCheckFindsItsFault breaks one thing a time: exactly that is found.
func TestEachCheckFindsItsFault(t *testing.T) {
	file := func(path, body string) func(*sealed) {
		return func(s *sealed) { s.Windows[path] = []byte(body) }
	}
	remove := func(path string) func(*sealed) {
		return func(s *sealed) {
			if _, ok := s.Windows[path]; !ok {
				panic(path)
			}
			delete(s.Windows, path)
		}
	}
	for _, c := range []struct {
		name     string
		firmware string
		damage   func(*sealed)
		id       string
		severity handoff.Severity
		found    string
	}{
		{"GPT for BIOS", UEFI, func(s *sealed) { s.want.Firmware = BIOS }, "partition-table", handoff.Fail, "a disk for uefi"},
		{"MBR for UEFI", BIOS, func(s *sealed) { s.want.Firmware = UEFI }, "partition-table", handoff.Fail, "a disk for bios"},
		{"no backup GPT", UEFI, func(s *sealed) {
			s.spoil = func(disk *os.File, size int64) error {
				_, err := disk.WriteAt(make([]byte, 512), size-512)
				return err
			}
		}, "partition-table", handoff.Fail, "the backup GPT"},
		{"no active partition", BIOS, func(s *sealed) {
			s.spoil = func(disk *os.File, _ int64) error {
				for i := range int64(4) {
					if _, err := disk.WriteAt([]byte{0}, 446+16*i); err != nil {
						return err
					}
				}
				return nil
			}
		}, "partition-table", handoff.Fail, "0 active partitions"},
		{"empty loaders", UEFI, func(s *sealed) {
			s.System["EFI/Boot/bootx64.efi"], s.System["EFI/Microsoft/Boot/bootmgfw.efi"] = nil, nil
		}, "fallback-loader", handoff.Fail, "empty"},
		{"an empty boot store", UEFI, func(s *sealed) { s.System["EFI/Microsoft/Boot/BCD"] = nil }, "boot-store", handoff.Fail, "empty"},
		{"no fallback loader", UEFI, func(s *sealed) { delete(s.System, "EFI/Boot/bootx64.efi") }, "fallback-loader", handoff.Fail, "is not there"},
		{"another fallback loader", UEFI, func(s *sealed) { s.System["EFI/Boot/bootx64.efi"] = []byte("grub") }, "fallback-loader", handoff.Fail, "not those of bootmgfw.efi"},
		{"no boot store", UEFI, func(s *sealed) { delete(s.System, "EFI/Microsoft/Boot/BCD") }, "boot-store", handoff.Fail, "is not there"},
		{"ESP with FAT16", UEFI, func(s *sealed) { s.ESPOptions = []string{"-F", "16"} }, "esp", handoff.Fail, "FAT16"},
		{"no bootmgr", BIOS, func(s *sealed) { delete(s.System, "bootmgr") }, "boot-manager", handoff.Fail, "is not there"},
		{"no boot store on BIOS", BIOS, func(s *sealed) { delete(s.System, "Boot/BCD") }, "boot-store", handoff.Fail, "is not there"},
		{"NTFS not unmounted", UEFI, func(s *sealed) { s.Dirty = true }, "ntfs-clean", handoff.Fail, "dirty"},
		{"sysprep has not run", UEFI, func(s *sealed) { s.setState("IMAGE_STATE_COMPLETE") }, "image-state", handoff.Fail, "IMAGE_STATE_COMPLETE"},
		{"sysprep failed half-way", UEFI, func(s *sealed) { s.setState("IMAGE_STATE_UNDEPLOYABLE") }, "image-state", handoff.Fail, "UNDEPLOYABLE"},
		{"State.ini says otherwise", UEFI, file("Windows/Setup/State/State.ini", "[State]\r\nImageState=\"IMAGE_STATE_COMPLETE\"\r\n"), "image-state", handoff.Fail, "COMPLETE"},
		{"no SOFTWARE hive", UEFI, file("Windows/System32/config/SOFTWARE", "not a hive"), "hive-software", handoff.Unknown, "not a registry hive"},
		{"viostor on demand", UEFI, func(s *sealed) { s.system.SetDWord(servicesPath+"viostor", "Start", 3) }, "boot-driver-viostor", handoff.Fail, "Start=3"},
		{"vioscsi never bound", UEFI, func(s *sealed) { s.system.Delete(servicesPath + "vioscsi") }, "boot-driver-vioscsi", handoff.Fail, "is not there"},
		{"vioscsi overridden", UEFI, func(s *sealed) { s.system.SetDWord(servicesPath+`vioscsi\StartOverride`, "0", 3) }, "boot-driver-vioscsi", handoff.Fail, "0=3"},
		{"viostor's file is gone", UEFI, remove("Windows/System32/drivers/viostor.sys"), "boot-driver-viostor", handoff.Fail, "is not there"},
		{"viostor's file is empty", UEFI, file("Windows/System32/drivers/viostor.sys", ""), "boot-driver-viostor", handoff.Fail, "0 bytes"},
		{"another control set", UEFI, func(s *sealed) { s.system.SetDWord("Select", "Current", 2) }, "boot-driver-viostor", handoff.Fail, "is not there"},
		{"cloudbase-init is not installed", UEFI, func(s *sealed) { s.system.Delete(servicesPath + "cloudbase-init") }, "cloudbase-init", handoff.Fail, "is not there"},
		{"cloudbase-init starts by itself", UEFI, func(s *sealed) { s.system.SetDWord(servicesPath+"cloudbase-init", "Start", 2) }, "cloudbase-init", handoff.Fail, "Start=2"},
		{"cloudbase-init's program is gone", UEFI, remove(cloudbasePath + "Python/Scripts/cloudbase-init.exe"), "cloudbase-init", handoff.Fail, "is not there"},
		{"nothing starts cloudbase-init", UEFI, remove("Windows/Setup/Scripts/SetupComplete.cmd"), "cloudbase-init", handoff.Fail, "is not there"},
		{"cloudbase-init's conf is gone", UEFI, remove(cloudbasePath + "conf/cloudbase-init.conf"), "cloudbase-init-conf", handoff.Fail, "is not there"},
		{"a misspelt option", UEFI, file(cloudbasePath+"conf/cloudbase-init.conf", strings.ReplaceAll(conf, "username=", "user_name=")), "cloudbase-init-conf", handoff.Fail, "user_name"},
		{"a misspelt class", UEFI, file(cloudbasePath+"conf/cloudbase-init.conf", strings.ReplaceAll(conf, "cloudstack.CloudStack", "cloudstack")), "cloudbase-init-conf", handoff.Fail, "is no metadata service of cloudbase-init"},
		{"a conf that is none", UEFI, file(cloudbasePath+"conf/cloudbase-init.conf", "username=Administrator"), "cloudbase-init-conf", handoff.Fail, "line 1"},
		{"unattend conf that reboots", UEFI, file(cloudbasePath+"conf/cloudbase-init-unattend.conf", strings.ReplaceAll(conf, "allow_reboot=false", "allow_reboot=true")), "cloudbase-init-unattend-conf", handoff.Fail, "allow_reboot"},
		{"a misspelt plugin", UEFI, file(cloudbasePath+"conf/cloudbase-init.conf", strings.Replace(conf, "MTUPlugin", "MTUPlugn", 1)), "cloudbase-init-conf", handoff.Fail, "is it cloudbaseinit.plugins.common.mtu.MTUPlugin?"},
		{"a value that is none", UEFI, file(cloudbasePath+"conf/cloudbase-init.conf", conf+"[ec2]\r\nhttps_allow_insecure=perhaps\r\n"), "cloudbase-init-conf", handoff.Fail, "neither true nor false"},
		{"a conf in UTF-16", UEFI, func(s *sealed) {
			s.Windows[cloudbasePath+"conf/cloudbase-init.conf"] = utf16le(conf)
		}, "cloudbase-init-conf", handoff.Fail, "line 1"},
		{"cloudbase-init has run", UEFI, file(cloudbasePath+"log/cloudbase-init.log", "run"), "cloudbase-init-state", handoff.Fail, "has run"},
		{"cloudbase-init's state", UEFI, func(s *sealed) {
			s.software.Create(`Cloudbase Solutions\Cloudbase-Init\i-1\Plugins`)
		}, "cloudbase-init-state", handoff.Fail, "has done"},
		{"no cached answer file", UEFI, remove("Windows/Panther/unattend.xml"), "answer-file-cached", handoff.Fail, "is not there"},
		{"a password in the cached answer file", UEFI, file("Windows/Panther/unattend.xml", secretAnswer), "answer-file-cached", handoff.Fail, "AutoLogon"},
		{"another cached answer file", UEFI, file("Windows/Panther/unattend.xml", strings.ReplaceAll(answers, "UTC", "Tokyo Standard Time")), "answer-file-cached", handoff.Fail, "TimeZone=UTC"},
		{"an answer file that is not ours", UEFI, func(s *sealed) {
			s.want.Unattend = nil
			s.Windows["Windows/Panther/unattend.xml"] = []byte(strings.ReplaceAll(answers, "PersistAllDeviceInstalls>true", "PersistAllDeviceInstalls>false"))
		}, "answer-file-cached", handoff.Fail, "drivers of both disk buses"},
		{"an answer file without cloudbase-init", UEFI, func(s *sealed) {
			s.want.Unattend = nil
			s.Windows["Windows/Panther/unattend.xml"] = []byte(strings.ReplaceAll(answers, "cloudbase-init-unattend.conf", "x.conf"))
		}, "answer-file-cached", handoff.Fail, "run cloudbase-init"},
		{"sysprep's own answer file", UEFI, file("Windows/System32/Sysprep/unattend.xml", answers), "answer-file-stray", handoff.Fail, "without a password"},
		{"an answer file in the root", UEFI, file("Autounattend.xml", secretAnswer), "answer-file-stray", handoff.Fail, "AutoLogon"},
		{"a copy in Panther", UEFI, file("Windows/Panther/old.xml", secretAnswer), "answer-file-stray", handoff.Fail, "AutoLogon"},
		{"UnattendFile", UEFI, func(s *sealed) { s.system.SetString("Setup", "UnattendFile", `C:\x.xml`) }, "answer-file-stray", handoff.Fail, `C:\x.xml`},
		{"autologon", UEFI, func(s *sealed) { s.software.SetString(winlogonPath, "AutoAdminLogon", "1") }, "autologon", handoff.Fail, "1"},
		{"the password of the autologon", UEFI, func(s *sealed) { s.software.SetString(winlogonPath, "DefaultPassword", "secret") }, "autologon", handoff.Fail, "is there"},
		{"automatic logons left", UEFI, func(s *sealed) { s.software.SetDWord(winlogonPath, "AutoLogonCount", 1) }, "autologon", handoff.Fail, "AutoLogonCount"},
		{"the SID of the autologon", UEFI, func(s *sealed) { s.software.SetString(winlogonPath, "AutoLogonSID", "S-1-5-21-1-2-3-500") }, "autologon", handoff.Fail, "AutoLogonSID"},
		{"no page file for ever", UEFI, func(s *sealed) { s.system.Create(memoryPath).Set(regf.MultiStringValue("PagingFiles", nil)) }, "page-file", handoff.Fail, "gives none back"},
		{"a first-logon command left", UEFI, func(s *sealed) {
			s.software.SetString(`Microsoft\Windows\CurrentVersion\Run`, "Unattend0001", "cmd")
		}, "autologon", handoff.Fail, "Unattend0001"},
		{"an LSA secret", UEFI, func(s *sealed) {
			root := regf.NewRoot()
			root.Create(`Policy\Secrets\DefaultPassword\CurrVal`).Set(regf.BinaryValue("", []byte("secret")))
			s.Windows["Windows/System32/config/SECURITY"] = clean("", root)[""]
		}, "autologon", handoff.Fail, "6 bytes"},
		{"the build's listener", UEFI, func(s *sealed) {
			s.software.SetDWord(`Microsoft\Windows\CurrentVersion\WSMAN\Listener\*+HTTPS`, "Port", 5986)
		}, "winrm-listener", handoff.Fail, "HTTPS"},
		{"the build's certificate at a listener of another name", UEFI, func(s *sealed) {
			s.software.SetString(`Microsoft\Windows\CurrentVersion\WSMAN\Listener\*+HTTP`, "certThumbprint", "AA")
		}, "winrm-listener", handoff.Fail, `*+HTTP an HTTPS listener`},
		{"unencrypted WinRM", UEFI, func(s *sealed) {
			s.software.SetDWord(`Microsoft\Windows\CurrentVersion\WSMAN\Service`, "allow_unencrypted", 1)
		}, "winrm-listener", handoff.Fail, "1"},
		{"Basic", UEFI, func(s *sealed) {
			s.software.SetDWord(`Microsoft\Windows\CurrentVersion\WSMAN\Service`, "auth_basic", 1)
		}, "build-winrm-basic", handoff.Fail, "expected 0"},
		{"the binding of 5986", UEFI, func(s *sealed) {
			s.system.Create(servicesPath + `HTTP\Parameters\SslBindingInfo\0.0.0.0:5986`)
		}, "winrm-binding", handoff.Fail, "5986"},
		{"the firewall rule", UEFI, func(s *sealed) {
			s.system.SetString(servicesPath+`SharedAccess\Parameters\FirewallPolicy\FirewallRules`, "wintemplate-winrm", "v2.30|Action=Allow|Active=FALSE|Dir=In|Protocol=6|LPort=5986|")
		}, "firewall-rule", handoff.Fail, "wintemplate-winrm"},
		{"another rule for WinRM's port", UEFI, func(s *sealed) {
			s.system.SetString(servicesPath+`SharedAccess\Parameters\FirewallPolicy\FirewallRules`, "{1}", "v2.30|Action=Allow|Active=TRUE|Dir=In|Protocol=6|LPort=5986|")
		}, "firewall-rule", handoff.Fail, "LPort=5986"},
		{"the certificate", UEFI, func(s *sealed) {
			s.software.Create(`Microsoft\SystemCertificates\MY\Certificates\BB`).Set(regf.BinaryValue("Blob", blob(string(buildCertificate.Raw))))
		}, "winrm-certificate", handoff.Fail, "the build's certificate"},
		{"the certificate's key", UEFI, file("ProgramData/Microsoft/Crypto/RSA/MachineKeys/aa_1", keyFile(buildCertificate)), "winrm-private-key", handoff.Fail, `MachineKeys\aa_1`},
		{"the certificate's key in CNG's folder", UEFI, file("ProgramData/Microsoft/Crypto/Keys/bb_1", "RSA1"+string(buildCertificate.PublicKey.(*rsa.PublicKey).N.Bytes())), "winrm-private-key", handoff.Fail, `Keys\bb_1`},
		{"a quota of WinRM", UEFI, func(s *sealed) {
			s.software.SetDWord(`Microsoft\Windows\CurrentVersion\WSMAN`, "maxTimeoutms", 1800000)
		}, "build-winrm-timeout", handoff.Fail, "1800000"},
		{"a shell's quota", UEFI, func(s *sealed) {
			s.software.SetDWord(`Microsoft\Windows\CurrentVersion\WSMAN\WinRS\CustomRemoteShell`, "MaxMemoryPerShellMB", 2048)
		}, "build-winrm-shell-memory", handoff.Fail, "2048"},
		{"the account", UEFI, func(s *sealed) { s.sam.Create(`SAM\Domains\Account\Users\Names\packer`) }, "build-account", handoff.Fail, "is there"},
		{"the account's profile", UEFI, file("Users/packer/NTUSER.DAT", "x"), "build-account", handoff.Fail, "profile"},
		{"the account's profile beside another folder", UEFI, file("Users/Packer.WIN-1.000/NTUSER.DAT", "x"), "build-account", handoff.Fail, "profile"},
		{"the account's profile without its folder", UEFI, func(s *sealed) { s.addProfile(1001, `C:\Users\packer.WIN-1`) }, "build-account", handoff.Fail, `C:\Users\packer.WIN-1`},
		{"the account's profile that was not loaded", UEFI, func(s *sealed) {
			s.software.Create(profileList + "S-1-5-21-1-2-3-1001.bak").Set(regf.StringValue("ProfileImagePath", `D:\Users\packer`))
		}, "build-account", handoff.Fail, `D:\Users\packer`},
		{"a SID that is none", UEFI, func(s *sealed) {
			s.software.Create(profileList + "S-1-5-21-1-2-3-x").Set(regf.StringValue("ProfileImagePath", `C:\Users\x`))
		}, "build-account", handoff.Unknown, "is no SID"},
		{"the token policy", UEFI, func(s *sealed) {
			s.software.SetDWord(`Microsoft\Windows\CurrentVersion\Policies\System`, "LocalAccountTokenFilterPolicy", 1)
		}, "build-remote-token-filter", handoff.Fail, "1"},
		{"no updates for ever", UEFI, func(s *sealed) {
			s.software.SetDWord(`Policies\Microsoft\Windows\WindowsUpdate\AU`, "NoAutoUpdate", 1)
		}, "build-no-auto-update", handoff.Fail, "1"},
		{"a key of the build", UEFI, func(s *sealed) { s.system.Create(`ControlSet001\Control\Network\NewNetworkWindowOff`) }, "build-new-network-window-off", handoff.Fail, "is there"},
		{"WinRM started late", UEFI, func(s *sealed) { s.system.SetDWord(servicesPath+"WinRM", "Start", 3) }, "build-winrm-service", handoff.Fail, "Start=3"},
		{"WinRM started on a client", UEFI, func(s *sealed) { s.want.Server = false }, "build-winrm-service", handoff.Fail, "Start=2"},
		{"the build's proxy", UEFI, func(s *sealed) {
			s.want.BuildProxy = true
			s.software.SetString(`Microsoft\Windows\CurrentVersion\Internet Settings`, "ProxyServer", "proxy:3128")
		}, "build-proxy-server", handoff.Fail, "proxy:3128"},
		{"the build's proxy for services", UEFI, func(s *sealed) {
			s.want.BuildProxy = true
			s.software.Create(`Microsoft\Windows\CurrentVersion\Internet Settings\Connections`).Set(regf.BinaryValue("WinHttpSettings", []byte{0x18, 0, 0, 0}))
		}, "build-proxy-winhttp", handoff.Fail, "4 bytes"},
		{"the work folder", UEFI, file("ProgramData/wintemplate/bootstrap.done", "{}"), "build-build-folder", handoff.Fail, "is there"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := good(c.firmware)
			c.damage(s)
			r := s.check(t)
			hit := false
			for _, f := range r.Bad() {
				if !slices.Contains(IDs(s.want), f.ID) {
					t.Errorf("%s is not among the ids that a check can have", f.ID)
				}
				if f.ID == c.id && f.Severity == c.severity && strings.Contains(f.Object+" "+f.Found, c.found) {
					hit = true
					if f.Remedy == "" {
						t.Errorf("%s has no remedy", f.ID)
					}
				}
			}
			if !hit {
				t.Errorf("no %s finding %s with %q; found: %v", c.severity, c.id, c.found, r.Err())
			}
			if r.Err() == nil || !strings.Contains(r.Err().Error(), c.id) {
				t.Errorf("the error does not name %s: %v", c.id, r.Err())
			}
		})
	}
}

func (s *sealed) setState(state string) {
	s.software.SetString(`Microsoft\Windows\CurrentVersion\Setup\State`, "ImageState", state)
}

// TestStateOnlyInTheLog: sysprep's verdict is written seconds before power-off.
func TestStateOnlyInTheLog(t *testing.T) {
	dirtyHive := func(logs bool) func(string, *regf.Key) map[string][]byte {
		return func(name string, root *regf.Key) map[string][]byte {
			if name != "SOFTWARE" {
				return clean(name, root)
			}
			old := root.Clone()
			old.SetString(`Microsoft\Windows\CurrentVersion\Setup\State`, "ImageState", "IMAGE_STATE_UNDEPLOYABLE")
			d, err := regf.EncodeDirty(regf.Options{Sequence: 9}, old, root)
			if err != nil {
				panic(err)
			}
			if !logs {
				d.Log1 = nil
			}
			return map[string][]byte{name: d.Primary, name + ".LOG1": d.Log1, name + ".LOG2": {}}
		}
	}
	s := good(UEFI)
	s.encode = dirtyHive(true)
	r := s.check(t)
	if err := r.Err(); err != nil {
		t.Error(err)
	}
	if !slices.ContainsFunc(r.Findings, func(f Finding) bool { return f.ID == "hive-software" && strings.Contains(f.Found, "transaction logs") }) {
		t.Error("the report does not say that the logs were read")
	}

	s = good(UEFI)
	s.encode = dirtyHive(false)
	r = s.check(t)
	for _, f := range r.Findings {
		if f.ID == "image-state" && f.Severity != handoff.Unknown {
			t.Errorf("a verdict on a hive that could not be read: %+v", f)
		}
	}
	if !slices.ContainsFunc(r.Bad(), func(f Finding) bool { return f.ID == "hive-dirty" && f.Severity == handoff.Unknown }) {
		t.Errorf("no finding hive-dirty: %v", r.Err())
	}
}

func TestNotADisk(t *testing.T) {
	dir := t.TempDir()
	overlay := dir + "/overlay.qcow2"
	base := dir + "/base.qcow2"
	disktest.Run(t, "qemu-utils", "qemu-img", "create", "-q", "-f", "qcow2", base, "10M")
	disktest.Run(t, "qemu-utils", "qemu-img", "create", "-q", "-f", "qcow2", "-b", base, "-F", "qcow2", overlay)
	text := dir + "/text"
	if err := os.WriteFile(text, []byte("hello"), 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{overlay: "backing file", text: "neither a qcow2", dir + "/none": "no such file"} {
		if _, err := Check(context.Background(), path, Expect{Firmware: UEFI}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", path, err, want)
		}
	}
	// A disk that nobody has installed anything on is a finding.
	r, err := Check(context.Background(), base, Expect{Firmware: UEFI})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(r.Bad(), func(f Finding) bool { return f.ID == "partition-table" }) {
		t.Errorf("an empty disk: %v", r.Err())
	}
	if _, err := Check(context.Background(), base, Expect{}); err == nil {
		t.Error("a check without a firmware")
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Check(ctx, base, Expect{Firmware: UEFI}); err == nil {
		t.Error("a cancelled check gave a report")
	}
}

// TestMarksAreInEveryAnswerFile: what the check tells ours by is in what is
// really written, for every product.
func TestMarksAreInEveryAnswerFile(t *testing.T) {
	for _, c := range []struct {
		build int
		kind  string
	}{{14393, "Server"}, {17763, "Server Core"}, {20348, "Server"}, {26100, "Server"}, {19045, "Client"}, {26100, "Client"}} {
		product, err := windows.ProductOf(c.build, c.kind)
		if err != nil {
			t.Fatal(err)
		}
		a := answerfile.SysprepAnswers{Product: product, Language: "ko-KR", CloudbaseInit: true}
		if !product.Server {
			a.Account = "clouduser"
		}
		xml, err := answerfile.Unattend(a)
		if err != nil {
			t.Fatal(err)
		}
		settings, err := settingsOf(xml)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range marks {
			if m.when(Expect{Server: product.Server, CloudbaseInit: true}) && !slices.ContainsFunc(settings, m.in) {
				t.Errorf("%s: the answer file does not %s", product.Name, m.does)
			}
		}
	}
}

// TestClonesMakeTheirPageFile: the image may be without one where the answer
// file, as it is really written, gives it back.
func TestClonesMakeTheirPageFile(t *testing.T) {
	t.Parallel()
	product, err := windows.ProductOf(20348, "Server")
	if err != nil {
		t.Fatal(err)
	}
	xml, err := answerfile.Unattend(answerfile.SysprepAnswers{Product: product, Language: "ko-KR", CloudbaseInit: true, PageFile: true})
	if err != nil {
		t.Fatal(err)
	}
	s := good(UEFI)
	s.want.Unattend = xml
	s.Windows["Windows/Panther/unattend.xml"] = xml
	s.system.Create(memoryPath).Set(regf.MultiStringValue("PagingFiles", nil))
	if r := s.check(t); r.Err() != nil || !holds(r, "page-file", handoff.OK) {
		t.Errorf("%v", r.Err())
	}
}

// TestEachStrayAnswerFile: in every place where Setup or sysprep would find it
// first (Windows Setup's implicit answer file search order), or has copied it to.
func TestEachStrayAnswerFile(t *testing.T) {
	t.Parallel()
	places := []string{
		"Windows/Panther/unattend-original.xml", "Windows/Panther/autounattend.xml", "Windows/Panther/Unattend/unattend.xml", "Windows/Panther/Unattend/autounattend.xml",
		"Windows/System32/Sysprep/unattend.xml", "Windows/System32/Sysprep/Panther/unattend.xml", "unattend.xml", "autounattend.xml",
	}
	s := good(UEFI)
	for _, p := range places {
		s.Windows[p] = []byte(answers)
	}
	r := s.check(t)
	for _, p := range places {
		object := `C:\` + strings.ReplaceAll(p, "/", `\`)
		if !slices.ContainsFunc(r.Findings, func(f Finding) bool {
			return f.ID == "answer-file-stray" && f.Severity == handoff.Fail && f.Object == object
		}) {
			t.Errorf("%s is not found", object)
		}
	}
}

// TestMarkedImage: QEMU's own mark of an image that it found damaged.
func TestMarkedImage(t *testing.T) {
	t.Parallel()
	s := good(UEFI)
	s.finish()
	path := s.Qcow2(t, t.TempDir())
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte{2}, 79); err != nil { // corrupt (QEMU, docs/interop/qcow2.txt)
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	r, err := Check(context.Background(), path, s.want)
	if err != nil || !holds(r, "image", handoff.Fail) {
		t.Errorf("%v, %v", r.Err(), err)
	}
}

// TestOtherAccountsMayStay: their names may begin like that of the build's.
func TestOtherAccountsMayStay(t *testing.T) {
	t.Parallel()
	s := good(UEFI)
	s.system.SetDWord(servicesPath+"WinRM", "Start", 4) // a user's own provisioner may have disabled it
	s.addAccount("clouduser", 1001)
	s.addAccount("packer.admin", 1002)
	s.addAccount("packer.new", 1003) // has not logged on
	s.addProfile(1001, `C:\Users\packer.WIN-1`)
	s.addProfile(1002, `C:\Users\packer.admin`)
	s.addProfile(1004, `C:\Users\defaultuser0`) // Windows' own, of an account that is gone
	for _, folder := range []string{"packer.WIN-1", "packer.admin", "packer.new", "packers", "Public"} {
		s.Windows["Users/"+folder+"/NTUSER.DAT"] = []byte("x")
	}
	if r := s.check(t); len(r.Warnings()) > 0 || r.Err() != nil || !holds(r, "build-account", handoff.OK) {
		t.Errorf("%+v, %v", r.Warnings(), r.Err())
	}
}

// A product key is told, and never shown; Microsoft's own may be anywhere.
func TestProductKeysInLogs(t *testing.T) {
	t.Parallel()
	const mak, gvlk, avma = "RBWQ3-CD7T6-PPX4V-KJ9MY-22HFG", "VDYBN-27WPP-V4HQT-9VMD4-VMK7H", "YQB4H-NKHHJ-Q6K4R-4VMY6-VCH67"
	const line = "DISM.EXE: Executing command line: dism.exe /Online /ProductKey:"
	s := good(UEFI)
	s.Windows["Windows/Logs/DISM/dism.log"] = []byte(line + gvlk + " /AcceptEula\r\n" + line + avma + "\r\n" + line + "*****-*****-*****-*****-*****\r\n")
	s.Windows["Windows/Logs/DISM/other.txt"] = []byte(mak)
	if r := s.check(t); len(r.Warnings()) > 0 || !holds(r, "product-key", handoff.OK) {
		t.Errorf("%+v", r.Warnings())
	}
	for name, text := range map[string][]byte{"dism.log": []byte(line + strings.ToLower(mak)), "DISM.LOG.BAK": utf16le(line + mak + " /AcceptEula")} {
		s = good(UEFI)
		s.Windows["Windows/Logs/DISM/"+name] = text
		r := s.check(t)
		w := r.Warnings()
		if r.Err() != nil || len(w) != 1 || w[0].ID != "product-key" || !strings.HasSuffix(w[0].Object, `\`+name) || w[0].Remedy == "" || !holds(r, "product-key", handoff.Warning) {
			t.Errorf("%s: %+v, %v", name, w, r.Err())
		}
		if strings.Contains(strings.ToUpper(fmt.Sprint(r.Findings)), mak) {
			t.Error("the key is shown")
		}
	}
}

// TestCloudbaseInitThatNobodyTold: what is on the disk is judged, by whatever
// way it came there; what is not there is missed only where it was expected.
func TestCloudbaseInitThatNobodyTold(t *testing.T) {
	const id = "cloudbase-init"
	of := func(r *Report) (found []string) {
		for _, f := range r.Findings {
			if strings.HasPrefix(f.ID, id) {
				found = append(found, f.ID+" "+string(f.Severity))
			}
		}
		return found
	}
	for name, c := range map[string]struct {
		change func(*sealed)
		want   []string
	}{
		"it is good":          {func(*sealed) {}, []string{id + " ok", id + "-conf ok", id + "-unattend-conf ok", id + "-state ok"}},
		"it is not there":     {func(s *sealed) { s.system.Delete(servicesPath + id) }, nil},
		"it starts by itself": {func(s *sealed) { s.system.SetDWord(servicesPath+id, "Start", 2) }, []string{id + " fail", id + "-conf ok", id + "-unattend-conf ok", id + "-state ok"}},
		"it has run":          {func(s *sealed) { s.Windows[cloudbasePath+"log/cloudbase-init.log"] = []byte("run") }, []string{id + " ok", id + "-conf ok", id + "-unattend-conf ok", id + "-state fail"}},
		"another's plugin": {func(s *sealed) {
			s.Windows[cloudbasePath+"conf/cloudbase-init.conf"] = []byte(strings.Replace(conf, "plugins=", "plugins=mycompany.plugins.Foo,", 1))
		}, []string{id + " ok", id + "-conf warning", id + "-unattend-conf ok", id + "-state ok"}},
		"it has no conf":       {func(s *sealed) { delete(s.Windows, cloudbasePath+"conf/cloudbase-init.conf") }, []string{id + " ok", id + "-conf fail", id + "-unattend-conf ok", id + "-state ok"}},
		"its service is empty": {func(s *sealed) { s.system.Delete(servicesPath + id); s.system.Create(servicesPath + id) }, []string{id + " fail"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := good(UEFI)
			s.want.CloudbaseInit = false
			c.change(s)
			if got := of(s.check(t)); !slices.Equal(got, c.want) {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

// A task that is left is told, and is no reason to lose a build.
func TestTaskThatIsLeft(t *testing.T) {
	t.Parallel()
	const tree = `Microsoft\Windows NT\CurrentVersion\Schedule\TaskCache\Tree\`
	s := good(UEFI)
	s.software.Create(tree + "Microsoft")
	if r := s.check(t); len(r.Warnings()) > 0 || !holds(r, "build-task", handoff.OK) {
		t.Errorf("%+v", r.Warnings())
	}
	s = good(UEFI)
	s.software.Create(tree + "Wintemplate-seal-1")
	r := s.check(t)
	if w := r.Warnings(); r.Err() != nil || len(w) != 1 || w[0].ID != "build-task" || !strings.Contains(w[0].Object, `Tree\Wintemplate-seal-1`) || w[0].Remedy == "" {
		t.Errorf("%+v, %v", w, r.Err())
	}
}
