package answerfile

import (
	"bytes"
	"encoding/binary"
	"os"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"
)

// Each defect is put into a file that has none; it must be named, and be the
// only one.
func TestCheckFileNamesDefects(t *testing.T) {
	tests := []struct {
		name, version string
		firmware      Firmware
		from, to      string // replaced once
		change        func(*Answers)
		want          string
	}{
		{"no root", "2022", UEFI, "<unattend ", "<unattended ", nil, "the root is <unattended>"},
		{"none", "2022", UEFI, "", "", nil, ""},
		{"unclosed", "2022", UEFI, "</settings>", "", nil, "not well-formed"},
		{"namespace", "2022", UEFI, `xmlns="urn:schemas-microsoft-com:unattend"`, `xmlns="urn:x"`, nil, "namespace"},
		{"unknown pass", "2022", UEFI, `pass="specialize"`, `pass="specialise"`, nil, `pass "specialise"`},
		{"component in another pass", "2022", UEFI, `name="Microsoft-Windows-Security-SPP-UX"`, `name="Microsoft-Windows-PnpCustomizationsWinPE"`, nil, "stands in pass specialize; Windows reads it in windowsPE"},
		{"architecture", "2022", UEFI, `name="Microsoft-Windows-Security-SPP-UX" processorArchitecture="amd64"`, `name="Microsoft-Windows-Security-SPP-UX" processorArchitecture="x86"`, nil, "leaves out components of another architecture"},
		{"token", "2022", UEFI, `publicKeyToken="31bf3856ad364e35"`, `publicKeyToken="0"`, nil, "publicKeyToken"},
		{"scope", "2022", UEFI, `versionScope="nonSxS"`, `versionScope="SxS"`, nil, "versionScope"},
		{"unknown element", "2022", UEFI, "<SkipAutoActivation>true</SkipAutoActivation>", "<SkipAutoActivation>true</SkipAutoActivation><SkipAll>true</SkipAll>", nil, "could not parse or process the unattend answer file for pass [specialize]"},
		{"element in the wrong place", "2022", UEFI, "<DiskID>0</DiskID>", "<DiskID>0</DiskID><PartitionID>1</PartitionID>", nil, "element DiskConfiguration/Disk/PartitionID"},
		{"not a truth value", "2022", UEFI, "<SkipAutoActivation>true", "<SkipAutoActivation>yes", nil, "it is true or false"},
		{"a truth value in capitals", "2022", UEFI, "<SkipAutoActivation>true", "<SkipAutoActivation>TRUE", nil, `"TRUE"; it is true or false, and written true`},
		{"one of, in another case", "2022", UEFI, "<Format>FAT32", "<Format>fat32", nil, `"fat32"; it is one of NTFS, FAT32, and written FAT32`},
		{"taskbar", "2022", UEFI, "<ComputerName>*", "<TaskbarLinks><Link0>%ALLUSERSPROFILE%\\Microsoft\\Windows\\Start Menu\\Programs\\x.lnk</Link0></TaskbarLinks><ComputerName>*", nil, ""},
		{"taskbar of seven", "2022", UEFI, "<ComputerName>*", "<TaskbarLinks><Link6>x.lnk</Link6></TaskbarLinks><ComputerName>*", nil, "TaskbarLinks/Link6"},
		{"audit passes", "2022", UEFI, `<settings pass="oobeSystem">`, `<settings pass="auditUser"><component name="Microsoft-Windows-Shell-Setup" processorArchitecture="amd64" publicKeyToken="31bf3856ad364e35" language="neutral" versionScope="nonSxS"><TaskbarLinks><Link0>x.lnk</Link0></TaskbarLinks><OEMInformation><SupportURL>https://example.com</SupportURL></OEMInformation></component></settings><settings pass="auditSystem"><component name="Microsoft-Windows-Shell-Setup" processorArchitecture="amd64" publicKeyToken="31bf3856ad364e35" language="neutral" versionScope="nonSxS"><Display><HorizontalResolution>1024</HorizontalResolution></Display></component></settings><settings pass="oobeSystem">`, nil, ""},
		{"taskbar in auditSystem", "2022", UEFI, `<settings pass="oobeSystem">`, `<settings pass="auditSystem"><component name="Microsoft-Windows-Shell-Setup" processorArchitecture="amd64" publicKeyToken="31bf3856ad364e35" language="neutral" versionScope="nonSxS"><TaskbarLinks><Link0>x.lnk</Link0></TaskbarLinks></component></settings><settings pass="oobeSystem">`, nil, "element TaskbarLinks of"},
		{"format of no locale", "2022", UEFI, "<UserLocale>en-US", "<UserLocale>en-KO", nil, `"en-KO" is no locale of Windows`},
		{"keyboard of no language", "2022", UEFI, "<InputLocale>0409:00000409", "<InputLocale>0499:00000409", nil, "0499 is no language's identifier"},
		{"time zone in another case", "2022", UEFI, "<TimeZone>UTC", "<TimeZone>utc", nil, `Windows writes it "UTC"`},
		{"metadata in another case", "2022", UEFI, "<Key>/IMAGE/INDEX", "<Key>/image/index", nil, "Microsoft's examples have /IMAGE/INDEX"},
		{"not a number", "2022", UEFI, "<LogonCount>1", "<LogonCount>0", nil, "a number from 1"},
		{"not one of", "2022", UEFI, "<Format>FAT32", "<Format>FAT16", nil, "one of NTFS, FAT32"},
		{"no action", "2022", UEFI, `<Disk wcm:action="add">`, `<Disk>`, nil, `needs wcm:action="add"`},
		{"no key value", "2022", UEFI, `wcm:keyValue="2"`, `wcm:keyValue="1"`, nil, "wcm:keyValue of its own"},
		{"order twice", "2022", UEFI, `<Order>3</Order>
              <Type>`, `<Order>2</Order>
              <Type>`, nil, "order 2 is there twice"},
		{"element twice", "2022", UEFI, "<ComputerName>*</ComputerName>", "<ComputerName>*</ComputerName><ComputerName>x</ComputerName>", nil, "is there twice"},
		{"server component on a client", "10", UEFI, "<SkipAutoActivation>true</SkipAutoActivation>\n    </component>", `<SkipAutoActivation>true</SkipAutoActivation></component><component name="Microsoft-Windows-ServerManager-SvrMgrNc" processorArchitecture="amd64" publicKeyToken="31bf3856ad364e35" language="neutral" versionScope="nonSxS"><DoNotOpenServerManagerAtLogon>true</DoNotOpenServerManagerAtLogon></component>`, nil, "is not on Windows 10"},
		{"no language", "2022", UEFI, "<SystemLocale>en-US</SystemLocale>\n      <UILanguage>en-US</UILanguage>", "<SystemLocale>en-US</SystemLocale>", nil, "stops at its language page"},
		{"another language", "2022", UEFI, "", "", func(a *Answers) { a.Image.SetupLanguages = []string{"ko-KR"} }, "is not in the medium's sources/lang.ini, which has ko-KR"},
		{"another image language", "2022", UEFI, "", "", func(a *Answers) { a.Image.Languages = []string{"ko-KR"} }, "is not in the image, which has ko-KR"},
		{"IME in Windows PE", "2022", UEFI, "<InputLocale>0409:00000409</InputLocale>", "<InputLocale>0412:{a028ae76-01b1-46c2-99c4-acd9858ae02f}{b5fe1f02-d5f2-4445-9c03-c568f23c99a1}</InputLocale>", nil, "names an IME"},
		{"no EFI partition", "2022", BIOS, "", "", func(a *Answers) { a.Firmware = UEFI }, "no partition of type EFI"},
		{"EFI partition on BIOS", "2022", UEFI, "", "", func(a *Answers) { a.Firmware = BIOS }, "but the firmware is bios"},
		{"no active partition", "2022", BIOS, "<Active>true</Active>", "", nil, "no active partition"},
		{"not the last partition", "2022", UEFI, "<PartitionID>3</PartitionID>\n          </InstallTo>", "<PartitionID>2</PartitionID></InstallTo>", nil, "must be the last"},
		{"another index", "2022", UEFI, "<Value>2</Value>", "<Value>3</Value>", nil, "the build resolved to image 2"},
		{"another name", "2022", UEFI, "<Key>/IMAGE/INDEX</Key>\n              <Value>2</Value>", "<Key>/IMAGE/NAME</Key><Value>Windows Server 2022 Standard</Value>", nil, "tools print DISPLAYNAME"},
		{"empty key", "2022", UEFI, "<ProductKey>", "<ProductKey><Key></Key>", nil, "stalls Setup"},
		{"key on evaluation", "2022", UEFI, "<ProductKey>", "<ProductKey><Key>VDYBN-27WPP-V4HQT-9VMD4-VMK7H</Key>", nil, "accepts none"},
		{"key of another edition", "11-pro", UEFI, "VK7JG-NPHTM-C97JM-9MPGT-3V66T", "NPPR9-FWDCX-D2C8J-H872K-2YT43", nil, "public key of Enterprise"},
		{"no key", "11-pro", UEFI, "<Key>VK7JG-NPHTM-C97JM-9MPGT-3V66T</Key>", "", nil, "stops at its key page"},
		{"letter of Windows PE", "2022", UEFI, "<Letter>C", "<Letter>X", nil, "letter X of partition 3; C to W are free"},
		{"letter before C", "2022", UEFI, "<Letter>C", "<Letter>B", nil, "letter B of partition 3; C to W are free"},
		{"letter twice", "2022", UEFI, "<Label>System</Label>", "<Label>System</Label><Letter>C</Letter>", nil, "letter C is given twice"},
		{"label of twelve", "2022", UEFI, "<Label>System", "<Label>System_volum", nil, "FAT32 takes 11 characters"},
		{"label of eleven", "2022", UEFI, "<Label>System", "<Label>System_volu", nil, ""},
		{"two EFI partitions", "2022", UEFI, "<CreatePartitions>", `<CreatePartitions><CreatePartition wcm:action="add"><Order>9</Order><Type>EFI</Type><Size>300</Size></CreatePartition>`, nil, "2 partitions of type EFI; one is enough"},
		{"language of Setup's pages", "2022", UEFI, "<SetupUILanguage>\n        <UILanguage>en-US", "<SetupUILanguage><UILanguage>ko-KR", nil, `SetupUILanguage: "ko-KR" is not in the medium's sources/lang.ini`},
		{"key page", "2022", UEFI, "<ProductKey>\n          <WillShowUI>OnError", "<ProductKey><WillShowUI>Always", nil, "Microsoft-Windows-Setup/UserData/ProductKey/WillShowUI: Always; Setup shows the page"},
		{"disk page", "2022", UEFI, "<DiskConfiguration>\n        <WillShowUI>OnError", "<DiskConfiguration><WillShowUI>Always", nil, "DiskConfiguration/WillShowUI: Always"},
		{"image page", "2022", UEFI, "</InstallTo>\n          <WillShowUI>OnError", "</InstallTo><WillShowUI>Always", nil, "ImageInstall/OSImage/WillShowUI: Always"},
		{"update page", "2022", UEFI, "<WillShowUI>Never", "<WillShowUI>Always", nil, "DynamicUpdate/WillShowUI: Always"},
		{"language page", "2022", UEFI, "<SetupUILanguage>", "<SetupUILanguage><WillShowUI>Always</WillShowUI>", nil, "International-Core-WinPE/SetupUILanguage/WillShowUI: Always"},
		{"report of compliance", "2022", UEFI, "<UserData>", "<ComplianceCheck><DisplayReport>Always</DisplayReport></ComplianceCheck><UserData>", nil, "ComplianceCheck/DisplayReport: Always"},
		{"pages on errors", "2022", UEFI, "<SetupUILanguage>", "<SetupUILanguage><WillShowUI>OnError</WillShowUI>", nil, ""},
		{"upgrade", "2022", UEFI, "<UserData>", "<UpgradeData><Upgrade>true</Upgrade></UpgradeData><UserData>", nil, "no Windows to upgrade"},
		{"no upgrade", "2022", UEFI, "<UserData>", "<UpgradeData><Upgrade>false</Upgrade></UpgradeData><UserData>", nil, ""},
		{"shutdown", "2022", UEFI, "<UserData>", "<Restart>Shutdown</Restart><UserData>", nil, "Restart: Shutdown"},
		{"restart", "2022", UEFI, "<UserData>", "<Restart>Restart</Restart><UserData>", nil, ""},
		{"disk not wiped", "2022", UEFI, "<WillWipeDisk>true", "<WillWipeDisk>false", nil, "WillWipeDisk: not true"},
		{"image on a share", "2022", UEFI, "<InstallFrom>", `<InstallFrom><Path>\\server\share\install.wim</Path>`, nil, "is on a share"},
		{"data on a share", "2022", UEFI, "<ImageInstall>", `<ImageInstall><DataImage wcm:action="add"><Order>1</Order></DataImage><DataImage wcm:action="add"><Order>2</Order><InstallFrom><Path>//server/x.wim</Path></InstallFrom></DataImage>`, nil, "ImageInstall/DataImage/InstallFrom/Path"},
		{"image's path", "2022", UEFI, "<InstallFrom>", `<InstallFrom><Path>D:\sources\install.wim</Path>`, nil, ""},
		{"empty key in specialize", "2022", UEFI, "<ComputerName>*", "<ProductKey/><ComputerName>*", nil, "specialize/ProductKey: empty, at which the pass specialize ends"},
		{"no key in specialize", "2022", UEFI, "<ComputerName>*", "<ProductKey>foo</ProductKey><ComputerName>*", nil, "specialize/ProductKey: not of the form"},
		{"AVMA key", "2016", UEFI, "<Key>WC2BQ-8NRM3-FDDYY-2BFGV-KHKQY</Key>", "<Key>C3RCX-M6NRP-6CXC9-TW2F2-4RHYD</Key>", nil, "windowsPE/UserData/ProductKey/Key: this is an AVMA key"},
		{"AVMA key in specialize", "2016", UEFI, "<ComputerName>*", "<ProductKey>C3RCX-M6NRP-6CXC9-TW2F2-4RHYD</ProductKey><ComputerName>*", nil, "specialize/ProductKey: this is an AVMA key"},
		{"client's key in specialize", "2016", UEFI, "<ComputerName>*", "<ProductKey>W269N-WFGWX-YVC9B-4J6C9-T83GX</ProductKey><ComputerName>*", nil, "specialize/ProductKey: this is the public key of Professional"},
		{"key on evaluation in specialize", "2022", UEFI, "<ComputerName>*", "<ProductKey>VDYBN-27WPP-V4HQT-9VMD4-VMK7H</ProductKey><ComputerName>*", nil, "specialize/ProductKey: given, but ServerStandardEval"},
		{"the image's key in specialize", "2016", UEFI, "<ComputerName>*", "<ProductKey>wc2bq-8nrm3-fddyy-2bfgv-khkqy</ProductKey><ComputerName>*", nil, ""},
		{"licence", "2022", UEFI, "<AcceptEula>true", "<AcceptEula>false", nil, "licence page"},
		{"drivers listed on ConX", "2025", UEFI, `<component name="Microsoft-Windows-Setup"`, `<component name="Microsoft-Windows-PnpCustomizationsWinPE" processorArchitecture="amd64" publicKeyToken="31bf3856ad364e35" language="neutral" versionScope="nonSxS"><DriverPaths><PathAndCredentials wcm:action="add" wcm:keyValue="1"><Path>E:\drivers</Path></PathAndCredentials></DriverPaths></component><component name="Microsoft-Windows-Setup"`, nil, "aborts with 0x80070103"},
		{"drivers not listed", "2022", UEFI, "Microsoft-Windows-PnpCustomizationsWinPE", "Microsoft-Windows-Unknown", nil, "DriverPaths: missing"},
		{"long command", "2022", UEFI, "reg.exe add", strings.Repeat("x", 200) + "reg.exe add", nil, "not sure to run"},
		{"eula page", "2022", UEFI, "<HideEULAPage>true", "<HideEULAPage>false", nil, "OOBE/HideEULAPage"},
		{"client's account", "10", UEFI, "LocalAccounts>", "DomainAccounts>", nil, "UserAccounts/LocalAccounts: missing"},
		{"account is the computer", "10", UEFI, "<ComputerName>*<", "<ComputerName>PACKER<", nil, "is the computer's name too"},
		{"no autologon", "2022", UEFI, "<Enabled>true", "<Enabled>false", nil, "AutoLogon: not enabled"},
		{"no bootstrap", "2022", UEFI, `wintemplate\bootstrap.ps1`, `mine\bootstrap.ps1`, nil, "none of them runs"},
		{"two commands", "2022", UEFI, `<FirstLogonCommands>`, `<FirstLogonCommands><SynchronousCommand wcm:action="add"><Order>2</Order><CommandLine>x</CommandLine></SynchronousCommand>`, nil, "2 commands, which Windows starts all at once"},
		{"component with a slip", "2022", UEFI, `name="Microsoft-Windows-Security-SPP-UX"`, `name="Microsoft-Windows-Security-SP-UX"`, nil, "is it Microsoft-Windows-Security-SPP-UX?"},
		{"component that is not described", "2022", UEFI, `name="Microsoft-Windows-Security-SPP-UX"`, `name="Microsoft-Windows-WebDAVRedir-WebClient"`, nil, ""},
		{"second disk", "2022", UEFI, "<Disk wcm:action=\"add\">", `<Disk wcm:action="add"><DiskID>0</DiskID></Disk><Disk wcm:action="add">`, nil, "2 disks; the machine has one"},
		{"Size and Extend", "2022", UEFI, "<Size>300</Size>", "<Size>300</Size><Extend>true</Extend>", nil, "partition 1 has both or neither of Size and Extend"},
		{"EFI partition with NTFS", "2022", UEFI, "<Format>FAT32", "<Format>NTFS", nil, "is the EFI partition, whose Format is FAT32"},
		{"Windows on D", "2022", UEFI, "<Letter>C", "<Letter>D", nil, "whose letter is D"},
		{"five partitions on BIOS", "2022", BIOS, "<CreatePartitions>", `<CreatePartitions>` + strings.Repeat(`<CreatePartition wcm:action="add"><Order>0</Order><Type>Primary</Type><Size>9</Size></CreatePartition>`, 3), nil, "whose disks hold four"},
		{"drivers elsewhere", "2022", UEFI, `:\drivers`, `:\amd64\2k22`, nil, "none of them leads to the answer disc's folder drivers"},
		{"audit mode", "2022", UEFI, `<settings pass="oobeSystem">`, `<settings pass="oobeSystem"><component name="Microsoft-Windows-Deployment" processorArchitecture="amd64" publicKeyToken="31bf3856ad364e35" language="neutral" versionScope="nonSxS"><Reseal><Mode>Audit</Mode></Reseal></component>`, nil, "in audit mode no first-logon command runs"},
		{"account in no group of administrators", "10", UEFI, "<Group>Administrators", "<Group>Users", nil, "must be in Administrators"},
		{"account named as a group", "10", UEFI, "<Name>packer", "<Name>Users", nil, "built-in account or group"},
		{"generalize", "2022", UEFI, `<settings pass="specialize">`, `<settings pass="generalize"/><settings pass="specialize">`, nil, "belongs into the file for sysprep"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			a := answers(test.version, test.firmware, "en-US")
			good, err := Autounattend(a)
			if err != nil {
				t.Fatal(err)
			}
			bad := bytes.Replace(good, []byte(test.from), []byte(test.to), count(test.name))
			if test.from != "" && bytes.Equal(bad, good) {
				t.Fatalf("the file holds no %q", test.from)
			}
			if test.change != nil {
				test.change(&a)
			}
			err = CheckFile(bad, a)
			if test.want == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v\nwant %q", err, test.want)
			}
		})
	}
}

// count: these replacements mean every place.
func count(name string) int {
	if slices.Contains([]string{"no bootstrap", "client's account", "drivers elsewhere"}, name) {
		return -1
	}
	return 1
}

func TestCheckFileNamesAllAtOnce(t *testing.T) {
	data := []byte(`<unattend xmlns="urn:schemas-microsoft-com:unattend"><settings pass="windowsPE"/></unattend>`)
	err := CheckFile(data, server2022())
	if n := len(Defects(err)); n < 8 {
		t.Errorf("%d defects:\n%v", n, err)
	}
}

// The reference files stand for what users bring: they are read, and what the
// later facts overrule is named.
func TestCheckFileReadsReferenceFiles(t *testing.T) {
	data, err := os.ReadFile("../../../shared/facts/answer-files/server2022-uefi-en.xml")
	if err != nil {
		t.Skipf("NOT TESTED: no reference files: %v", err)
	}
	err = CheckFile(data, server2022())
	for _, want := range []string{"none of them runs", "none of them leads to the answer disc's folder drivers"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v\nwant %q", err, want)
		}
	}
	if len(Defects(err)) != 2 {
		t.Errorf("%v", err)
	}
}

func TestParseEncodings(t *testing.T) {
	good, err := Autounattend(answers("2022", UEFI, "ko-KR"))
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Replace(string(good), "packer", "빌드 😀", 1)
	little, big := []byte{0xFF, 0xFE}, []byte{0xFE, 0xFF}
	for _, u := range utf16.Encode([]rune(strings.Replace(text, "utf-8", "utf-16", 1))) {
		little = binary.LittleEndian.AppendUint16(little, u)
		big = binary.BigEndian.AppendUint16(big, u)
	}
	forms := map[string][]byte{"UTF-8": []byte(text), "UTF-8 with BOM": append([]byte{0xEF, 0xBB, 0xBF}, text...), "UTF-16LE": little, "UTF-16BE": big}
	for name, data := range forms {
		root, err := parse(data)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := (userFile{root: root}).component(passWindowsPE, componentSetup).value("UserData/FullName"); got != "빌드 😀" {
			t.Errorf("%s: %q", name, got)
		}
	}
	if _, err := parse([]byte(strings.Replace(text, "utf-8", "euc-kr", 1))); err == nil || !strings.Contains(err.Error(), "UTF-8") {
		t.Errorf("EUC-KR: %v", err)
	}
	for _, wrong := range []string{"", "x", "<a/><b/>", "<unattend xmlns='urn:schemas-microsoft-com:unattend'/><unattend/>"} {
		if _, err := parse([]byte(wrong)); err == nil {
			t.Errorf("%q is read", wrong)
		}
	}
}

func TestFindSecrets(t *testing.T) {
	a := answers("2022", UEFI, "en-US")
	a.LocalAccounts = []LocalAccount{{Name: "x", Password: testPassword}}
	data, err := Autounattend(a)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"oobeSystem/Microsoft-Windows-Shell-Setup/UserAccounts/AdministratorPassword",
		"oobeSystem/Microsoft-Windows-Shell-Setup/UserAccounts/LocalAccounts/LocalAccount/Password",
		"oobeSystem/Microsoft-Windows-Shell-Setup/AutoLogon/Password",
	}
	if got := FindSecrets(data); !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	wrap := func(inner string) []byte {
		return []byte(`<unattend xmlns="urn:schemas-microsoft-com:unattend"><settings pass="oobeSystem"><component name="C">` + inner + `</component></settings></unattend>`)
	}
	none := []string{
		"", "<Password/>", "<Password>*SENSITIVE*DATA*DELETED*</Password>", "<Password><Value></Value><PlainText>true</PlainText></Password>",
		"<Password><Value>*SENSITIVE*DATA*DELETED*</Value></Password>",
		"<Password><Value>" + hidden("", "Password") + "</Value><PlainText>false</PlainText></Password>", "<Passwordless>x</Passwordless>",
	}
	for _, inner := range none {
		if got := FindSecrets(wrap(inner)); len(got) > 0 {
			t.Errorf("%s: %q", inner, got)
		}
	}
	some := []string{
		"<Password>x</Password>", "<Password><Value>x</Value></Password>", "<Password><Value>x</Value><PlainText>false</PlainText></Password>",
		"<a><b><AdministratorPassword><Value>x</Value></AdministratorPassword></b></a>", "<Credentials><Password>x</Password></Credentials>",
	}
	for _, inner := range some {
		if got := FindSecrets(wrap(inner)); len(got) != 1 {
			t.Errorf("%s: %q", inner, got)
		}
	}
	for _, broken := range []string{"", "<x", "not XML"} {
		if got := FindSecrets([]byte(broken)); len(got) != 1 || !strings.HasPrefix(got[0], "unreadable: ") {
			t.Errorf("%q: %q", broken, got)
		}
	}
}
