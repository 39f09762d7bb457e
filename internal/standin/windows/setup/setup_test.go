package setup

import (
	_ "embed"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/windows/wimfile"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/windows/winfs"
)

//go:embed testdata/server.xml
var serverXML string

// scene is a machine, its discs and an answer file, before Setup.
type scene struct {
	xml     string
	machine Machine
	disks   map[Device][]Disk // what each storage controller shows once driven
	answers fstest.MapFS      // the answer disc
	install fstest.MapFS      // the installation disc
}

var (
	virtioBlock = Device{0x1af4, 0x1042}
	virtioSCSI  = Device{0x1af4, 0x1048}
	ahci        = Device{0x8086, 0x2922}
)

const gib = 1 << 30

// newScene is one in which Setup succeeds.
func newScene() *scene {
	s := &scene{
		xml: serverXML,
		machine: Machine{
			Firmware: UEFI, Devices: []Device{ahci, virtioBlock, virtioSCSI}, CPUFlags: []string{"sse4_2", "popcnt"},
			Medium: Medium{Build: 20348, Channel: "eval", Languages: []string{"en-us"}},
		},
		disks:   map[Device][]Disk{virtioBlock: {{Bytes: 40 * gib}}},
		answers: fstest.MapFS{},
		install: fstest.MapFS{"sources/install.wim": {}},
	}
	for i, name := range []string{"SERVERSTANDARDCORE", "SERVERSTANDARD", "SERVERDATACENTERCORE", "SERVERDATACENTER"} {
		image := wimfile.Image{
			Index: i + 1, Name: "Windows Server 2022 " + name, Description: name, TotalBytes: 9 * gib, Build: 20348,
			EditionID: "ServerStandardEval", InstallationType: "Server", Languages: []string{"en-US"}, DefaultLanguage: "en-US",
		}
		if i >= 2 {
			image.EditionID = "ServerDatacenterEval"
		}
		s.machine.Medium.Images = append(s.machine.Medium.Images, image)
	}
	addDriver(s.answers, "drivers/viostor", "viostor", "1042")
	addDriver(s.answers, "drivers/vioscsi", "vioscsi", "1048")
	return s
}

func addDriver(disc fstest.MapFS, folder, name, device string) {
	disc[folder+"/"+name+".inf"] = &fstest.MapFile{Data: fmt.Appendf(nil,
		"[Version]\r\nClass=SCSIAdapter\r\n[SourceDisksFiles]\r\n%s.sys=1,,\r\n[Models.NTamd64]\r\n"+
			"%%d%%=Inst, PCI\\VEN_1AF4&DEV_%s&SUBSYS_00021AF4&REV_00 ; a comment\r\n[Inst.Services]\r\nAddService=%s,2,Svc\r\n",
		name, device, name)}
	disc[folder+"/"+name+".sys"] = &fstest.MapFile{}
}

// run goes through Setup and the first start, until a screen.
func (s *scene) run() (*Installation, *Screen) {
	s.answers["autounattend.XML"] = &fstest.MapFile{Data: []byte(s.xml)} // any case will do
	s.machine.Discs = []Disc{{"D", winfs.New(s.install)}, {"E", winfs.New(s.answers)}}
	session, screen := Start(s.machine)
	if screen != nil {
		return nil, screen
	}
	var visible []Disk
	for _, device := range s.machine.Devices {
		inbox := device == ahci
		for _, p := range session.Drivers {
			inbox = inbox || p.Serves([]Device{device})
		}
		if inbox {
			visible = append(visible, s.disks[device]...)
		}
	}
	installation, screen := session.Install(visible)
	if screen != nil {
		return nil, screen
	}
	specialized, screen := session.Answers.Specialize(Installed{"Server", installation.Image.EditionID, installation.Image.Build}, func(name string) bool { return name == "UTC" })
	if screen != nil {
		return nil, screen
	}
	if _, screen := session.Answers.Welcome("Server", specialized.ComputerName, "Administrator"); screen != nil {
		return nil, screen
	}
	return installation, nil
}

func TestSetupSucceeds(t *testing.T) {
	for name, change := range map[string]func(*scene){
		"as it is":                       func(*scene) {},
		"2025, drivers in $WinPEDriver$": server2025,
		"by name":                        edit("<Key>/IMAGE/INDEX</Key><Value>2</Value>", "<Key>/IMAGE/NAME</Key><Value>Windows Server 2022 SERVERSTANDARD</Value>"),
		"volume medium with its key":     func(s *scene) { volume(s); edit(productKey, key2022)(s) },
		"volume medium without a key":    volume,
		"key in specialize":              func(s *scene) { volume(s); edit("<ComputerName>*", specializeKey2022)(s) },
		"SATA disk, no drivers":          func(s *scene) { s.answers = fstest.MapFS{}; s.disks = map[Device][]Disk{ahci: {{Bytes: 40 * gib}}} },
		"virtio-scsi disk":               func(s *scene) { s.disks = map[Device][]Disk{virtioSCSI: {{Bytes: 40 * gib}}} },
		"BIOS":                           bios,
		"client component with a server": edit(`<settings pass="specialize">`, `<settings pass="specialize"><component name="Microsoft-Windows-Shell-Setup" processorArchitecture="x86" publicKeyToken="31bf3856ad364e35" language="neutral" versionScope="nonSxS"><Nonsense/></component>`),
		"DriverPaths in 2025, one, correct": func(s *scene) {
			server2025(s)
			driversOnPath(s)
			edit(`<PathAndCredentials wcm:action="add" wcm:keyValue="1"><Path>D:\drivers</Path></PathAndCredentials>`, "")(s)
		},
		"old Setup, incomplete package twice": func(s *scene) {
			addDriver(s.answers, "drivers/old/viostor", "viostor", "1042")
			delete(s.answers, "drivers/old/viostor/viostor.sys")
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene()
			change(s)
			installation, screen := s.run()
			if screen != nil {
				t.Fatalf("stopped: %v (%s)", screen, screen.Log)
			}
			if installation.Image.Index != 2 {
				t.Errorf("image %d", installation.Image.Index)
			}
		})
	}
}

const (
	productKey = "<ProductKey><WillShowUI>"
	key2022    = "<ProductKey><Key>VDYBN-27WPP-V4HQT-9VMD4-VMK7H</Key><WillShowUI>"

	specializeKey2022 = "<ProductKey>VDYBN-27WPP-V4HQT-9VMD4-VMK7H</ProductKey><ComputerName>*"
)

// edit replaces a text of the answer file, which must be there.
func edit(from, to string) func(*scene) {
	return func(s *scene) {
		if !strings.Contains(s.xml, from) {
			panic("the answer file has no " + from)
		}
		s.xml = strings.Replace(s.xml, from, to, 1)
	}
}

func volume(s *scene) {
	s.machine.Medium.Channel = "volume"
	for i := range s.machine.Medium.Images {
		s.machine.Medium.Images[i].EditionID = strings.TrimSuffix(s.machine.Medium.Images[i].EditionID, "Eval")
	}
}

func server2025(s *scene) {
	s.machine.Medium.Build = 26100
	a := strings.Index(s.xml, "<DriverPaths>")
	b := strings.Index(s.xml, "</DriverPaths>") + len("</DriverPaths>")
	s.xml = s.xml[:a] + s.xml[b:]
	moved := fstest.MapFS{}
	for name, file := range s.answers {
		moved["$WinPEDriver$/"+strings.TrimPrefix(name, "drivers/")] = file
	}
	s.answers = moved
}

// driversOnPath undoes server2025's move: DriverPaths, on ConX.
func driversOnPath(s *scene) {
	before := newScene()
	s.xml, s.answers = before.xml, before.answers
}

func bios(s *scene) {
	s.machine.Firmware = BIOS
	a, b := strings.Index(s.xml, "<CreatePartitions>"), strings.Index(s.xml, "</ModifyPartitions>")
	s.xml = s.xml[:a] + `<CreatePartitions>
<CreatePartition wcm:action="add"><Order>1</Order><Type>Primary</Type><Size>500</Size></CreatePartition>
<CreatePartition wcm:action="add"><Order>2</Order><Type>Primary</Type><Extend>true</Extend></CreatePartition></CreatePartitions>
<ModifyPartitions>
<ModifyPartition wcm:action="add"><Order>1</Order><PartitionID>1</PartitionID><Format>NTFS</Format><Label>System</Label><Active>true</Active></ModifyPartition>
<ModifyPartition wcm:action="add"><Order>2</Order><PartitionID>2</PartitionID><Format>NTFS</Format><Letter>C</Letter></ModifyPartition>` + s.xml[b:]
	edit("<PartitionID>3</PartitionID></InstallTo>", "<PartitionID>2</PartitionID></InstallTo>")(s)
}

// TestSetupStops is the table of what stops Windows Setup, each with the
// screen it stops with.
func TestSetupStops(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*scene)
		screen string
		pass   string
		log    string
	}{
		// A media driver your computer needs is missing / no disk.
		"no driver for the disk":           {func(s *scene) { s.answers = fstest.MapFS{} }, "media-driver", "windowsPE", "no disk"},
		"driver of the other bus only":     {without("drivers/viostor"), "media-driver", "windowsPE", "no disk"},
		"drivers elsewhere than the paths": {func(s *scene) { edit(`E:\drivers`, `E:\driver`)(s) }, "media-driver", "windowsPE", "no disk"},
		"package without its .sys":         {func(s *scene) { delete(s.answers, "drivers/viostor/viostor.sys") }, "media-driver", "windowsPE", "no disk"},
		// DiskConfiguration.
		"DiskID of no disk":       {edit("<DiskID>0</DiskID>\n          <WillWipe", "<DiskID>1</DiskID>\n          <WillWipe"), "disk-configuration", "windowsPE", "DiskID 1"},
		"InstallTo another disk":  {edit("<InstallTo><DiskID>0", "<InstallTo><DiskID>1"), "disk-configuration", "windowsPE", "DiskID 1"},
		"InstallTo no partition":  {edit("<PartitionID>3</PartitionID></InstallTo>", "<PartitionID>4</PartitionID></InstallTo>"), "disk-configuration", "windowsPE", "PartitionID 4"},
		"InstallTo the MSR":       {edit("<PartitionID>3</PartitionID></InstallTo>", "<PartitionID>2</PartitionID></InstallTo>"), "disk-configuration", "windowsPE", "NTFS"},
		"UEFI layout on BIOS":     {func(s *scene) { s.machine.Firmware = BIOS }, "disk-configuration", "windowsPE", "BIOS"},
		"BIOS layout on UEFI":     {func(s *scene) { bios(s); s.machine.Firmware = UEFI }, "disk-configuration", "windowsPE", "0 EFI"},
		"EFI partition too small": {edit("<Size>300", "<Size>50"), "disk-configuration", "windowsPE", "at least 100"},
		"disk too small":          {func(s *scene) { s.disks[virtioBlock] = []Disk{{Bytes: 8 * gib}} }, "disk-configuration", "windowsPE", "needs"},
		"not wiped": {func(s *scene) {
			edit("<WillWipeDisk>true", "<WillWipeDisk>false")(s)
			s.disks[virtioBlock][0].Partitions = 2
		}, "disk-configuration", "windowsPE", "WillWipeDisk"},
		"Extend before the last":   {edit("<Size>300</Size>", "<Extend>true</Extend>"), "disk-configuration", "windowsPE", "Extend"},
		"letter X":                 {edit("<Letter>C", "<Letter>X"), "disk-configuration", "windowsPE", "Letter"},
		"no DiskConfiguration":     {cut("<DiskConfiguration>", "</DiskConfiguration>"), "disk-page", "windowsPE", ""},
		"active partition missing": {func(s *scene) { bios(s); edit("<Active>true</Active>", "")(s) }, "disk-configuration", "windowsPE", "active"},
		"FAT32 label too long":     {edit("<Label>System", "<Label>System volume"), "disk-configuration", "windowsPE", "FAT32"},
		// No images are available.
		"unknown index":        {edit("<Value>2", "<Value>5"), "no-images", "windowsPE", ""},
		"DISPLAYNAME for NAME": {edit("<Key>/IMAGE/INDEX</Key><Value>2", "<Key>/IMAGE/NAME</Key><Value>Windows Server 2022 Standard Evaluation"), "no-images", "windowsPE", ""},
		"key of another edition": {func(s *scene) {
			volume(s)
			edit(productKey, strings.Replace(key2022, "VDYBN-27WPP-V4HQT-9VMD4-VMK7H", "WX4NM-KYWYW-QJJR4-XV3QB-6VM33", 1))(s)
		}, "no-images", "windowsPE", ""},
		"no choice among four": {cut("<InstallFrom>", "</InstallFrom>"), "edition-page", "windowsPE", ""},
		// Keys.
		"empty key":               {edit(productKey, "<ProductKey><Key/><WillShowUI>"), "key-page", "windowsPE", "empty"},
		"malformed key":           {edit(productKey, "<ProductKey><Key>VDYBN-27WPP</Key><WillShowUI>"), "key-setting", "windowsPE", ""},
		"key on evaluation media": {edit(productKey, key2022), "key-invalid", "windowsPE", "evaluation"},
		"key of another version": {func(s *scene) {
			volume(s)
			edit(productKey, strings.Replace(key2022, "VDYBN-27WPP-V4HQT-9VMD4-VMK7H", "N69G4-B89J2-4G8F4-WWYCC-J464C", 1))(s)
		}, "key-invalid", "windowsPE", "build 20348"},
		"no key, several client editions": {func(s *scene) {
			s.machine.Medium.Channel = "retail"
			for i := range s.machine.Medium.Images {
				s.machine.Medium.Images[i].InstallationType = "Client"
			}
		}, "key-page", "windowsPE", "no key"},
		"empty key in specialize":        {edit("<ComputerName>*", "<ProductKey></ProductKey><ComputerName>*"), "unattend-parse", "specialize", "empty"},
		"malformed key in specialize":    {edit("<ComputerName>*", "<ProductKey>foo</ProductKey><ComputerName>*"), "unattend-parse", "specialize", "form"},
		"evaluation's key in specialize": {edit("<ComputerName>*", specializeKey2022), "unattend-parse", "specialize", "evaluation"},
		"client's key in specialize": {func(s *scene) {
			volume(s)
			edit("<ComputerName>*", strings.Replace(specializeKey2022, "VDYBN-27WPP-V4HQT-9VMD4-VMK7H", "W269N-WFGWX-YVC9B-4J6C9-T83GX", 1))(s)
		}, "unattend-parse", "specialize", "Professional"},
		"another version's key in specialize": {func(s *scene) {
			volume(s)
			edit("<ComputerName>*", strings.Replace(specializeKey2022, "VDYBN-27WPP-V4HQT-9VMD4-VMK7H", "N69G4-B89J2-4G8F4-WWYCC-J464C", 1))(s)
		}, "unattend-parse", "specialize", "build 20348"},
		// Pages that the answer file asks for, and another course.
		"key page wished":      {edit("<ProductKey><WillShowUI>OnError", "<ProductKey><WillShowUI>Always"), "key-page", "windowsPE", "Always"},
		"disk page wished":     {edit("<DiskConfiguration>\n        <WillShowUI>OnError", "<DiskConfiguration><WillShowUI>Always"), "disk-page", "windowsPE", "DiskConfiguration/WillShowUI is Always"},
		"image page wished":    {edit("</InstallTo>\n          <WillShowUI>OnError", "</InstallTo><WillShowUI>Always"), "disk-page", "windowsPE", "OSImage/WillShowUI is Always"},
		"language page wished": {edit("<SetupUILanguage>", "<SetupUILanguage><WillShowUI>Always</WillShowUI>"), "language-page", "windowsPE", "Always"},
		"update page wished":   {edit("<UserData>", "<DynamicUpdate><WillShowUI>Always</WillShowUI></DynamicUpdate><UserData>"), "update-page", "windowsPE", "Always"},
		"upgrade":              {edit("<UserData>", "<UpgradeData><Upgrade>true</Upgrade></UpgradeData><UserData>"), "upgrade", "windowsPE", "Upgrade"},
		"image on a share":     {edit("<InstallFrom>", `<InstallFrom><Path>\\server\share\install.wim</Path>`), "install-from", "windowsPE", "share"},
		// Language.
		"no answer file":                   {func(s *scene) { s.xml = "" }, "unattend-parse", "windowsPE", ""},
		"English answers, Korean medium":   {func(s *scene) { s.machine.Medium.Languages = []string{"ko-kr"} }, "language-page", "windowsPE", "en-US"},
		"no UILanguage":                    {edit("      <UILanguage>en-US</UILanguage>\n", ""), "language-page", "windowsPE", "no UILanguage"},
		"language not in the image":        {func(s *scene) { s.machine.Medium.Images[1].Languages = []string{"ko-KR"} }, "language-page", "windowsPE", "image 2"},
		"OOBE's language not in the image": {edit(`<settings pass="oobeSystem">`, `<settings pass="oobeSystem"><component name="Microsoft-Windows-International-Core" processorArchitecture="amd64" publicKeyToken="31bf3856ad364e35" language="neutral" versionScope="nonSxS"><UILanguage>ko-KR</UILanguage></component>`), "oobe-language", "oobeSystem", "ko-KR"},
		"no international component":       {edit("International-Core-WinPE\" processorArchitecture=\"amd64\"", "International-Core-WinPE\" processorArchitecture=\"x86\""), "language-page", "windowsPE", ""},
		"licence not accepted":             {edit("<AcceptEula>true", "<AcceptEula>false"), "eula-page", "windowsPE", ""},
		// Could not parse or process, pass by pass.
		"not XML":                       {edit("</unattend>", ""), "unattend-parse", "windowsPE", ""},
		"wrong namespace":               {edit("urn:schemas-microsoft-com:unattend", "urn:schemas-microsoft-com:unattended"), "unattend-parse", "windowsPE", "namespace"},
		"unknown pass":                  {edit(`pass="oobeSystem"`, `pass="oobe"`), "unattend-parse", "windowsPE", "no such pass"},
		"unknown element":               {edit("<AcceptEula>", "<AcceptEULA>true</AcceptEULA><AcceptEula>"), "unattend-parse", "windowsPE", "AcceptEULA"},
		"unknown element later":         {edit("<ComputerName>*", "<Nonsense/><ComputerName>*"), "unattend-parse", "specialize", "Nonsense"},
		"unknown element last":          {edit("<HideEULAPage>", "<HideEULA>true</HideEULA><HideEULAPage>"), "unattend-parse", "oobeSystem", "HideEULA"},
		"component in the wrong pass":   {edit(`<settings pass="specialize">`, `<settings pass="specialize"><component name="Microsoft-Windows-Setup" processorArchitecture="amd64" publicKeyToken="31bf3856ad364e35" language="neutral" versionScope="nonSxS"/>`), "unattend-parse", "specialize", "this pass"},
		"EnhancedStorage in oobeSystem": {edit(`<settings pass="oobeSystem">`, `<settings pass="oobeSystem"><component name="Microsoft-Windows-EnhancedStorage-Adm" processorArchitecture="amd64" publicKeyToken="31bf3856ad364e35" language="neutral" versionScope="nonSxS"><TCGSecurityActivationDisabled>1</TCGSecurityActivationDisabled></component>`), "unattend-parse", "oobeSystem", "this pass"},
		"list item without action":      {edit(`<Disk wcm:action="add">`, "<Disk>"), "unattend-parse", "windowsPE", "wcm:action"},
		"keyValue twice":                {edit(`wcm:keyValue="2"`, `wcm:keyValue="1"`), "unattend-parse", "windowsPE", "wcm:keyValue"},
		"Order twice":                   {edit("<Order>2</Order><Type>MSR", "<Order>1</Order><Type>MSR"), "unattend-parse", "windowsPE", "Order"},
		"element twice":                 {edit("<AcceptEula>true</AcceptEula>", "<AcceptEula>true</AcceptEula><AcceptEula>true</AcceptEula>"), "unattend-parse", "windowsPE", "twice"},
		"boolean that is none":          {edit("<WillWipeDisk>true", "<WillWipeDisk>yes"), "unattend-parse", "windowsPE", "true or false"},
		"number out of range":           {edit("<LogonCount>3", "<LogonCount>0"), "unattend-parse", "oobeSystem", "LogonCount"},
		"enum that is none":             {edit("<Format>NTFS", "<Format>ReFS"), "unattend-parse", "windowsPE", "FAT32, NTFS"},
		"token of another publisher":    {edit("31bf3856ad364e35", "31bf3856ad364e36"), "unattend-parse", "windowsPE", "publicKeyToken"},
		"RunSynchronous path too long":  {edit("reg.exe add", "reg.exe add "+strings.Repeat(" ", 260)), "unattend-parse", "specialize", "259"},
		"driver path too long":          {edit(`D:\drivers`, `D:\`+strings.Repeat("d", 260)), "unattend-parse", "windowsPE", "259"},
		"first-logon command too long":  {edit("<CommandLine>first", "<CommandLine>"+strings.Repeat("x", 1025)), "unattend-parse", "oobeSystem", "1024"},
		// Names, zones, accounts.
		"computer name too long":            {edit("<ComputerName>*", "<ComputerName>WIN-0123456789AB"), "unattend-parse", "specialize", "15"},
		"computer name of many bytes":       {edit("<ComputerName>*", "<ComputerName>컴퓨터컴퓨터"), "unattend-parse", "specialize", "bytes"},
		"computer name of digits":           {edit("<ComputerName>*", "<ComputerName>2022"), "unattend-parse", "specialize", "digits"},
		"computer name with a dot":          {edit("<ComputerName>*", "<ComputerName>win.2022"), "unattend-parse", "specialize", "forbidden"},
		"IANA time zone":                    {edit("<TimeZone>UTC", "<TimeZone>Asia/Seoul"), "unattend-parse", "specialize", "Asia/Seoul"},
		"account name with a percent":       {edit("<Name>builder", "<Name>buil%der"), "unattend-parse", "oobeSystem", "forbidden"},
		"account NONE":                      {edit("<Name>builder", "<Name>none"), "unattend-parse", "oobeSystem", "reserved"},
		"account name too long":             {edit("<Name>builder", "<Name>a-builder-of-templates"), "unattend-parse", "oobeSystem", "20"},
		"account named as the computer":     {func(s *scene) { edit("<ComputerName>*", "<ComputerName>Builder")(s) }, "unattend-parse", "oobeSystem", "computer's name"},
		"password too simple":               {edit("<Value>Passw0rd!", "<Value>password"), "oobe-password", "oobeSystem", "builder"},
		"password with an emoji for a mark": {edit("<Value>Passw0rd!", "<Value>passw0rd😀"), "oobe-password", "oobeSystem", "builder"},
		"password with the user's name":     {edit("<Value>Passw0rd!", "<Value>Builder-2022"), "oobe-password", "oobeSystem", "builder"},
		"password encoded without suffix":   {edit("UABhAHMAcwB3ADAAcgBkACEAQQBkAG0AaQBuAGkAcwB0AHIAYQB0AG8AcgBQAGEAcwBzAHcAbwByAGQA", "UABhAHMAcwB3ADAAcgBkACEA"), "unattend-parse", "oobeSystem", "suffix"},
		"no administrator password":         {cut("<AdministratorPassword>", "</AdministratorPassword>"), "oobe-password", "oobeSystem", "without"},
		"licence page of OOBE":              {edit("<HideEULAPage>true", "<HideEULAPage>false"), "oobe-eula", "oobeSystem", ""},
		"no automatic logon":                {cut("<AutoLogon>", "</AutoLogon>"), "lock-screen", "oobeSystem", "AutoLogon"},
		"automatic logon of nobody":         {edit("<Username>Administrator", "<Username>Administrateur"), "lock-screen", "oobeSystem", "Administrateur"},
		"automatic logon, other password":   {edit("UABhAHMAcwB3ADAAcgBkACEAUABhAHMAcwB3AG8AcgBkAA==", "UABhAHMAcwB3ADAAcgBkAFAAYQBzAHMAdwBvAHIAZAA="), "lock-screen", "oobeSystem", ""},
		// Setup of 24H2 and Server 2025.
		"2025: driver on two discs": {func(s *scene) {
			server2025(s)
			addDriver(s.install, "$WinPEDriver$/viostor", "viostor", "1042")
		}, "driver-install", "windowsPE", "0x80070103"},
		"2025: driver also in DriverPaths": {func(s *scene) {
			server2025(s)
			moved := s.answers
			driversOnPath(s)
			edit(`<PathAndCredentials wcm:action="add" wcm:keyValue="1"><Path>D:\drivers</Path></PathAndCredentials>`, "")(s)
			for name, file := range moved {
				s.answers[name] = file
			}
		}, "driver-install", "windowsPE", "0x80070103"},
		"2025: INF names an absent file": {func(s *scene) { server2025(s); delete(s.answers, "$WinPEDriver$/vioscsi/vioscsi.sys") }, "driver-install", "windowsPE", "0x80070002"},
		"2025: absent letter":            {func(s *scene) { server2025(s); driversOnPath(s) }, "driver-install", "windowsPE", "0x80070002"},
		"2025: too many entries":         {func(s *scene) { server2025(s); driversOnPath(s); manyPaths(s) }, "driver-install", "windowsPE", "0xD000A000"},
		"2025: a CD's root":              {func(s *scene) { server2025(s); driversOnPath(s); edit(`D:\drivers`, `D:\`)(s) }, "driver-install", "windowsPE", "0xD000A000"},
		"2025: processor without SSE4.2": {func(s *scene) { server2025(s); s.machine.CPUFlags = []string{"popcnt"} }, "cpu-unsupported", "windowsPE", "sse4_2"},
		"2025: processor without POPCNT": {func(s *scene) { server2025(s); s.machine.CPUFlags = []string{"sse4_2"} }, "cpu-unsupported", "windowsPE", "popcnt"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene()
			c.change(s)
			_, screen := s.run()
			switch {
			case screen == nil:
				t.Fatal("Setup goes through")
			case screen.ID != c.screen || screen.Pass != c.pass || !strings.Contains(screen.Log, c.log):
				t.Errorf("screen %s in %s, log %q; want %s in %s, log with %q", screen.ID, screen.Pass, screen.Log, c.screen, c.pass, c.log)
			case screen.Title == "" || screen.Text == "" || screen.Source == "":
				t.Errorf("the screen has no title, text or source: %+v", screen)
			}
			namedBefore(t, name, s)
		})
	}
}

// without removes a folder of the answer disc.
func without(folder string) func(*scene) {
	return func(s *scene) {
		for name := range s.answers {
			if strings.HasPrefix(name, folder+"/") {
				delete(s.answers, name)
			}
		}
	}
}

// cut removes an element from the answer file.
func cut(open, end string) func(*scene) {
	return func(s *scene) {
		a, b := strings.Index(s.xml, open), strings.Index(s.xml, end)+len(end)
		s.xml = s.xml[:a] + s.xml[b:]
	}
}

func manyPaths(s *scene) {
	var b strings.Builder
	for i := range 60 {
		fmt.Fprintf(&b, `<PathAndCredentials wcm:action="add" wcm:keyValue="x%d"><Path>E:\drivers\viostor</Path></PathAndCredentials>`, i)
	}
	edit("<DriverPaths>", "<DriverPaths>"+b.String())(s)
}

func TestNoAnswerFile(t *testing.T) {
	s := newScene()
	s.machine.Discs = []Disc{{"D", winfs.New(s.install)}}
	if _, screen := Start(s.machine); screen == nil || screen.ID != "language-page" {
		t.Errorf("screen %v: Setup asks for the language", screen)
	}
}

func TestInterpret(t *testing.T) {
	for line, want := range map[string]Action{
		"cmd /c (echo wintemplate: setup.winpe start)>COM1":                                {Beacon: "wintemplate: setup.winpe start"},
		`cmd.exe /c "(echo wintemplate: setup.winpe start)>COM1 2>nul & exit /b 0"`:        {Beacon: "wintemplate: setup.winpe start"},
		"%COMSPEC% /c (echo a)>\\\\.\\COM1 2>nul":                                          {Beacon: "a"},
		`reg.exe add "HKLM\SYSTEM\Setup\LabConfig" /v BypassTPMCheck /t REG_DWORD /d 1 /f`: {Registry: &RegistryValue{`HKLM\SYSTEM\Setup\LabConfig`, "BypassTPMCheck", "REG_DWORD", "1"}},
		`reg add HKLM\SYSTEM\CurrentControlSet\Control\Network\NewNetworkWindowOff /f`:     {Registry: &RegistryValue{Key: `HKLM\SYSTEM\CurrentControlSet\Control\Network\NewNetworkWindowOff`}},
	} {
		got, err := Interpret(line)
		if err != nil || got.Beacon != want.Beacon || (got.Registry == nil) != (want.Registry == nil) ||
			got.Registry != nil && *got.Registry != *want.Registry {
			t.Errorf("%s: %+v %+v, %v", line, got, got.Registry, err)
		}
	}
	for _, line := range []string{
		"powershell.exe -Command x",
		"cmd /c echo wintemplate: 1>COM1", // a digit before > is a handle
		"cmd /c (echo a & b)>COM1",
		"cmd /c (echo 50%)>COM1",
		`reg.exe add HKLM\SOFTWARE\X /v A /d 1`, // asks
		`reg.exe add "HKLM\SOFTWARE\X /v A /d 1 /f`,
		`reg.exe add HKCU\SOFTWARE\X /f`,
		`reg.exe add HKLM\SOFTWARE\X /q`,
		`reg.exe delete HKLM\SOFTWARE\X /f`,
		"",
	} {
		if got, err := Interpret(line); err == nil {
			t.Errorf("%s: %+v", line, got)
		}
	}
}
