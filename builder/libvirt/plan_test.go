package libvirt

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/answerfile"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/media"
)

// driverISO is a drivers ISO that holds what is not missing.
type driverISO struct{ missing []string }

func (d driverISO) has(name string) bool {
	for _, m := range d.missing {
		if strings.HasPrefix(name, m) {
			return false
		}
	}
	return true
}

func (d driverISO) Version() string { return "0.1.285" }

func (d driverISO) Folder(driver string, osDirs []string, arch string) (media.DriverFolder, error) {
	for _, dir := range osDirs {
		path := driver + "/" + dir + "/" + arch
		if d.has(path) {
			return media.DriverFolder{Driver: driver, OSDir: dir, Path: path, Files: []media.DiscFile{
				media.BytesFile(driver+".inf", []byte("[Version]")),
				media.BytesFile(driver+".sys", []byte(driver)),
			}}, nil
		}
	}
	return media.DriverFolder{}, fmt.Errorf("no folder of %s for any of %v", driver, osDirs)
}

func (d driverISO) File(path string) (media.DiscFile, error) {
	if !d.has(path) {
		return media.DiscFile{}, fmt.Errorf("%s: file does not exist", path)
	}
	return media.BytesFile(path, []byte(path)), nil
}

func (d driverISO) Certificates() ([]media.DiscFile, error) {
	return []media.DiscFile{media.BytesFile("Red_Hat.cer", []byte("certificate"))}, nil
}

func image(index int, edition, installation string, build int, languages ...string) media.WindowsImage {
	return media.WindowsImage{
		Index: index, Name: fmt.Sprintf("Windows %s %d", edition, index), Flags: edition, EditionID: edition,
		InstallationType: installation, Architecture: "amd64", Languages: languages, DefaultLanguage: languages[0],
		Major: 10, Build: build, TotalBytes: 10 << 30,
	}
}

func facts(images ...media.WindowsImage) *media.Facts {
	return &media.Facts{
		InstallPath: "sources/install.wim", Images: images, UILanguages: []string{images[0].DefaultLanguage}, Channel: media.ChannelVolume,
		Architecture: "amd64", Build: images[0].Build, BIOS: true, UEFI: true,
	}
}

var testID = identity{Build: "0badcafe", UUID: "00000000-0000-4000-8000-000000000001", MAC: "52:54:00:00:00:01"}

const testPassword = "Rather-Secret-4711"

func planFor(t *testing.T, fields map[string]any, f *media.Facts, drivers driverDisc) (*Plan, error) {
	t.Helper()
	c, _, err := prepare(t, with(fields))
	if err != nil {
		t.Fatal(err)
	}
	return newPlan(c, testID, files{ISO: "/srv/w.iso", Drivers: "/srv/virtio-win.iso"}, f, drivers, testPassword)
}

var (
	server2022 = image(2, "ServerStandard", "Server", 20348, "en-US")
	server2025 = image(2, "ServerStandard", "Server", 26100, "ko-KR")
	windows11  = image(1, "Professional", "Client", 26100, "ja-JP")
)

func TestPlanServer(t *testing.T) {
	p, err := planFor(t, map[string]any{"time_zone": "Asia/Seoul"}, facts(server2022), driverISO{})
	if err != nil {
		t.Fatal(err)
	}
	if p.Account != "Administrator" || p.Answers.AdministratorPassword != testPassword || p.Answers.BuildAccount != nil {
		t.Errorf("the build logs on as %q, extra account %v", p.Account, p.Answers.BuildAccount)
	}
	if p.Product.Name != "Windows Server 2022" || p.Language != "en-US" || p.Zone.Windows != "Korea Standard Time" {
		t.Errorf("product %q, language %q, zone %q", p.Product.Name, p.Language, p.Zone.Windows)
	}
	if p.DiskBytes != 40<<30 || p.Answers.LabConfig || p.Answers.Firmware != answerfile.UEFI {
		t.Errorf("disk %d, LabConfig %v, firmware %q", p.DiskBytes, p.Answers.LabConfig, p.Answers.Firmware)
	}
	if p.Answers.ComputerName != "WT-0BADCAFE" {
		t.Errorf("computer_name %q", p.Answers.ComputerName)
	}
	if got := p.driverPath("viostor", "viostor.inf"); got != "drivers/viostor/viostor.inf" {
		t.Errorf("driver at %q", got)
	}
}

// A server's own account may be named, and an image may be older than a zone.
func TestPlanServersAccountAndZone(t *testing.T) {
	p, err := planFor(t, map[string]any{"winrm_username": "administrator", "time_zone": "America/Whitehorse"}, facts(server2022), driverISO{})
	if err != nil {
		t.Fatal(err)
	}
	if p.Account != "Administrator" || strings.Contains(strings.Join(p.Warnings, "\n"), "time_zone") {
		t.Errorf("account %q, warnings %q", p.Account, p.Warnings)
	}
	p, err = planFor(t, map[string]any{"time_zone": "America/Whitehorse"}, facts(image(2, "ServerStandard", "Server", 17763, "en-US")), driverISO{})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(strings.Join(p.Warnings, "\n"), `time_zone: "Yukon Standard Time" came to Windows after build 17763`) {
		t.Errorf("warnings %q", p.Warnings)
	}
}

func TestPlanDriversOfNewSetup(t *testing.T) {
	p, err := planFor(t, nil, facts(server2025), driverISO{})
	if err != nil {
		t.Fatal(err)
	}
	if got := p.driverPath("viostor", "viostor.inf"); got != "$WinPEDriver$/viostor/viostor.inf" {
		t.Errorf("driver at %q", got)
	}
	if p.Zone.Windows != "Korea Standard Time" {
		t.Errorf("time zone of ko-KR is %q", p.Zone.Windows)
	}
}

func TestPlanClient(t *testing.T) {
	p, err := planFor(t, map[string]any{"edition": "Professional", "memory": 2048, "cpus": 1, "lab_config": true}, facts(windows11), driverISO{})
	if err != nil {
		t.Fatal(err)
	}
	want := &answerfile.LocalAccount{Name: "packer", Password: testPassword, Administrator: true}
	if d := cmp.Diff(want, p.Answers.BuildAccount); d != "" || p.Account != "packer" || p.Answers.AdministratorPassword != "" {
		t.Errorf("account %q: %s", p.Account, d)
	}
	if !p.Answers.LabConfig {
		t.Error("lab_config is lost on its way")
	}
	text := strings.Join(p.Warnings, "\n")
	if !strings.Contains(text, "memory: 2048") || !strings.Contains(text, "cpus: 1") {
		t.Errorf("warnings: %q", text)
	}
}

// shellFragment is a fragment for Shell-Setup.
func shellFragment(pass, body string) string {
	return fmt.Sprintf(`<unattend xmlns="urn:schemas-microsoft-com:unattend" xmlns:wcm="http://schemas.microsoft.com/WMIConfig/2002/State"><settings pass="%s">`+
		`<component name="Microsoft-Windows-Shell-Setup" processorArchitecture="amd64" publicKeyToken="31bf3856ad364e35" language="neutral" versionScope="nonSxS">%s</component></settings></unattend>`, pass, body)
}

var (
	anotherZone  = shellFragment("specialize", "<TimeZone>Korea Standard Time</TimeZone>")
	anotherLogon = shellFragment("oobeSystem", `<UserAccounts><LocalAccounts><LocalAccount wcm:action="add"><Name>bob</Name><Group>Administrators</Group>`+
		`<Password><Value>Other-Secret-1</Value><PlainText>true</PlainText></Password></LocalAccount></LocalAccounts></UserAccounts>`+
		`<AutoLogon><Username>bob</Username><Password><Value>Other-Secret-1</Value><PlainText>true</PlainText></Password></AutoLogon>`)
)

func TestPlanRefuses(t *testing.T) {
	arm := server2022
	arm.Architecture = "arm64"
	old := image(1, "ServerStandard", "Server", 9600, "en-US")
	noUEFI, noBIOS := facts(server2022), facts(server2022)
	noUEFI.UEFI, noBIOS.BIOS = false, false
	unmarked := facts(server2022)
	unmarked.UEFI, unmarked.Boot.Unmarked = false, true
	for name, c := range map[string]struct {
		fields  map[string]any
		facts   *media.Facts
		missing []string
		want    []string
	}{
		"edition":            {map[string]any{"edition": "Datacenter"}, facts(server2022), nil, []string{"edition: \"Datacenter\"", "image_index 2"}},
		"architecture":       {nil, facts(arm), nil, []string{"iso_url: /srv/w.iso installs arm64"}},
		"too old":            {nil, facts(old), nil, []string{"iso_url: /srv/w.iso", "9600"}},
		"unmarked UEFI":      {nil, unmarked, nil, []string{`firmware: "uefi", but no boot image of /srv/w.iso is marked for UEFI (platform 0xEF)`, "genisoimage marks one"}},
		"no UEFI":            {nil, noUEFI, nil, []string{`firmware: "uefi"`}},
		"no BIOS":            {map[string]any{"firmware": "bios"}, noBIOS, nil, []string{`firmware: "bios"`}},
		"small disk":         {map[string]any{"disk_size": "8G"}, facts(server2022), nil, []string{"disk_size: 8.0 GiB is too small", "at least 15G"}},
		"language":           {map[string]any{"language": "fr-FR"}, facts(server2022), nil, []string{"language: \"fr-FR\" is not in the image"}},
		"no TPM":             {map[string]any{"edition": "Professional", "vtpm": false, "secure_boot": false}, signed(windows11), nil, []string{"vtpm: false, but Setup of Windows 11 demands", "secure_boot: false, but", "lab_config = true"}},
		"unsigned":           {map[string]any{"edition": "Professional"}, facts(windows11), nil, []string{"secure_boot: the UEFI boot image of /srv/w.iso is not signed", "set secure_boot = false and lab_config = true"}},
		"unsigned too":       {map[string]any{"secure_boot": true}, facts(server2022), nil, []string{"secure_boot: the UEFI boot image of /srv/w.iso is not signed", "set secure_boot = false"}},
		"account":            {map[string]any{"edition": "Professional", "lab_config": true, "winrm_username": "a/b"}, facts(windows11), nil, []string{"winrm_username: \"a/b\""}},
		"no driver":          {nil, facts(server2022), []string{"viostor/"}, []string{"drivers_iso_url: /srv/virtio-win.iso: no folder of viostor"}},
		"no tools":           {nil, facts(server2022), []string{"virtio-win-gt-x64.msi"}, []string{"drivers_iso_url: ", "virtio-win-gt-x64.msi", "complete virtio-win ISO"}},
		"fragment's account": {map[string]any{"answer_file_fragment": []map[string]any{{"content": anotherLogon}}}, facts(server2022), nil, []string{`answer_file_fragment[0]: merged`, `AutoLogon/Username: "bob", but the build logs on as "Administrator"`}},
		"fragment's zone":    {map[string]any{"answer_file_fragment": []map[string]any{{"content": anotherZone}}}, facts(server2022), nil, []string{`answer_file_fragment[0]: merged`, `the machine's clock is set for "UTC"; give it as time_zone`}},
		"all at once": {
			map[string]any{"disk_size": "8G", "language": "fr-FR"},
			noUEFI,
			[]string{"vioscsi", "guest-agent"},
			[]string{"disk_size:", "language:", "firmware:", "vioscsi", "guest-agent/qemu-ga"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := planFor(t, c.fields, c.facts, driverISO{missing: c.missing})
			if err == nil || p != nil {
				t.Fatalf("no error, plan %v", p != nil)
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q is not in: %v", want, err)
				}
			}
			if strings.Contains(err.Error(), testPassword) {
				t.Errorf("the password is shown: %v", err)
			}
		})
	}
}

func TestAnswerDisc(t *testing.T) {
	p, err := planFor(t, nil, facts(server2022), driverISO{})
	if err != nil {
		t.Fatal(err)
	}
	cert := testCertificate(t)
	list, sum, err := discFiles(p, cert, driverISO{})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]bool{}
	for _, f := range list {
		if got[f.Path] {
			t.Errorf("%s is on the disc twice", f.Path)
		}
		got[f.Path] = true
	}
	want := map[string]bool{
		"Autounattend.xml": true, "wintemplate/bootstrap.ps1": true, "wintemplate/bootstrap.json": true,
		"wintemplate/winrm.pfx": true, "wintemplate/manifest.json": true,
		"wintemplate/tools/virtio-win-gt-x64.msi": true, "wintemplate/tools/qemu-ga-x86_64.msi": true,
		"wintemplate/certs/Red_Hat.cer": true,
		"drivers/viostor/viostor.inf":   true, "drivers/viostor/viostor.sys": true,
		"drivers/vioscsi/vioscsi.inf": true, "drivers/vioscsi/vioscsi.sys": true,
		"drivers/NetKVM/NetKVM.inf": true, "drivers/NetKVM/NetKVM.sys": true,
		"drivers/vioserial/vioserial.inf": true, "drivers/vioserial/vioserial.sys": true,
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if len(sum) != 64 {
		t.Errorf("digest of the manifest is %q", sum)
	}
}
