package setup_test

import (
	"fmt"
	"slices"
	"testing"
	"testing/fstest"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/answerfile"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/windows/setup"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/windows/wimfile"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/windows/winfs"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/windows"
)

// TestGeneratedFilesInstall takes the plugin's files for each version, firmware
// and language from the start of Setup to the first logon: no screen may stop
// them, on a disk that only the answer disc has drivers for.
func TestGeneratedFilesInstall(t *testing.T) {
	for _, v := range []struct {
		build                     int
		installation, edition     string
		channel                   answerfile.Channel
		editions                  int
		mediumChannel, computerOf string
	}{
		{14393, "Server", "ServerStandard", answerfile.Volume, 4, "volume", "*"},
		{17763, "Server", "ServerStandardEval", answerfile.Evaluation, 4, "eval", "*"},
		{20348, "Server Core", "ServerDatacenterEval", answerfile.Evaluation, 4, "eval", "CORE-1"},
		{20348, "Server Core", "ServerStandardCor", answerfile.Volume, 4, "volume", "*"}, // made from updates
		{26100, "Server", "ServerDatacenter", answerfile.Volume, 4, "volume", "*"},
		{19045, "Client", "Professional", answerfile.Retail, 8, "retail", "*"},
		{19044, "Client", "EnterpriseS", answerfile.Volume, 1, "volume", "*"},
		{22631, "Client", "Enterprise", answerfile.Volume, 3, "volume", "*"},
		{26100, "Client", "EnterpriseEval", answerfile.Evaluation, 1, "eval", "*"},
		{26200, "Client", "Professional", answerfile.Retail, 11, "retail", "WIN11"},
	} {
		for _, firmware := range []answerfile.Firmware{answerfile.UEFI, answerfile.BIOS} {
			for _, language := range []string{"en-US", "ko-KR", "ja-JP"} {
				t.Run(fmt.Sprintf("%d-%s-%s-%s", v.build, v.edition, firmware, language), func(t *testing.T) {
					product, err := windows.ProductOf(v.build, v.installation)
					if err != nil {
						t.Fatal(err)
					}
					a := answerfile.Answers{
						Product: product, Firmware: firmware, Language: language, ComputerName: v.computerOf,
						LabConfig: product.Name == "Windows 11" && firmware == answerfile.BIOS,
						Image: answerfile.Image{
							Index: 2, EditionID: v.edition, Architecture: "amd64", Languages: []string{language},
							DefaultLanguage: language, SetupLanguages: []string{language}, Channel: v.channel, Editions: v.editions,
						},
					}
					if product.Server {
						a.AdministratorPassword = `Aa1! <&>"' 비밀🔑x9`
					} else {
						a.BuildAccount = &answerfile.LocalAccount{Name: "빌드 & 'x'", Password: `Aa1! <&>"' 비밀🔑x9`, Administrator: true}
					}
					install(t, a, v.installation, v.mediumChannel, v.editions)
				})
			}
		}
	}
}

// TestOtherSetupLanguage: a medium whose own pages are in English only installs
// a Korean image, as far as OOBE in Korean.
func TestOtherSetupLanguage(t *testing.T) {
	for _, v := range []struct {
		build                 int
		installation, edition string
	}{{20348, "Server", "ServerStandardEval"}, {26100, "Client", "EnterpriseEval"}} {
		product, err := windows.ProductOf(v.build, v.installation)
		if err != nil {
			t.Fatal(err)
		}
		a := answerfile.Answers{Product: product, Firmware: answerfile.UEFI, Image: answerfile.Image{
			Index: 2, EditionID: v.edition, Architecture: "amd64", Languages: []string{"ko-KR"}, DefaultLanguage: "ko-KR",
			SetupLanguages: []string{"en-US"}, Channel: answerfile.Evaluation, Editions: 1,
		}}
		if product.Server {
			a.AdministratorPassword = "Aa1!-x9-longer"
		} else {
			a.BuildAccount = &answerfile.LocalAccount{Name: "packer", Password: "Aa1!-x9-longer", Administrator: true}
		}
		install(t, a, v.installation, "eval", 1)
	}
}

// install plays one installation.
func install(t *testing.T, a answerfile.Answers, installation, channel string, editions int) {
	t.Helper()
	data, err := answerfile.Autounattend(a)
	if err != nil {
		t.Fatal(err)
	}
	disc := fstest.MapFS{"Autounattend.xml": {Data: data}}
	folder := "drivers/viostor/"
	if a.Product.DriversIn() == windows.WinPEDriver {
		folder = "$WinPEDriver$/viostor/"
	}
	disc[folder+"viostor.sys"] = &fstest.MapFile{}
	disc[folder+"viostor.inf"] = &fstest.MapFile{Data: []byte("[Version]\r\nClass=SCSIAdapter\r\n[SourceDisksFiles]\r\nviostor.sys=1,,\r\n" +
		"[Models.NTamd64]\r\n%d%=Inst, PCI\\VEN_1AF4&DEV_1042&SUBSYS_00021AF4&REV_00\r\n[Inst.Services]\r\nAddService=viostor,2,Svc\r\n")}
	block := setup.Device{Vendor: 0x1af4, Device: 0x1042}
	m := setup.Machine{
		Firmware: setup.Firmware(a.Firmware), Devices: []setup.Device{block}, CPUFlags: []string{"sse4_2", "popcnt"},
		TPM2: a.Firmware == answerfile.UEFI, SecureBoot: a.Firmware == answerfile.UEFI, MemoryMiB: 4000,
		Discs:  []setup.Disc{{Letter: "D", FS: winfs.New(fstest.MapFS{"sources/install.wim": {}})}, {Letter: "E", FS: winfs.New(disc)}},
		Medium: setup.Medium{Build: a.Product.Build, Languages: a.Image.SetupLanguages, Channel: channel},
	}
	for i := range editions + 1 {
		m.Medium.Images = append(m.Medium.Images, wimfile.Image{
			Index: i + 1, Name: fmt.Sprint("image ", i+1), TotalBytes: 9 << 30, Build: a.Product.Build, EditionID: a.Image.EditionID,
			InstallationType: installation, Languages: a.Image.Languages, DefaultLanguage: a.Image.DefaultLanguage,
		})
	}
	session, screen := setup.Start(m)
	if screen != nil {
		t.Fatalf("%v (%s)", screen, screen.Log)
	}
	if !slices.ContainsFunc(session.Drivers, func(p setup.DriverPackage) bool { return p.Serves(m.Devices) }) {
		t.Fatal("no driver for the disk was taken")
	}
	installed, screen := session.Install([]setup.Disk{{Bytes: 40 << 30}})
	if screen != nil {
		t.Fatalf("%v (%s)", screen, screen.Log)
	}
	if installed.Image.Index != 2 || installed.Layout.Windows != len(installed.Layout.Partitions)-1 {
		t.Errorf("image %d, Windows on partition %d of %d", installed.Image.Index, installed.Layout.Windows+1, len(installed.Layout.Partitions))
	}
	commands := specializeCommands(t, installed.AnswerFile, installation)
	if screen := setup.NetworkPage(a.Product.Build, installation, commands); screen != nil {
		t.Errorf("%v (%s)", screen, screen.Log)
	}
	if restarts, screen := setup.RunSynchronous(commands, func(setup.Command) int { return 0 }); screen != nil || restarts != 0 {
		t.Errorf("%d restarts, %v", restarts, screen)
	}
	logon, password, err := a.LogonAccount()
	if err != nil {
		t.Fatal(err)
	}
	welcomed, screen := session.Answers.Welcome(installation, a.ComputerName, "Administrator")
	if screen != nil {
		t.Fatalf("%v (%s)", screen, screen.Log)
	}
	if welcomed.LogonUser != logon || welcomed.LogonPassword != password || len(welcomed.Commands) != 1 {
		t.Errorf("logged on as %q with %q, commands %v", welcomed.LogonUser, welcomed.LogonPassword, welcomed.Commands)
	}
}
